// httplibTransport keeps to the contract of a transport, and each rule is seen to be broken by one that breaks it.
#include "support/faulty_transport.hpp"
#include "support/raw_server.hpp"
#include "support/support.hpp"
#include "support/tls_wires.hpp"
#include "support/transport_rules.hpp"
#include "support/violations.hpp"

#include <algorithm>
#include <set>

#include <ironjar/httplib/transport.hpp>
#include <ironjar/testing/check_transport.hpp>

namespace transport_contract_test {

using namespace ironjar;
using namespace std::chrono_literals;
using ironjar::testing::checkTransport;
using support::allBut;
using support::around;
using support::Fault;
using support::FaultyTransport;
using support::listed;
using support::rulesOf;
using support::tlsWires;

namespace {

Result<Response> redirected(const Transport& inner, const Request& request, Deadline deadline) {
  const auto response = inner(request, deadline);
  if (!response || response->status != 302) return response;
  return inner({.url = request.url + "other"}, deadline);
}
Result<Response> decoded(const Transport& inner, const Request& request, Deadline deadline) {
  Request changed = request;
  for (std::size_t at = 0; (at = changed.url.find("%20")) != std::string::npos;) changed.url.replace(at, 3, "+");
  return inner(changed, deadline);
}
Result<Response> wholeWhateverItsReaderSays(const Transport& inner, const Request& request, Deadline deadline) {
  Request whole = request;
  whole.openBody = nullptr;
  if (request.openBody) whole.body = readBody(request).value_or("what there was");
  return inner(whole, deadline);
}
Result<Response> repeated(const Transport& inner, const Request& request, Deadline deadline) {
  const auto response = inner(request, deadline);
  return response || response.error().code != Errc::transport ? response : inner(request, deadline);
}
Result<Response> thrown(const Transport& inner, const Request& request, Deadline deadline) {
  auto response = inner(request, deadline);
  if (!response) throw std::runtime_error("a transport's");
  return response;
}
Result<Response> timedOut(const Transport& inner, const Request& request, Deadline deadline) {
  auto response = inner(request, deadline);
  if (!response && response.error().code == Errc::unreachable) return fail(Errc::timeout);
  return response;
}
Result<Response> late(const Transport& inner, const Request& request, Deadline deadline) {
  return inner(request, deadline + 3s);
}
// As if a deadline were for everything.
Result<Response> impatient(const Transport& inner, const Request& request, Deadline deadline) {
  Request changed = request;
  changed.uploadIdle = 0ms;
  return inner(changed, deadline);
}
Result<Response> tooPatient(const Transport& inner, const Request& request, Deadline deadline) {
  Request changed = request;
  changed.uploadIdle = 1h;
  return inner(changed, deadline);
}
Result<Response> patientWithAll(const Transport& inner, const Request& request, Deadline deadline) {
  return inner(request, hasStreamedBody(request) ? deadline : deadline + request.uploadIdle);
}

// Gives each answer to the next request.
Transport confused() {
  struct State {
    std::mutex mutex;
    Response last;
  };
  return around([state = std::make_shared<State>()](const Transport& inner, const Request& request, Deadline deadline) {
    auto response = inner(request, deadline);
    const std::lock_guard lock(state->mutex);
    if (response) std::swap(*response, state->last);
    return response;
  });
}

// Goes on by itself for a while after the deadline.
Transport lingering() {
  struct State {
    std::vector<std::thread> threads;
    ~State() {
      for (std::thread& thread : threads) thread.join();
    }
  };
  return around([state = std::make_shared<State>()](const Transport& inner, const Request& request, Deadline deadline) {
    state->threads.emplace_back([inner, request, deadline] { static_cast<void>(inner(request, deadline + 1s)); });
    std::this_thread::sleep_until(deadline);
    return Result<Response>(fail(Errc::timeout));
  });
}

}  // namespace

TEST_CASE("V34 V35 V36: httplibTransport keeps to the contract of a transport") {
  CHECK(listed(checkTransport(httplibTransport())) == "");
}

TEST_CASE("V17 V34 V35 V36: httplibTransport keeps to it over TLS") {
  const support::Certificate certificate;
  CHECK(listed(checkTransport(httplibTransport({.caCertFile = certificate.file.string()}),
                              {.origin = "https://localhost",
                               .wires = tlsWires(certificate),
                               .deadline = std::chrono::milliseconds{500}})) == "");
}

TEST_CASE("a transport that breaks one rule is told which one; without its fault it breaks none") {
  const std::vector<std::pair<std::string, Fault>> faults = {
      {"leavings", Fault::takesLeavings}, {"fields", Fault::passesContentLength}, {"groups", Fault::keepsForAnybody},
      {"groups", Fault::keepsForFresh},   {"interim", Fault::takesInterim},       {"limits", Fault::isBoundless}};
  for (const auto& [name, fault] : faults) {
    const std::string& rule = name;
    CAPTURE(rule);
    const ironjar::testing::TransportCheck only{.except = allBut(rule), .largest = 20 * 1024 * 1024};
    CHECK(listed(checkTransport(FaultyTransport::make(Fault::none), only)) == "");
    CHECK(rulesOf(checkTransport(FaultyTransport::make(fault), only)) == std::set{rule});
  }
}

TEST_CASE("whatever else a transport may do wrong is seen") {
  const std::vector<std::pair<std::string, Transport>> transports = {
      {"early", FaultyTransport::make(Fault::none)},  // reads nothing before it has sent all
      {"response", around(redirected)},
      {"target", around(decoded)},
      {"body", around(wholeWhateverItsReaderSays)},
      {"once", around(repeated)},
      {"errors", around(thrown)},
      {"deadline", around(timedOut)},
      {"deadline", around(late)},
      {"threads", confused()},
      {"lifetime", lingering()},
      {"uploads", around(impatient)},
      {"uploads", around(tooPatient)},
      {"uploads", around(patientWithAll)}};
  const auto broken = support::brokenBy(transports);
  for (std::size_t i = 0; i < transports.size(); ++i) {
    CAPTURE(i);
    CHECK(broken[i] == std::set{transports[i].first});
  }
}

TEST_CASE("a transport that breaks several rules is told all of them, and those that it may break are left out") {
  const Transport bad = around([](const Transport& inner, const Request& request, Deadline deadline) {
    return redirected([&](const Request& a, Deadline b) { return timedOut(inner, a, b); }, request, deadline);
  });
  CHECK(rulesOf(checkTransport(bad)) == std::set<std::string>{"deadline", "errors", "response"});
  CHECK(listed(checkTransport(bad, {.except = {"deadline", "errors", "response", "limits"}})) == "");
  CHECK_THROWS_AS(static_cast<void>(checkTransport(bad, {.except = {"no rule"}})), std::invalid_argument);
}

}  // namespace transport_contract_test

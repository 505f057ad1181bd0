// Each part of checkTransport's rule about streamed bodies is seen to be broken by a transport that breaks it.
#include "support/support.hpp"
#include "support/transport_rules.hpp"
#include "support/violations.hpp"

#include <mutex>
#include <set>
#include <thread>

#include <ironjar/testing/check_transport.hpp>

namespace transport_streams_test {

using namespace ironjar;
using namespace std::chrono_literals;
using ironjar::testing::checkTransport;
using support::allBut;
using support::around;
using support::listed;
using support::rulesOf;

namespace {

// What of a streamed response is changed: by the request and what came for it.
template <class Change>
Transport streaming(Change change) {
  return around([change](const Transport& inner, const Request& request, Deadline deadline) {
    auto response = inner(request, deadline);
    if (response && response->bodyReader) change(request, *response, deadline);
    return response;
  });
}

void heldBack(const Request&, Response& response, Deadline) {
  auto whole =
      std::make_shared<Result<std::string>>(readBody({.url = {}, .openBody = [&] { return response.bodyReader; }}));
  response.bodyReader = [whole] { return *whole ? Result<std::string>(std::exchange(**whole, {})) : *whole; };
}
void cutIsEnd(const Request&, Response& response, Deadline) {
  response.bodyReader = [inner = response.bodyReader]() -> Result<std::string> {
    auto piece = inner();
    return piece || piece.error().code != Errc::transport ? piece : std::string();
  };
}
void cutOnce(const Request&, Response& response, Deadline) {
  response.bodyReader = [inner = response.bodyReader, isCut = false]() mutable -> Result<std::string> {
    if (isCut) return std::string();
    auto piece = inner();
    isCut = !piece;
    return piece;
  };
}
void endsOnce(const Request&, Response& response, Deadline) {
  response.bodyReader = [inner = response.bodyReader, hasEnded = false]() mutable -> Result<std::string> {
    if (hasEnded) return fail(Errc::transport);
    auto piece = inner();
    hasEnded = piece && piece->empty();
    return piece;
  };
}
void endsAtDeadline(const Request&, Response& response, Deadline deadline) {
  response.bodyReader = [inner = response.bodyReader, deadline]() -> Result<std::string> {
    if (std::chrono::steady_clock::now() >= deadline) return fail(Errc::timeout);
    return inner();
  };
}
void fillsWhatIsEmpty(const Request&, Response& response, Deadline) {
  if (response.status == 204) response.bodyReader = [] { return std::string("x"); };
}
void hasBoth(const Request&, Response& response, Deadline) { response.body = "x"; }
void isAsynchronous(const Request&, Response& response, Deadline) {
  response.asyncBodyReader = [inner = std::exchange(response.bodyReader, nullptr)](const auto& done) { done(inner()); };
}

// Reads ahead of who asks.
Transport readingAhead() {
  struct Ahead {
    std::mutex mutex;
    std::vector<Result<std::string>> pieces;
  };
  struct State {
    std::vector<std::thread> threads;
    ~State() {
      for (std::thread& thread : threads) thread.join();
    }
  };
  const auto state = std::make_shared<State>();
  return streaming([state](const Request&, Response& response, Deadline) {
    const auto ahead = std::make_shared<Ahead>();
    state->threads.emplace_back([ahead, inner = response.bodyReader] {
      while (true) {
        auto piece = inner();
        const std::lock_guard lock(ahead->mutex);
        ahead->pieces.push_back(piece);
        if (!piece || piece->empty()) return;
      }
    });
    response.bodyReader = [ahead, at = std::size_t{0}]() mutable -> Result<std::string> {
      while (true) {
        std::this_thread::sleep_for(1ms);
        const std::lock_guard lock(ahead->mutex);
        if (at == ahead->pieces.size()) continue;
        const auto piece = ahead->pieces[at];
        if (piece && !piece->empty()) ++at;
        return piece;
      }
    };
  });
}

// Holds each reader for as long as it lives itself.
Transport holding() {
  const auto held = std::make_shared<std::vector<BodyReader>>();
  return streaming([held](const Request&, Response& response, Deadline) { held->push_back(response.bodyReader); });
}

// Does not stream what comes for an upload, but gives a reader.
Result<Response> uploadsFirst(const Transport& inner, const Request& request, Deadline deadline) {
  Request whole = request;
  whole.streamsResponse = request.streamsResponse && request.body.empty() && !request.openBody;
  auto response = inner(whole, deadline);
  if (response && !response->bodyReader && request.streamsResponse) {
    response->bodyReader = [body = std::exchange(response->body, {})]() mutable { return std::exchange(body, {}); };
  }
  return response;
}

}  // namespace

TEST_CASE("whatever a transport may do wrong with a body that is streamed is seen") {
  std::vector<std::pair<std::string, Transport>> transports;
  for (const Transport& bad : {streaming(heldBack), streaming(cutIsEnd), streaming(cutOnce), streaming(endsOnce),
                               streaming(endsAtDeadline), streaming(fillsWhatIsEmpty), streaming(hasBoth),
                               streaming(isAsynchronous), readingAhead(), holding(), around(uploadsFirst)}) {
    transports.emplace_back("stream", bad);
  }
  const auto broken = support::brokenBy(transports);
  for (std::size_t i = 0; i < transports.size(); ++i) {
    CAPTURE(i);
    CHECK(broken[i] == std::set<std::string>{"stream"});
  }
}

TEST_CASE("a transport that gives no readers need not: that its bodies are whole is all that is looked at") {
  const Transport whole = around([](const Transport& inner, const Request& request, Deadline deadline) {
    Request held = request;
    held.streamsResponse = false;
    return inner(held, deadline);
  });
  CHECK(listed(checkTransport(whole, {.except = allBut("stream")})) == "");
  const Transport cut = around([&](const Transport&, const Request& request, Deadline deadline) {
    auto response = whole(request, deadline);
    if (response) response->body.resize(response->body.size() / 2);
    return response;
  });
  CHECK(rulesOf(checkTransport(cut, {.except = allBut("stream")})) == std::set<std::string>{"stream"});
}

}  // namespace transport_streams_test

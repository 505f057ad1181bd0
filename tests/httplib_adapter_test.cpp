// cpp-httplib's adapter keeps the rules of an adapter, and each rule is seen to be broken by one that breaks it.
#include "support/faulty_adapter.hpp"
#include "support/support.hpp"
#include "support/violations.hpp"

#include <memory>
#include <set>
#include <thread>

#include <httplib.h>
#include <ironjar/httplib.hpp>
#include <ironjar/testing/check_adapter.hpp>

namespace httplib_adapter_test {

using namespace ironjar;
using support::AdapterFault;
using support::FaultyAdapter;
using support::listed;
using support::rulesOf;
using testing::AdapterServer;
using testing::AdapterSite;
using testing::checkAdapter;

namespace {

class HttplibSite {
 public:
  explicit HttplibSite(const AdapterSite& served) {
    mountAuth(site_, served.jar, served.fetcher, served.auth);
    proxy(site_, served.prefix, served.jar, served.fetcher, served.upstream);
    const auto page = withSession(site_, served.jar, [&served](const auto& request, auto& response, Session& session) {
      respond(response, served.page(webRequest(request), session));
    });
    server_.Get(".*", page).Post(".*", page).Delete(".*", page);
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  HttplibSite(const HttplibSite&) = delete;
  HttplibSite& operator=(const HttplibSite&) = delete;
  ~HttplibSite() {
    server_.stop();
    thread_.join();
  }
  [[nodiscard]] int port() const { return port_; }

 private:
  httplib::Server server_;
  HardenedServer site_{server_};
  int port_ = 0;
  std::thread thread_;
};

AdapterServer start(const AdapterSite& site) {
  const auto running = std::make_shared<HttplibSite>(site);
  return {running->port(), running};
}

const std::vector<std::string> rules = {"session", "cookieLines", "setCookies", "failures", "auth",
                                        "proxy",   "threads",     "targets",    "fields",   "bodies",
                                        "answers", "framing",     "garbage"};

// But for what Debian's cpp-httplib does: it decodes percent signs in the values of fields.
std::vector<std::string> violationsOf(const testing::StartAdapter& adapter,
                                      const std::vector<std::string>& except = {}) {
  std::vector<std::string> violations = checkAdapter(adapter, {.except = except});
  std::erase_if(violations,
                [](const std::string& line) { return line.starts_with("fields: a field's value is not decoded"); });
  return violations;
}

}  // namespace

TEST_CASE("cpp-httplib's adapter keeps the rules of an adapter") { CHECK(listed(violationsOf(start)) == ""); }

TEST_CASE("each rule of an adapter is seen to be broken") {
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const auto fault = static_cast<AdapterFault>(i + 1);
    std::vector<std::string> others = rules;
    others.erase(others.begin() + static_cast<std::ptrdiff_t>(i));
    CAPTURE(rules[i]);
    CHECK(rulesOf(violationsOf(FaultyAdapter::starting(fault), others)) == std::set{rules[i]});
    CHECK(listed(violationsOf(FaultyAdapter::starting(AdapterFault::none), others)) == "");
  }
  CHECK_THROWS_AS(static_cast<void>(checkAdapter(start, {.except = {"no rule"}})), std::invalid_argument);
}

}  // namespace httplib_adapter_test

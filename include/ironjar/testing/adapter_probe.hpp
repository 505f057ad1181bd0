// What is served while an adapter is looked at, and what was found. Part of checkAdapter.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ironjar/fetch.hpp>
#include <ironjar/session.hpp>
#include <ironjar/testing/adapter_client.hpp>
#include <ironjar/testing/api.hpp>
#include <ironjar/testing/provider.hpp>
#include <ironjar/tokens.hpp>
#include <ironjar/web.hpp>

namespace ironjar::testing {

// What an adapter's server has to serve. Outlives the server.
struct AdapterSite {
  SessionJar jar;
  Fetcher fetcher;       // has an asyncTransport, too
  AuthOptions auth;      // the routes of a login are below auth.prefix
  std::string prefix;    // what is below is the API's
  std::string upstream;  // where the API is
  // Everything else, whatever the method: a handler in a session. It throws where that is looked at.
  std::function<Response(const WebRequest& request, Session& session)> page;
};

// A server on the loopback interface; stops when the last copy of `running` goes.
struct AdapterServer {
  int port = 0;
  std::shared_ptr<void> running;
};
using StartAdapter = std::function<AdapterServer(const AdapterSite&)>;

struct AdapterCheck {
  // Rules by their names that are not looked at, since what the adapter stands on cannot keep to them.
  std::vector<std::string> except = {};
};

namespace detail {

using namespace std::chrono_literals;

class AdapterProbe {
 public:
  explicit AdapterProbe(const StartAdapter& start) : server_(start(site_)) {}
  AdapterProbe(const AdapterProbe&) = delete;
  AdapterProbe& operator=(const AdapterProbe&) = delete;
  ~AdapterProbe() {
    provider.release();
    api.release();
  }

  // What is found from now on breaks this rule.
  void lookAt(const char* rule) { rule_ = rule; }
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }
  void expect(bool holds, const std::string& what) {
    if (!holds) violations_.push_back(rule_ + ": " + what);
  }
  void expectAnswer(const Response& response, int status, std::string_view part, const std::string& when) {
    const bool holds = response.status == status && response.body.find(part) != std::string::npos;
    expect(holds, when + ": status " + std::to_string(response.status) + " in place of " + std::to_string(status) +
                      (response.status == status ? ", with another body" : ""));
  }

  [[nodiscard]] int port() const { return server_.port; }
  [[nodiscard]] AdapterVisitor visitor() const { return AdapterVisitor(port()); }
  [[nodiscard]] int echoes() const { return echoes_; }
  // The targets of the requests for /smuggled that were served.
  [[nodiscard]] std::set<std::string> smuggled() const {
    const std::lock_guard lock(mutex_);
    return smuggled_;
  }

  Provider provider;
  Api api{provider};

 private:
  Response serve(const WebRequest& request, Session& session) {
    const std::string_view path = request.target.substr(0, request.target.find('?'));
    if (path == "/count") {
      const int count = session.get<int>("count").value_or(0) + 1;
      session.set("count", count);
      return {.status = 200, .body = std::to_string(count)};
    }
    if (path == "/look") {
      const auto told = session.get<std::string>("told").value_or("");
      return {.status = 200, .body = std::to_string(session.get<int>("count").value_or(0)) + told};
    }
    if (path == "/login") {
      session.replace();
      session.setTokens(provider.login("ada"));
      return {.status = 200, .body = "ada"};
    }
    if (path == "/cookies") {
      session.set("count", 100);
      return {.status = 200,
              .headers = {{"Set-Cookie", "theme=dark; Path=/"},
                          {"Set-Cookie", "lang=en; Path=/"},
                          {"Cache-Control", "max-age=600"}}};
    }
    if (path == "/throws") {
      session.set("told", "what a handler that throws has written");
      static_cast<void>(fetcher_.performFetch(session, {.url = api.options().origin + "/"}));
      throw std::runtime_error("what nobody is told");
    }
    if (path == "/large") {
      std::string noise;
      for (unsigned i = 0; i < 2000; ++i) noise += std::to_string(i * 2'654'435'761U);
      session.set("noise", noise);
      return {.status = 200, .body = "what would have been told"};
    }
    if (path == "/status") return {.status = std::stoi(std::string(request.target.substr(8)))};
    if (path == "/bytes") return {.status = 418, .headers = {{"X-Answer", "a, \"b\""}}, .body = allBytes()};
    if (path == "/unsendable") {
      session.set("count", 200);
      return {.status = 200, .headers = {{"X-Split", "a\r\nSet-Cookie: evil=1"}}, .body = "what cannot be sent"};
    }
    if (path == "/framed") {
      return {.status = 200,
              .headers = {{"Content-Length", "1"}, {"Transfer-Encoding", "chunked"}, {"Connection", "upgrade"}},
              .body = "four"};
    }
    if (path == "/smuggled") {
      const std::lock_guard lock(mutex_);
      smuggled_.insert(std::string(request.target));
      return {.status = 200};
    }
    return echo(request);
  }
  Response echo(const WebRequest& request) {
    ++echoes_;
    std::string text = std::string(request.method) + " " + std::string(request.target) + "\n";
    for (const auto& [name, value] : request.fields) text.append(lower(name)).append(": ").append(value).append("\n");
    return {.status = 200,
            .headers = {{"Content-Type", "application/octet-stream"}},
            .body = text + "\n" + std::string(request.body)};
  }

 public:
  static std::string allBytes() {
    std::string bytes;
    for (int i = 0; i < 100'000; ++i) bytes.push_back(static_cast<char>(i * 7 % 256));
    return bytes;
  }

 private:
  FetchOptions fetching() {
    const Transport both = transport(provider, api);
    return {.transport = both,
            .asyncTransport = onThreads(both, 4),
            .allowedOrigins = {api.options().origin},
            .tokenEndpoint = {.url = provider.tokenUrl()}};
  }

  std::string rule_;
  std::vector<std::string> violations_;
  std::atomic<int> echoes_ = 0;
  mutable std::mutex mutex_;
  std::set<std::string> smuggled_;
  Fetcher fetcher_{fetching()};
  AdapterSite site_{.jar = SessionJar({.cookieName = "sid",
                                       .passwords = "a password for tests of adapters only",
                                       .cookie = {.secure = false},
                                       .commitHooks = fetcher_.commitHooks()}),
                    .fetcher = fetcher_,
                    .auth = {.prefix = "/auth", .refreshInterval = Seconds{0}},
                    .prefix = "/api",
                    .upstream = api.options().origin + "/v1",
                    .page = [this](const WebRequest& request, Session& session) { return serve(request, session); }};
  AdapterServer server_;  // last: it uses all of the above
};

}  // namespace detail
}  // namespace ironjar::testing

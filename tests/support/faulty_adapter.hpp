// An adapter of few lines on cpp-httplib that has one fault: the control of checkAdapter.
#pragma once

#include <algorithm>
#include <chrono>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <httplib.h>
#include <ironjar/httplib.hpp>
#include <ironjar/testing/check_adapter.hpp>

namespace support {

// By the rule that it breaks.
enum class AdapterFault {
  none,
  session,      // is never committed
  cookieLines,  // only the first is read
  setCookies,   // only the last is written
  failures,     // what is due after an exception is not written
  auth,         // from wherever
  proxy,        // passes on whatever path
  threads,      // share a session
  targets,      // decoded
  fields,       // one of a name
  bodies,       // cut
  answers,      // always 200
  framing,      // httplib's own
  garbage,      // ends the server
};

class FaultyAdapter {
 public:
  FaultyAdapter(const ironjar::testing::AdapterSite& site, AdapterFault fault)
      : site_(site),
        fault_(fault),
        routes_(site.fetcher, site.auth),
        proxy_(site.prefix, site.jar, site.fetcher, site.upstream) {
    if (fault != AdapterFault::framing) hardened_.emplace(server_);
    if (fault == AdapterFault::garbage) {
      server_.set_error_handler([this](const auto&, auto&) { server_.stop(); });
    }
    const auto handler = [this](const httplib::Request& request, httplib::Response& response) {
      serve(request, response);
    };
    server_.Get(".*", handler).Post(".*", handler).Delete(".*", handler);
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  FaultyAdapter(const FaultyAdapter&) = delete;
  FaultyAdapter& operator=(const FaultyAdapter&) = delete;
  ~FaultyAdapter() {
    server_.stop();
    thread_.join();
  }

  static ironjar::testing::StartAdapter starting(AdapterFault fault) {
    return [fault](const ironjar::testing::AdapterSite& site) {
      const auto running = std::make_shared<FaultyAdapter>(site, fault);
      return ironjar::testing::AdapterServer{running->port_, running};
    };
  }

 private:
  using Request = ironjar::WebRequest;
  using Response = ironjar::Response;

  void serve(const httplib::Request& request, httplib::Response& response) {
    Request asked = ironjar::webRequest(request);
    if (fault_ == AdapterFault::targets) asked.target = request.path;
    if (fault_ == AdapterFault::bodies) asked.body = asked.body.substr(0, 1000);
    if (fault_ == AdapterFault::fields) {
      const std::map<std::string_view, std::string_view> unique(asked.fields.begin(), asked.fields.end());
      asked.fields.assign(unique.begin(), unique.end());
    }
    std::string cookies = ironjar::cookieHeader(asked);
    if (fault_ == AdapterFault::cookieLines) cookies = request.get_header_value("Cookie");
    if (fault_ == AdapterFault::threads) exchangeCookies(cookies);
    ironjar::Session session = site_.jar.open(cookies);
    Response answer;
    try {
      answer = answerTo(asked, session);
      if (fault_ != AdapterFault::session) answer = ironjar::finish(site_.jar, cookies, session, std::move(answer));
    } catch (...) {
      const bool isAtFault = fault_ == AdapterFault::failures;
      answer = isAtFault ? ironjar::internalErrorAnswer() : ironjar::internalErrorAnswer(site_.jar, cookies, session);
    }
    if (fault_ == AdapterFault::answers) answer.status = 200;
    if (fault_ == AdapterFault::setCookies) keepLastCookie(answer.headers);
    ironjar::respond(response, std::move(answer));
  }

  Response answerTo(const Request& asked, ironjar::Session& session) const {
    using Route = ironjar::AuthRoutes::Route;
    const auto route = routes_.routeOf(asked);
    if (route == Route::status) return routes_.status(session);
    if (route == Route::refresh) return routes_.refresh(asked, session);
    if (route == Route::logout && fault_ != AdapterFault::auth) return routes_.logout(asked, session);
    if (route == Route::logout) return session.destroy(), Response{.status = 204};
    if (!ironjar::isBelow(asked.target, site_.prefix)) return site_.page(asked, session);
    if (fault_ != AdapterFault::proxy) return proxy_.answer(asked, session);
    const std::string url = site_.upstream + std::string(asked.target.substr(site_.prefix.size()));
    const auto response = site_.fetcher.performFetch(session, {.method = std::string(asked.method), .url = url});
    return response ? *response : ironjar::answerFor(response.error());
  }

  // The cookies of the request before.
  void exchangeCookies(std::string& cookies) {
    const std::lock_guard lock(mutex_);
    std::swap(cookies, last_);
  }
  static void keepLastCookie(ironjar::Headers& headers) {
    for (auto first = headers.begin(); first != headers.end();) {
      const auto isCookie = [](const auto& field) { return field.first == "Set-Cookie"; };
      const bool isLast = std::count_if(first, headers.end(), isCookie) == 1;
      first = isCookie(*first) && !isLast ? headers.erase(first) : std::next(first);
    }
  }

  const ironjar::testing::AdapterSite& site_;
  const AdapterFault fault_;
  const ironjar::AuthRoutes routes_;
  const ironjar::Proxy proxy_;
  std::mutex mutex_;
  std::string last_;
  httplib::Server server_;
  std::optional<ironjar::HardenedServer> hardened_;
  int port_ = 0;
  std::thread thread_;
};

}  // namespace support

// Sessions for httplib handlers.
#pragma once

#include <algorithm>
#include <functional>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <httplib.h>
#include <ironjar/session.hpp>
#include <ironjar/tokens.hpp>

namespace ironjar {

// A handler that also gets the visitor's session.
using SessionHandler = std::function<void(const httplib::Request&, httplib::Response&, Session&)>;

// Answers for an error of performFetch's or commit's: the status and a JSON body {"reason": …}. 401 login_required
// (nobody was signed in) or session_expired, 503 temporarily_unavailable with Retry-After, 504 upstream_timeout, else
// 502 upstream_failed. No detail: that is for your log.
inline void respond(httplib::Response& response, const Error& error) {
  const auto answer = [&](int status, const char* reason) {
    response.status = status;
    response.set_content(Json{{"reason", reason}}.dump(), "application/json");
  };
  switch (error.code) {
    case Errc::loginRequired:
      return answer(401, "login_required");
    case Errc::expired:
      return answer(401, "session_expired");
    case Errc::refreshFailed:
    case Errc::overloaded:
      response.set_header("Retry-After", "2");
      return answer(503, "temporarily_unavailable");
    case Errc::timeout:
      return answer(504, "upstream_timeout");
    default:
      return answer(502, "upstream_failed");
  }
}

struct RespondOptions {
  // Where a page that the browser navigates to is sent (302) when it needs a login. A script's fetch never is.
  std::string loginUrl = {};
  // Origins of other sites whose scripts may read these answers (CORS). Whoever needs more than errors there sets such
  // headers for the whole server; those that are set already are left as they are.
  std::vector<std::string> corsOrigins = {};
};

namespace detail {

inline void allowOrigin(const httplib::Request& request, httplib::Response& response,
                        const std::vector<std::string>& origins) {
  const std::string origin = request.get_header_value("Origin");
  const bool isAllowed = std::find(origins.begin(), origins.end(), origin) != origins.end();
  if (!origins.empty()) response.headers.emplace("Vary", "Origin");
  if (!isAllowed || origin.empty() || response.has_header("Access-Control-Allow-Origin")) return;
  response.set_header("Access-Control-Allow-Origin", origin);
  response.set_header("Access-Control-Allow-Credentials", "true");
  response.set_header("Access-Control-Expose-Headers", "Retry-After");
}

}  // namespace detail

// The same for this request: pages go to sign in, and scripts of allowed origins can read why they must.
inline void respond(const httplib::Request& request, httplib::Response& response, const Error& error,
                    const RespondOptions& options) {
  const bool needsLogin = error.code == Errc::loginRequired || error.code == Errc::expired;
  const bool navigates = request.has_header("Sec-Fetch-Mode")
                             ? request.get_header_value("Sec-Fetch-Mode") == "navigate"
                             : !request.has_header("X-Requested-With") &&
                                   request.get_header_value("Accept").find("text/html") != std::string::npos;
  if (needsLogin && navigates && !options.loginUrl.empty()) return response.set_redirect(options.loginUrl);
  detail::allowOrigin(request, response, options.corsOrigins);
  respond(response, error);
}

// All Cookie lines of a request as one (RFC 9113 section 8.2.3 joins them so).
[[nodiscard]] inline std::string cookieHeader(const httplib::Request& request) {
  std::string all;
  const auto [begin, end] = request.headers.equal_range("Cookie");
  for (auto header = begin; header != end; ++header) {
    if (!all.empty()) all += "; ";
    all += header->second;
  }
  return all;
}

// Puts Set-Cookie values into a response, one per name: a later one takes an earlier one's place. Such a response
// belongs to one visitor, so caches are told.
inline void setCookies(httplib::Response& response, const std::vector<std::string>& cookies) {
  if (cookies.empty()) return;
  auto& headers = response.headers;
  for (const std::string& cookie : cookies) {
    const std::string_view name = std::string_view(cookie).substr(0, cookie.find('=') + 1);
    const auto [begin, end] = headers.equal_range("Set-Cookie");
    for (auto header = begin; header != end;) {
      header = std::string_view(header->second).starts_with(name) ? headers.erase(header) : std::next(header);
    }
    headers.emplace("Set-Cookie", cookie);
  }
  headers.erase("Cache-Control");
  headers.emplace("Cache-Control", "no-store");
  const auto [begin, end] = headers.equal_range("Vary");
  if (std::none_of(begin, end, [](const auto& vary) { return vary.second == "Cookie"; }))
    headers.emplace("Vary", "Cookie");
}

namespace detail {

// A handler that throws leaves half-written data, which is dropped; but tokens that were refreshed on the way are the
// only ones left, and a login that ended has ended. Tokens of a new login (another id) are dropped with the rest.
inline void keepTokensOnly(const SessionJar& jar, const std::string& cookies, Session& session,
                           httplib::Response& response) {
  Session before = jar.open(cookies);
  if (session.destroyed()) {
    before.destroy();
  } else if (session.tokens() && session.id() == before.id()) {
    before.copyTokens(session);
  }
  if (const auto due = jar.commit(before)) setCookies(response, *due);
}

}  // namespace detail

// Opens the session before the handler and commits it after, once. When it does not fit a cookie the
// answer is a 500 {"reason": "session_not_saved"} in place of the handler's, and the browser keeps the cookie it has.
[[nodiscard]] inline httplib::Server::Handler withSession(SessionJar jar, SessionHandler handler) {
  return [jar = std::move(jar), handler = std::move(handler)](const httplib::Request& request,
                                                              httplib::Response& response) {
    const std::string cookies = cookieHeader(request);
    Session session = jar.open(cookies);
    try {
      handler(request, response, session);
    } catch (...) {
      detail::keepTokensOnly(jar, cookies, session, response);
      throw;
    }
    const auto due = jar.commit(session);
    if (due) return setCookies(response, *due);
    detail::keepTokensOnly(jar, cookies, session, response);
    response.status = 500;
    response.headers.erase("Location");
    response.set_content(R"({"reason":"session_not_saved"})", "application/json");
  };
}

}  // namespace ironjar

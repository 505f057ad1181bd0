// Passes a part of the site on to an API, with the session's access token.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <httplib.h>
#include <ironjar/fetch.hpp>
#include <ironjar/httplib/auth.hpp>
#include <ironjar/httplib/session.hpp>
#include <ironjar/httplib/transport.hpp>

namespace ironjar {

namespace detail {

// `names` are in lower case.
inline bool isOneOf(std::string_view name, const auto& names) {
  const auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; };
  return std::any_of(std::begin(names), std::end(names), [&](std::string_view other) {
    return std::equal(name.begin(), name.end(), other.begin(), other.end(), same);
  });
}

// RFC 9110 section 7.6.1, and what each side of a proxy says of itself.
inline bool isHopByHop(std::string_view name) {
  constexpr std::array<std::string_view, 10> names = {"connection",          "keep-alive",       "proxy-authenticate",
                                                      "proxy-authorization", "proxy-connection", "te",
                                                      "transfer-encoding",   "trailer",          "upgrade",
                                                      "content-length"};
  return isOneOf(name, names);
}

// Of the browser's request: neither its credentials, nor what httplib answers itself (ranges, compression), nor what
// makes the API talk to another origin, nor the fields that httplib adds on its own account.
inline bool isForUpstream(std::string_view name, std::string_view value) {
  constexpr std::array<std::string_view, 12> withheld = {
      "host",     "origin",      "cookie",      "authorization", "accept-encoding", "range",
      "if-range", "remote_addr", "remote_port", "local_addr",    "local_port",      "expect"};
  return !isHopByHop(name) && !isOneOf(name, withheld) && !hasControls(value);  // httplib may have decoded a %0a
}

// Of the API's response: nothing that speaks for our origin, and no caching, since what made the answer private, the
// Authorization of the request (RFC 9111 section 3.5), is not on this side.
inline bool isForBrowser(std::string_view name, std::string_view value) {
  constexpr std::array<std::string_view, 13> withheld = {"set-cookie",
                                                         "clear-site-data",
                                                         "expires",
                                                         "strict-transport-security",
                                                         "vary",
                                                         "alt-svc",
                                                         "nel",
                                                         "report-to",
                                                         "x-accel-expires",
                                                         "x-sendfile",
                                                         "x-accel-redirect",
                                                         "surrogate-control",
                                                         "service-worker-allowed"};
  constexpr std::string_view caching = "cache-control";  // RFC 9213: CDN-Cache-Control and its like go before it
  const bool isCaching = name.size() >= caching.size() &&
                         isOneOf(name.substr(name.size() - caching.size()), std::array<std::string_view, 1>{caching});
  const bool isCors =
      name.size() > 15 && isOneOf(name.substr(0, 15), std::array<std::string_view, 1>{"access-control-"});
  return !isHopByHop(name) && !isOneOf(name, withheld) && !isCaching && !isCors && !hasControls(value);
}

// Whether a path leads out of the part that is passed on, as it stands or after some server has decoded it, once or
// twice, and taken a segment's parameters (`..;x`) off.
inline bool climbs(std::string_view target) {
  std::string path(target.substr(0, target.find('?')));
  for (int round = 0; round < 2; ++round) {
    std::string decoded;
    for (std::size_t at = 0; at < path.size(); ++at) {
      const std::string_view code = std::string_view(path).substr(at, 3);
      const char* const hidden = isOneOf(code, std::array<std::string_view, 1>{"%2e"})          ? "."
                                 : isOneOf(code, std::array<std::string_view, 2>{"%2f", "%5c"}) ? "/"
                                 : isOneOf(code, std::array<std::string_view, 1>{"%3b"})        ? ";"
                                 : code == "%25"                                                ? "%"
                                                                                                : nullptr;
      decoded += hidden != nullptr ? *hidden : path[at] == '\\' ? '/' : path[at];
      if (hidden != nullptr) at += 2;
    }
    path = std::move(decoded);
  }
  path += '/';
  return path.find("/../") != std::string::npos || path.find("/..;") != std::string::npos;
}

// Whether a Connection field names another one as being for this hop only (RFC 9110 section 7.6.1).
inline bool isNamed(std::string_view connection, const std::string& name) {
  std::string lower = name;
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  while (!connection.empty()) {
    const std::size_t end = std::min(connection.find(','), connection.size());
    std::string_view option = connection.substr(0, end);
    connection.remove_prefix(std::min(end + 1, connection.size()));
    option.remove_prefix(std::min(option.find_first_not_of(" \t"), option.size()));
    option = option.substr(0, option.find_last_not_of(" \t") + 1);
    if (isOneOf(option, std::array<std::string_view, 1>{lower})) return true;
  }
  return false;
}

inline Request upstreamRequest(const httplib::Request& in, std::string url) {
  Request out{.method = in.method, .url = std::move(url)};
  const std::string connection = in.get_header_value("Connection");
  for (const auto& [name, value] : in.headers) {
    if (isForUpstream(name, value) && !isNamed(connection, name)) out.headers.emplace_back(name, value);
  }
  out.body = in.body;
  return out;
}

// What stands before the `=` of a Set-Cookie value's part, without blanks.
inline std::string_view nameIn(std::string_view part) {
  const std::string_view blanks = " \t";
  part = part.substr(0, part.find('='));
  part.remove_prefix(std::min(part.find_first_not_of(blanks), part.size()));
  return part.substr(0, part.find_last_not_of(blanks) + 1);
}

// A Set-Cookie value for the browser: without its Domain, which is the API's. Nothing for a name that may not pass.
inline std::optional<std::string> cookieForBrowser(std::string_view line, const std::vector<std::string>& names) {
  std::size_t end = std::min(line.find(';'), line.size());
  const std::string_view pair = line.substr(0, end);
  const bool mayPass = std::find(names.begin(), names.end(), nameIn(pair)) != names.end();
  if (!mayPass || pair.find('=') == std::string_view::npos || hasControls(line)) return std::nullopt;
  std::string kept(pair);
  while (end < line.size()) {
    line.remove_prefix(end + 1);
    end = std::min(line.find(';'), line.size());
    const std::string_view attribute = line.substr(0, end);
    if (!isOneOf(nameIn(attribute), std::array<std::string_view, 1>{"domain"})) kept.append(";").append(attribute);
  }
  return kept;
}

inline void passOn(httplib::Response& out, const Response& in, const std::vector<std::string>& cookies) {
  if (in.status != 200) out.status = in.status;  // httplib makes it 200, or 206 when it cuts a range out of the body
  for (const auto& [name, value] : in.headers) {
    if (isForBrowser(name, value)) out.headers.emplace(name, value);
    if (!isOneOf(name, std::array<std::string_view, 1>{"set-cookie"})) continue;
    if (auto cookie = cookieForBrowser(value, cookies)) out.headers.emplace("Set-Cookie", *std::move(cookie));
  }
  out.headers.emplace("Cache-Control", "no-store");
  out.headers.emplace("Vary", "Cookie");
  out.body = in.body;
}

// The part of the target behind the prefix; nothing when the target only decodes to something below the prefix.
inline std::optional<std::string_view> behindPrefix(std::string_view target, std::string_view prefix) {
  if (!target.starts_with(prefix)) return std::nullopt;
  target.remove_prefix(prefix.size());
  const bool ends = target.empty() || target.front() == '/' || target.front() == '?';
  return ends ? std::optional(target) : std::nullopt;
}

inline std::string asPattern(std::string_view prefix) {
  std::string pattern;
  for (const char c : prefix) {
    if (std::string_view("\\^$.|?*+()[]{}").find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  return pattern + "(/.*)?";
}

}  // namespace detail

struct ProxyOptions {
  std::vector<std::string> origins = {};  // as AuthOptions::origins
  // Names of cookies that the API may set in the browser, host-only: their Domain is taken off. All others stay here,
  // and none go back up.
  std::vector<std::string> setCookies = {};
  RespondOptions errors = RespondOptions();
};

// `{prefix}/rest?query` becomes `{upstream}/rest?query` for GET, HEAD, POST, PUT, PATCH and DELETE, by performFetch: so
// the upstream's origin must be among the fetcher's allowedOrigins. The browser's Cookie and Authorization do not
// travel up; the API's caching and CORS fields and its Set-Cookie do not come down, and no answer is stored by caches.
// A request that changes something must come from this site (isSameOrigin), or gets 403. Bodies that httplib takes
// apart before a handler sees them, multipart/form-data and compressed ones, get 415. `prefix` has no slash at its end;
// routes of your own below it must be mounted before. Throws std::invalid_argument when setCookies names the session's
// own cookie.
inline void proxy(httplib::Server& server, const std::string& prefix, const SessionJar& jar, const Fetcher& fetcher,
                  const std::string& upstream, const ProxyOptions& options = {}) {
  const std::string& own = jar.options().cookieName;
  for (const std::string& name : options.setCookies) {
    if (name == own || name.starts_with(own + ".")) {
      throw std::invalid_argument("ironjar: ProxyOptions: setCookies names the session's own cookie `" + name + "`");
    }
  }
  const auto handler = [prefix, fetcher, upstream, options](const httplib::Request& in, httplib::Response& out,
                                                            Session& session) {
    const bool safe = in.method == "GET" || in.method == "HEAD";
    if (!safe && !isSameOrigin(in, options.origins)) return detail::refuseForeign(out);
    const auto answer = [&](int status) { out.status = status; };
    if (in.is_multipart_form_data() || in.has_header("Content-Encoding")) return answer(415);
    const auto rest = detail::behindPrefix(in.target, prefix);
    if (!rest) return answer(404);
    if (detail::climbs(*rest)) return answer(400);
    const auto response = fetcher.performFetch(session, detail::upstreamRequest(in, upstream + std::string(*rest)));
    if (response) return detail::passOn(out, *response, options.setCookies);
    response.error().code == Errc::malformed ? answer(400) : respond(in, out, response.error(), options.errors);
  };
  const std::string pattern = detail::asPattern(prefix);
  server.Get(pattern, withSession(jar, handler));
  server.Post(pattern, withSession(jar, handler));
  server.Put(pattern, withSession(jar, handler));
  server.Patch(pattern, withSession(jar, handler));
  server.Delete(pattern, withSession(jar, handler));
}

}  // namespace ironjar

// Passes a part of the site on to an API, with the session's access token.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include <httplib.h>
#include <ironjar/fetch.hpp>
#include <ironjar/httplib/auth.hpp>
#include <ironjar/httplib/session.hpp>

namespace ironjar {

namespace detail {

inline bool isOneOf(std::string_view name, const auto& names) {
  const auto same = [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; };
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

// Of the browser's request: neither its credentials, nor what httplib answers itself (ranges, compression), nor the
// fields that httplib adds on its own account.
inline bool isForUpstream(std::string_view name, std::string_view value) {
  constexpr std::array<std::string_view, 10> kept = {"host",       "cookie",    "authorization", "accept-encoding",
                                                     "range",      "if-range",  "remote_addr",   "remote_port",
                                                     "local_addr", "local_port"};
  const bool hasControls =
      std::any_of(value.begin(), value.end(), [](char c) { return c >= 0 && c < ' ' && c != '\t'; });
  return !isHopByHop(name) && !isOneOf(name, kept) && !hasControls;  // httplib may have decoded a %0a into a line break
}

// Whether a path leads out of the part that is passed on, as it stands or after some server has decoded it.
inline bool climbs(std::string_view target) {
  std::string path;
  target = target.substr(0, target.find('?'));
  for (std::size_t at = 0; at < target.size(); ++at) {
    const std::string_view code = target.substr(at, 3);
    const bool dot = isOneOf(code, std::array<std::string_view, 1>{"%2e"});
    const bool slash = isOneOf(code, std::array<std::string_view, 2>{"%2f", "%5c"});
    path.push_back(dot ? '.' : slash || target[at] == '\\' ? '/' : target[at]);
    if (dot || slash) at += 2;
  }
  path.push_back('/');
  return path.find("/../") != std::string::npos;
}

inline Request upstreamRequest(const httplib::Request& in, std::string url) {
  Request out{.method = in.method, .url = std::move(url)};
  for (const auto& [name, value] : in.headers) {
    if (isForUpstream(name, value)) out.headers.emplace_back(name, value);
  }
  out.body = in.body;
  return out;
}

inline void passOn(httplib::Response& out, const Response& in) {
  if (in.status != 200) out.status = in.status;  // httplib makes it 200, or 206 when it cuts a range out of the body
  for (const auto& [name, value] : in.headers) {
    if (!isHopByHop(name) && !isOneOf(name, std::array<std::string_view, 1>{"set-cookie"})) {
      out.headers.emplace(name, value);
    }
  }
  out.body = in.body;
}

}  // namespace detail

// `{prefix}/rest?query` becomes `{upstream}/rest?query` for GET, HEAD, POST, PUT, PATCH and DELETE, by performFetch: so
// the upstream's origin must be among the fetcher's allowedOrigins. The browser's Cookie and Authorization do not
// travel up, the API's Set-Cookie does not come down. A request that changes something must come from this site
// (isSameOrigin), or gets 403. multipart/form-data gets 415: httplib takes it apart before a handler sees it. `prefix`
// is plain text without a slash at its end.
inline void proxy(httplib::Server& server, const std::string& prefix, const SessionJar& jar, const Fetcher& fetcher,
                  const std::string& upstream) {
  const auto handler = [prefix, fetcher, upstream](const httplib::Request& in, httplib::Response& out,
                                                   Session& session) {
    const bool safe = in.method == "GET" || in.method == "HEAD";
    if (!safe && !isSameOrigin(in)) return detail::refuseForeign(out);
    if (in.is_multipart_form_data()) {
      out.status = 415;
      return;
    }
    const std::string_view rest = std::string_view(in.target).substr(std::min(prefix.size(), in.target.size()));
    if (detail::climbs(rest)) {
      out.status = 400;
      return;
    }
    const auto response = fetcher.performFetch(session, detail::upstreamRequest(in, upstream + std::string(rest)));
    response ? detail::passOn(out, *response) : respond(out, response.error());
  };
  const std::string pattern = prefix + "(/.*)?";
  server.Get(pattern, withSession(jar, handler));
  server.Post(pattern, withSession(jar, handler));
  server.Put(pattern, withSession(jar, handler));
  server.Patch(pattern, withSession(jar, handler));
  server.Delete(pattern, withSession(jar, handler));
}

}  // namespace ironjar

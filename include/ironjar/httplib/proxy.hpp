// Passes a part of the site on to an API, with the session's access token.
//
// Example:
//   ironjar::proxy(site, "/api", jar, fetcher, "https://api.example.com/v1");
#pragma once

#include <string>
#include <string_view>

#include <httplib.h>
#include <ironjar/fetch.hpp>
#include <ironjar/httplib/session.hpp>

namespace ironjar {

namespace detail {

// A std::regex that matches just this.
inline std::string asPattern(std::string_view prefix) {
  std::string pattern;
  for (const char c : prefix) {
    if (std::string_view("\\^$.|?*+()[]{}").find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  return pattern;
}

// Has httplib send a response as it is. It would cut ranges out of it, as often as the request says, and compress one
// that is compressed. The request is const for handlers only: httplib's own object is not.
inline void sendAsItIs(const httplib::Request& request) {
  HardenedServer::ignoreRanges(request);
  auto& own = const_cast<httplib::Request&>(request);  // NOLINT(cppcoreguidelines-pro-type-const-cast)
  own.headers.erase("Accept-Encoding");
}

}  // namespace detail

// What Proxy does, for GET, HEAD, POST, PUT, PATCH and DELETE. All that is below `prefix` is the API's: no other route
// there is reached. Bodies that httplib takes apart before a handler sees them, multipart/form-data and compressed
// ones, get 415.
inline void proxy(const HardenedServer& site, const std::string& prefix, const SessionJar& jar, const Fetcher& fetcher,
                  const std::string& upstream, const ProxyOptions& options = {}) {
  const Proxy proxy(prefix, jar, fetcher, upstream, options);
  const auto handler =
      withSession(site, jar, [proxy](const httplib::Request& request, httplib::Response& response, Session& session) {
        const bool isTakenApart = request.is_multipart_form_data() || request.has_header("Content-Encoding");
        respond(response, isTakenApart ? Response{.status = 415} : proxy.answer(webRequest(request), session));
        detail::sendAsItIs(request);
      });
  site.routeAllBelow(prefix);
  httplib::Server& server = site.server();
  const std::string pattern = detail::asPattern(prefix);
  server.Get(pattern, handler);
  server.Post(pattern, handler);
  server.Put(pattern, handler);
  server.Patch(pattern, handler);
  server.Delete(pattern, handler);
}

}  // namespace ironjar

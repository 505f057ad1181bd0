// Sessions for httplib handlers, and <ironjar/web.hpp> on httplib's types.
//
// Example:
//   const auto me = [](const httplib::Request&, httplib::Response& page, ironjar::Session& visitor) {
//     page.set_content(visitor.get<std::string>("user").value_or("nobody"), "text/plain");
//   };
//   server.Get("/me", ironjar::withSession(site, jar, me));
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <httplib.h>
#include <ironjar/http1.hpp>
#include <ironjar/httplib/server.hpp>
#include <ironjar/session.hpp>
#include <ironjar/tokens.hpp>
#include <ironjar/web.hpp>

namespace ironjar {

// A handler that also gets the visitor's session.
using SessionHandler = std::function<void(const httplib::Request&, httplib::Response&, Session&)>;

// A view of the request, for the functions of <ironjar/web.hpp>.
[[nodiscard]] inline WebRequest webRequest(const httplib::Request& request) {
  WebRequest view{.method = request.method, .target = request.target, .body = request.body};
  for (const auto& [name, value] : request.headers) view.fields.emplace_back(name, value);
  return view;
}

// Changes a response's header by a function on Headers: httplib's own container differs between versions.
template <class Change>
void changeHeaders(httplib::Response& response, const Change& change) {
  Headers headers;
  for (const auto& [name, value] : response.headers) headers.emplace_back(name, value);
  change(headers);
  response.headers = {};
  for (const auto& [name, value] : headers) response.headers.emplace(name, value);
}

// Makes an answer of <ironjar/web.hpp> the response, beside the fields that it has already, in place of whatever body.
// One that cannot be sent, such as for a field that breaks its line, becomes internalErrorAnswer(); fields of its
// framing are httplib's to write. One that is streamed counts as such: respond(request, response, answer) of
// <ironjar/httplib/stream.hpp> sends it.
inline void respond(httplib::Response& response, Response answer) {
  const bool streams = answer.bodyReader || answer.asyncBodyReader;
  if (streams || !responseHead(answer, {})) answer = internalErrorAnswer(answer);
  std::erase_if(answer.headers, [](const auto& field) { return isTransportField(field.first); });
  detail::dropBody(response);
  response.status = answer.status;
  changeHeaders(response, [&](Headers& headers) { putFields(headers, answer.headers); });
  response.body = std::move(answer.body);
}

// Answers for an error of performFetch's or commit's, as answerFor() says.
inline void respond(httplib::Response& response, const Error& error) { respond(response, answerFor(error)); }

// The same for this request: pages go to sign in, and scripts of allowed origins can read why they must.
inline void respond(const httplib::Request& request, httplib::Response& response, const Error& error,
                    const RespondOptions& options) {
  respond(response, answerFor(error, webRequest(request), options));
}

// Whether a request that changes something comes from the site itself.
[[nodiscard]] inline bool isSameOrigin(const httplib::Request& request, const Origins& origins = {}) {
  return isSameOrigin(webRequest(request), origins);
}

// All Cookie lines of a request as one.
[[nodiscard]] inline std::string cookieHeader(const httplib::Request& request) {
  return cookieHeader(webRequest(request));
}

// Puts Set-Cookie values into a response, as putSetCookies() does, and tells caches.
inline void setCookies(httplib::Response& response, const std::vector<std::string>& cookies) {
  changeHeaders(response, [&](Headers& headers) { putSetCookies(headers, cookies); });
}

namespace detail {

template <class Serve>
void serveSession(const SessionJar& jar, const httplib::Request& request, httplib::Response& response,
                  const Serve& serve) {
  if (!HardenedServer::admitted(request)) return HardenedServer::refuse(request, response);
  const std::string cookies = cookieHeader(request);
  Session session = jar.open(cookies);
  if (auto unknown = unknownSessionAnswer(session)) {
    HardenedServer::ignoreRanges(request);
    return respond(response, *std::move(unknown));
  }
  try {
    serve(session);
  } catch (...) {
    HardenedServer::ignoreRanges(request);
    setCookies(response, rollBack(jar, cookies, session));
    throw;
  }
  const Finished finished = finish(jar, cookies, session);
  if (finished.error) {
    changeHeaders(response, eraseFieldsOfBody);
    respond(response, notSavedAnswer(finished.error));
  }
  if (!finished.cookies.empty() || response.status >= 400) HardenedServer::ignoreRanges(request);
  setCookies(response, finished.cookies);
}

}  // namespace detail

// Opens the session before the handler and commits it after, once. When it does not fit a cookie the answer is
// notSavedAnswer() in place of the handler's, and the browser keeps the cookie it has. Of a handler that throws, and
// beside that answer, what rollBack() keeps is kept. No range is cut out of an answer that sets a cookie or is an
// error. For routes of the server that `site` was made of: elsewhere, or when its pre-routing handler was replaced,
// every answer is a 500 {"reason": "server_not_hardened"}, since what a session says would be open to request
// smuggling.
[[nodiscard]] inline httplib::Server::Handler withSession(const HardenedServer&, SessionJar jar,
                                                          SessionHandler handler) {
  return [jar = std::move(jar), handler = std::move(handler)](const httplib::Request& request,
                                                              httplib::Response& response) {
    detail::serveSession(jar, request, response, [&](Session& session) { handler(request, response, session); });
  };
}

}  // namespace ironjar

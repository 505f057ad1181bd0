// The provider and the API of the test kit as routes of an httplib::Server. Compiled by the application, with its own
// cpp-httplib.
//
// Example:
//   ironjar::testing::Provider provider({.origin = "http://127.0.0.1:8081"});
//   ironjar::testing::mount(server, provider);
#pragma once

#include <chrono>
#include <string>
#include <utility>

#include <httplib.h>
#include <ironjar/http.hpp>
#include <ironjar/testing/api.hpp>
#include <ironjar/testing/provider.hpp>

namespace ironjar::testing {

namespace detail {

// Fields that httplib adds on its own account stay out.
inline Request requestFrom(const httplib::Request& in, const std::string& origin) {
  Request request{.method = in.method, .url = origin + in.target};
  for (const auto& [name, value] : in.headers) {
    if (!name.starts_with("REMOTE_") && !name.starts_with("LOCAL_")) request.headers.emplace_back(name, value);
  }
  request.body = in.body;
  return request;
}

// httplib has no way to hang up without a word: the head goes out, and the connection ends before the body.
inline void hangUp(httplib::Response& out) {
  out.status = 500;
  out.set_content_provider(1, "text/plain", [](std::size_t, std::size_t, httplib::DataSink&) { return false; });
}

inline void answer(httplib::Response& out, const Result<Response>& result) {
  if (!result) return hangUp(out);
  out.status = result->status;
  const std::string type(findHeader(result->headers, "Content-Type").value_or("text/plain"));
  const bool hasBody = result->status != 204 && result->status != 304;  // RFC 9110 section 6.4.1
  if (hasBody) out.set_content(result->body, type.c_str());
  for (const auto& [name, value] : result->headers) {
    if (lower(name) != "content-type") out.headers.emplace(name, value);
  }
}

template <class Server>
httplib::Server::Handler handlerOf(Server& server, Seconds patience) {
  return [&server, patience](const httplib::Request& in, httplib::Response& out) {
    answer(out, server.handle(requestFrom(in, server.options().origin), std::chrono::steady_clock::now() + patience));
  };
}

}  // namespace detail

// What Provider::handle() has. What Provider's answers end in an
// error, ends in a connection that is closed before its time. A call that is held or hangs keeps one of the server's
// threads until release(), or until `patience` ends: call release() before the server is stopped. The provider must
// outlive the server.
inline void mount(httplib::Server& server, Provider& provider, Seconds patience = Seconds{30}) {
  const auto handler = detail::handlerOf(provider, patience);
  const ProviderOptions& options = provider.options();
  for (const char* path : {"/authorize", "/end_session", "/.well-known/openid-configuration", "/keys", "/stats"}) {
    server.Get(path, handler);
  }
  server.Post(options.tokenPath, handler).Post(options.revocationPath, handler).Post("/par", handler);
}

// Every path and method. Likewise.
inline void mount(httplib::Server& server, Api& api, Seconds patience = Seconds{30}) {
  const auto handler = detail::handlerOf(api, patience);
  server.Get(".*", handler).Post(".*", handler).Put(".*", handler).Patch(".*", handler);
  server.Delete(".*", handler).Options(".*", handler);
}

}  // namespace ironjar::testing

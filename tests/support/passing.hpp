// A site whose proxy passes requests on to an API, for tests that write both ends' bytes.
#pragma once

#include "support/raw.hpp"
#include "support/server.hpp"
#include "support/support.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <utility>

#include <ironjar/httplib.hpp>
#include <ironjar/testing/provider.hpp>
#include <ironjar/testing/transport_probe.hpp>

namespace support {

inline constexpr std::size_t mebibyte = 1024 * 1024;

using ApiPeer = ironjar::testing::detail::Peer;

// A site that passes /api on to an API on a port of its own, for visitors who are signed in.
struct Passing {
  explicit Passing(ApiPeer::Script script, std::size_t maxReplayBody = mebibyte,
                   ironjar::HardenedServerOptions hardening = {},
                   std::function<bool(const ironjar::Response&)> refusesToken = {},
                   ironjar::Seconds timeout = ironjar::Seconds{30})
      : api(std::move(script)), hardened(web.server, std::move(hardening)) {
    const std::string origin = "http://127.0.0.1:" + std::to_string(api.port());
    const ironjar::Transport sockets = ironjar::httplibTransport({.idleTimeout = std::chrono::milliseconds{100}});
    ironjar::proxy(
        hardened, "/api", jar,
        ironjar::Fetcher(
            {.transport =
                 [this, origin, sockets](const ironjar::Request& request, ironjar::Deadline deadline) {
                   const bool isApis = request.url.starts_with(origin);
                   return isApis ? sockets(request, deadline) : provider.transport()(request, deadline);
                 },
             .allowedOrigins = {origin},
             .allowHttpOnLoopback = true,
             .tokenEndpoint = {.url = provider.tokenUrl(), .clientAuth = ironjar::basicAuth("web", clientSecret)},
             .refusesToken = std::move(refusesToken),
             .timeout = timeout,
             .maxReplayBody = maxReplayBody}),
        origin);
    web.start();
    ironjar::Session visitor;
    visitor.setTokens(provider.login());
    const std::string line = jar.commit(visitor)->at(0);
    cookie = "Cookie: " + line.substr(0, line.find(';')) + "\r\n";
  }

  [[nodiscard]] std::string head(const std::string& method, const std::string& target, const std::string& fields = "",
                                 const std::string& version = "HTTP/1.1") const {
    const std::string line = method + " " + target + " " + version + "\r\nHost: 127.0.0.1\r\n";
    return line + "X-Requested-With: x\r\n" + cookie + fields + "\r\n";
  }
  // The whole answer to bytes that are sent as they are.
  [[nodiscard]] std::string send(const std::string& bytes) const {
    const RawClient client(web.port());
    static_cast<void>(client.send(bytes));
    return client.receive(std::chrono::seconds{10});
  }

  ironjar::testing::Provider provider;
  ApiPeer api;
  const ironjar::SessionJar jar = ironjar::SessionJar({.cookieName = "sid", .passwords = password});
  Running<> web;
  ironjar::HardenedServer hardened;
  std::string cookie;
};

inline std::string bodyOf(const std::string& answer) { return answer.substr(answer.find("\r\n\r\n") + 4); }

}  // namespace support

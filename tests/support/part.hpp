// A part of a site that a Proxy passes on, looked at on both sides.
#pragma once

#include "support.hpp"
#include "upstream.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace support {

using namespace ironjar;

inline Fetcher fetcherTo(Upstream& upstream) { return Fetcher(fetchOptions(upstream)); }

inline Session signedIn() {
  Session session;
  session.setTokens({.accessToken = "at", .refreshToken = "rt"});
  return session;
}

// Below /data, for https://api.example/v1.
struct Part {
  inline static const SessionJar jar{{.cookieName = "sid", .passwords = password}};

  explicit Part(ProxyOptions options = {})
      : proxy("/data", jar, fetcherTo(upstream), std::string(api) + "/v1", std::move(options)) {}

  // The request that goes up, or nothing.
  std::optional<Request> up(const WebRequest& request, const Session& session = signedIn()) const {
    auto next = proxy.upstreamRequest(request, session);
    auto* const out = std::get_if<Request>(&next);
    return out != nullptr ? std::optional(std::move(*out)) : std::nullopt;
  }
  int statusOf(const WebRequest& request, const Session& session = signedIn()) const {
    return std::get<Response>(proxy.upstreamRequest(request, session)).status;
  }
  Headers down(Headers headers, std::string_view target = "/data/items/7") const {
    return proxy.forBrowser({.target = target}, Response{.status = 200, .headers = std::move(headers)}).headers;
  }
  std::string location(std::string_view value, std::string_view target = "/data/items/7") const {
    return std::string(findHeader(down({{"Location", std::string(value)}}, target), "Location").value_or("none"));
  }

  Upstream upstream;
  Proxy proxy;
};

}  // namespace support

// A provider that rotates and an API behind it, either of which may answer wrongly for one login, for all, or for ever;
// and a site of many users. Time is virtual.
#pragma once

#include "support.hpp"

#include <functional>
#include <map>

#include <ironjar/testing/clock.hpp>

namespace support::attacked {

using namespace ironjar;

inline const std::string tokenUrl = "https://id.example/token";
inline const ironjar::Request items{.url = "https://api.example/items"};

// A provider that rotates, and an API that takes its newest tokens; both can be told to answer otherwise.
struct Site {
  explicit Site(const std::function<void(FetchOptions&)>& change = {}) : fetcher(prepared(change)) {}

  FetchOptions prepared(const std::function<void(FetchOptions&)>& change) {
    FetchOptions options{
        .transport = [this](const Request& request, Deadline deadline) { return answer(request, deadline); },
        .allowedOrigins = {"https://api.example"},
        .tokenEndpoint = {.url = tokenUrl, .clientAuth = publicClient("web")},
        .coordinator = std::make_shared<LocalCoordinator>(LocalCoordinatorOptions{.now = clock.monotonic()}),
        .now = clock.wall()};
    if (change) change(options);
    return options;
  }

  Result<Response> answer(const Request& request, Deadline deadline) {
    if (request.url != tokenUrl) {
      ++apiCalls;
      if (onApi) return onApi(std::string(findHeader(request.headers, "Authorization").value_or("")));
      return Response{.status = 200};
    }
    ++tokenCalls;
    const std::size_t begin = request.body.find("refresh_token=user-") + 14;
    const std::string user = request.body.substr(begin, request.body.find('.', begin) - begin);
    if (onToken) {
      if (auto other = onToken(user, deadline)) return *std::move(other);
    }
    return Response{.status = 200, .body = writeJson(issued(user))};
  }

  static std::string writeJson(const TokenSet& tokens) {
    return R"({"access_token":")" + tokens.accessToken + R"(","refresh_token":")" + tokens.refreshToken +
           R"(","expires_in":)" + std::to_string(tokens.lifetime->count()) + "}";
  }
  TokenSet issued(const std::string& user) {
    const std::string name = user + "." + std::to_string(++serial);
    return {.accessToken = name + "-access",
            .refreshToken = name,
            .expiresAt = clock.wallNow() + lifetime,
            .lifetime = lifetime};
  }
  Session& sessionOf(const std::string& user) {
    const auto [position, isNew] = sessions.try_emplace(user);
    if (isNew) position->second.setTokens(issued(user));
    return position->second;
  }
  bool isServed(const std::string& user) {
    const auto response = fetcher.performFetch(sessionOf(user), items);
    return response && response->status == 200;
  }

  testing::VirtualClock clock;
  Seconds lifetime{30};
  int serial = 0;
  int tokenCalls = 0;
  int apiCalls = 0;
  std::function<std::optional<Result<Response>>(const std::string& user, Deadline)> onToken;
  std::function<Result<Response>(const std::string& authorization)> onApi;
  std::map<std::string, Session> sessions;
  Fetcher fetcher;
};

inline std::string userNumber(int number) { return "user-" + std::to_string(number); }

}  // namespace support::attacked

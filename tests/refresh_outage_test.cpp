// Providers that answer wrongly for one login, or for all: what it may cost others. Each request is a Fetcher's.
#include "support/attacked.hpp"
#include "support/support.hpp"

#include <memory>
#include <utility>

namespace refresh_outage_test {

using namespace ironjar;
using support::errorOf;
using support::attacked::items;
using support::attacked::Site;
using support::attacked::userNumber;

namespace {

constexpr std::chrono::milliseconds step{500};

// How often the good user was refused in an hour with one whose token gets `poison`.
int refusalsBeside(const Response& poison) {
  Site site;
  site.onToken = [&](const std::string& user, Deadline) {
    return user == "user-bad" ? std::optional<Result<Response>>(poison) : std::nullopt;
  };
  int refusals = 0;
  for (int second = 0; second < 3600; second += 5) {
    site.clock.advance(Seconds{5});
    static_cast<void>(site.isServed("user-bad"));
    if (second % 60 == 0 && !site.isServed("user-good")) ++refusals;
  }
  return refusals;
}

Response jsonError(int status, const std::string& error) {
  return {.status = status, .headers = {{"Content-Type", "application/json"}}, .body = R"({"error":")" + error + "\"}"};
}

}  // namespace

TEST_CASE("V07 a user whose token fails, whatever the answer, costs another user nothing for an hour") {
  Response slowDown = jsonError(429, "slow_down");
  slowDown.headers.emplace_back("Retry-After", "600");
  const std::vector<Response> poisons = {jsonError(400, "invalid_request"),
                                         jsonError(400, "unauthorized_client"),
                                         jsonError(400, "invalid_scope"),
                                         jsonError(403, "some_error_of_its_own"),
                                         jsonError(200, "bad_refresh_token"),
                                         slowDown,
                                         Response{.status = 500},
                                         Response{.status = 503, .headers = {{"Retry-After", "600"}}},
                                         Response{.status = 403, .body = "<html>"}};
  for (const Response& poison : poisons) {
    CAPTURE(poison.status);
    CAPTURE(poison.body);
    CHECK(refusalsBeside(poison) == 0);
  }
}

TEST_CASE("V07 an outage: few calls whatever arrives, and everybody is served soon after it") {
  for (const bool unreachable : {false, true}) {
    CAPTURE(unreachable);
    Site site;
    bool down = true;
    site.onToken = [&](const std::string&, Deadline) -> std::optional<Result<Response>> {
      if (!down) return std::nullopt;
      if (unreachable) return Result<Response>(fail(Errc::unreachable));
      return Result<Response>(Response{.status = 503});
    };
    constexpr int users = 100;
    for (int user = 0; user < users; ++user) static_cast<void>(site.sessionOf(userNumber(user)));
    site.clock.advance(Seconds{31});
    site.tokenCalls = 0;
    for (auto time = step; time <= Seconds{60}; time += step) {
      for (int user = 0; user < users; ++user) CHECK_FALSE(site.isServed(userNumber(user)));
      site.clock.advance(step);
    }
    CHECK(site.tokenCalls <= 20);
    MESSAGE(std::string(unreachable ? "unreachable: " : "503: ") << site.tokenCalls << " requests in 60 s");
    down = false;
    for (auto time = step; time <= Seconds{5}; time += step) {
      site.clock.advance(step);
      for (int user = 0; user < users; ++user) static_cast<void>(site.isServed(userNumber(user)));
    }
    int served = 0;
    for (int user = 0; user < users; ++user) served += site.isServed(userNumber(user));
    CHECK(served == users);
  }
}

TEST_CASE("V07 a provider that blocks us is left alone: ten calls a minute at most, from a hundred sessions") {
  for (const Response& block : {Response{.status = 403, .body = "<html>"}, Response{.status = 400}}) {
    CAPTURE(block.status);
    Site site;
    site.onToken = [&](const std::string&, Deadline) { return std::optional<Result<Response>>(block); };
    for (int user = 0; user < 100; ++user) static_cast<void>(site.sessionOf(userNumber(user)));
    site.clock.advance(Seconds{31});
    site.tokenCalls = 0;
    for (int second = 0; second < 60; ++second) {
      for (int user = 0; user < 100; ++user) static_cast<void>(site.isServed(userNumber(user)));
      site.clock.advance(Seconds{1});
    }
    CHECK(site.tokenCalls <= 10);
  }
}

TEST_CASE("V07 three users whose tokens fail cost three others nothing for an hour") {
  for (const Response& poison : {Response{.status = 401}, Response{.status = 403, .body = "<html>"},
                                 Response{.status = 500}, Response{.status = 429}, jsonError(400, "invalid_request")}) {
    CAPTURE(poison.status);
    Site site;
    site.onToken = [&](const std::string& user, Deadline) {
      return user.starts_with("user-bad") ? std::optional<Result<Response>>(poison) : std::nullopt;
    };
    int refusals = 0;
    for (int second = 0; second < 3600; second += 5) {
      site.clock.advance(Seconds{5});
      for (const char* user : {"user-bad1", "user-bad2", "user-bad3"}) static_cast<void>(site.isServed(user));
      for (int user = 0; user < 3; ++user) {
        if (second % 60 == 20 * user) refusals += !site.isServed(userNumber(user));
      }
    }
    MESSAGE("refused: " << refusals << " of 180");
    CHECK(refusals <= 6);  // three different tokens in a row do look like an outage, until others succeed beside them
  }
}

TEST_CASE("V07 ten users whose tokens get errors of their own cost others nothing, once these have been served") {
  Site site;
  site.onToken = [&](const std::string& user, Deadline) {
    return user.starts_with("user-bad") ? std::optional<Result<Response>>(jsonError(400, "invalid_request"))
                                        : std::nullopt;
  };
  int refusals = 0;
  for (int second = 0; second < 1800; second += 5) {
    site.clock.advance(Seconds{5});
    for (int user = 0; user < 10; ++user) static_cast<void>(site.isServed("user-bad" + std::to_string(user)));
    for (int user = 0; user < 3; ++user) {
      if (second % 60 == 20 * user) refusals += !site.isServed(userNumber(user)) && second >= 300;
    }
  }
  CHECK(refusals == 0);
}

TEST_CASE("V07 an outage of many kinds, and a firewall that speaks JSON: few calls") {
  const std::vector<Response> mixed = {Response{.status = 502}, Response{.status = 403, .body = "<html>"},
                                       Response{.status = 429}};
  const auto callsIn = [](Seconds time, const std::function<Response(int)>& answer) {
    Site site;
    site.onToken = [&](const std::string&, Deadline) {
      return std::optional<Result<Response>>(answer(site.tokenCalls));
    };
    for (int user = 0; user < 100; ++user) static_cast<void>(site.sessionOf(userNumber(user)));
    site.clock.advance(Seconds{31});
    site.tokenCalls = 0;
    for (Seconds passed{0}; passed < time; ++passed) {
      for (int user = 0; user < 100; ++user) static_cast<void>(site.isServed(userNumber(user)));
      site.clock.advance(Seconds{1});
    }
    return site.tokenCalls;
  };
  CHECK(callsIn(Seconds{60}, [&](int call) { return mixed[static_cast<std::size_t>(call) % 3]; }) <= 20);
  CHECK(callsIn(Seconds{60}, [](int) { return jsonError(403, "blocked"); }) <= 10);
  CHECK(callsIn(Seconds{600}, [](int) { return jsonError(403, "blocked"); }) <= 100);
}

TEST_CASE("V07 an outage that a call or two interrupt: few calls all the same") {
  for (const Response& answer : {Response{.status = 503}, Response{.status = 403, .body = "<html>"}}) {
    CAPTURE(answer.status);
    Site site;
    bool isWell = false;
    site.onToken = [&](const std::string&, Deadline) -> std::optional<Result<Response>> {
      if (std::exchange(isWell, false)) return std::nullopt;
      return Result<Response>(answer);
    };
    for (int user = 0; user < 100; ++user) static_cast<void>(site.sessionOf(userNumber(user)));
    site.clock.advance(Seconds{31});
    const auto callsIn = [&](Seconds time) {
      site.tokenCalls = 0;
      for (std::chrono::milliseconds passed{0}; passed < time; passed += step) {
        for (int user = 0; user < 100; ++user) static_cast<void>(site.isServed(userNumber(user)));
        site.clock.advance(step);
      }
      return site.tokenCalls;
    };
    static_cast<void>(callsIn(Seconds{300}));  // most tokens have failed by then
    for (int interruption = 0; interruption < 3; ++interruption) {
      isWell = true;
      CHECK(callsIn(Seconds{180}) <= 3 * 20);
    }
  }
}

TEST_CASE("V07 a login that is over without a word ends where endsGrant says so, and only if it is alone in that") {
  const auto make = [](std::function<void(FetchOptions&)> change = {}) {
    return std::make_unique<Site>([change = std::move(change)](FetchOptions& options) {
      options.tokenEndpoint.endsGrant = [](const Response& answer) {
        return answer.status == 403 || answer.status == 401;
      };
      if (change) change(options);
    });
  };
  const Response forbidden{.status = 403, .body = "Forbidden"};
  SUBCASE("beside others: the fourth time") {
    const auto site = make();
    site->onToken = [&](const std::string& user, Deadline) {
      return user == "user-dead" ? std::optional<Result<Response>>(forbidden) : std::nullopt;
    };
    Session& dead = site->sessionOf("user-dead");
    static_cast<void>(site->sessionOf("user-good"));
    site->clock.advance(Seconds{31});
    for (const Seconds pause : {Seconds{1}, Seconds{2}, Seconds{4}}) {
      CHECK(errorOf(site->fetcher.performFetch(dead, items)) == Errc::refreshFailed);
      CHECK(site->isServed("user-good"));
      site->clock.advance(pause);
    }
    CHECK(errorOf(site->fetcher.performFetch(dead, items)) == RefreshEnd::invalidGrant);
    CHECK(dead.destroyed());
  }
  SUBCASE("a page for everybody, for 20 s of each minute: nobody's") {
    const auto site = make();
    int second = 0;
    site->onToken = [&](const std::string&, Deadline) {
      const bool isBlocked = second >= 300 && second < 900 && second % 60 < 20;
      return isBlocked ? std::optional<Result<Response>>(forbidden) : std::nullopt;
    };
    constexpr int users = 100;
    for (; second < 1200; ++second) {
      site->clock.advance(Seconds{1});
      for (int user = second % 60; user < users; user += 60) static_cast<void>(site->isServed(userNumber(user)));
    }
    int destroyed = 0;
    for (int user = 0; user < users; ++user) destroyed += site->sessionOf(userNumber(user)).destroyed();
    CHECK(destroyed == 0);
  }
  SUBCASE("the only user: after a minute") {
    const auto site = make();
    site->onToken = [&](const std::string&, Deadline) { return std::optional<Result<Response>>(forbidden); };
    Session& dead = site->sessionOf("user-dead");
    site->clock.advance(Seconds{31});
    int seconds = 0;
    while (errorOf(site->fetcher.performFetch(dead, items)) == Errc::refreshFailed && seconds < 1000) {
      site->clock.advance(Seconds{1});
      ++seconds;
    }
    CHECK(dead.destroyed());
    CHECK(seconds >= 60);
    CHECK(seconds < 130);
  }
  SUBCASE("a page for everybody: nobody's") {
    const auto site = make();
    site->onToken = [&](const std::string&, Deadline) { return std::optional<Result<Response>>(forbidden); };
    for (int user = 0; user < 5; ++user) static_cast<void>(site->sessionOf(userNumber(user)));
    site->clock.advance(Seconds{31});
    for (int second = 0; second < 1200; ++second) {
      for (int user = 0; user < 5; ++user) static_cast<void>(site->isServed(userNumber(user)));
      site->clock.advance(Seconds{1});
    }
    site->onToken = nullptr;
    site->clock.advance(Seconds{61});
    int served = 0;
    for (int second = 0; second < 6; ++second, site->clock.advance(Seconds{1})) {
      served = 0;
      for (int user = 0; user < 5; ++user) served += site->isServed(userNumber(user));
    }
    CHECK(served == 5);
  }
}

}  // namespace refresh_outage_test

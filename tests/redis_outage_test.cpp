// Three processes with one Redis and a provider that fails: for one login, or for all. What it costs others, and how
// often it is asked. Time is virtual, but for Redis.
#include "redis/coordinated.hpp"
#include "redis/records.hpp"
#include "support/attacked.hpp"

namespace redis_outage_test {

using namespace ironjar;
using namespace std::chrono_literals;
using Fixture = support::EmptyServer;
using support::errorOf;
using support::Held;
using support::Replica;
using support::server;
using support::tokens;
using support::waitUntilWaiting;
using support::attacked::items;
using support::attacked::Site;
using support::attacked::userNumber;

namespace {

constexpr std::chrono::milliseconds step{500};

// A site of three processes, each of which gets one request in three of everybody's.
struct Processes {
  explicit Processes(const std::function<void(FetchOptions&)>& change = {}) {
    server().command("FLUSHALL");  // its tokens are called as those of the last one
    for (int i = 0; i < 3; ++i) {
      replicas.push_back(std::make_unique<Replica>(RedisCoordinatorOptions{.local = {.now = site.clock.monotonic()}}));
      FetchOptions options = site.prepared(change);
      options.coordinator = replicas.back()->coordinator;
      fetchers.emplace_back(options);
    }
  }
  Result<Response> fetch(const std::string& user) {
    return fetchers[next++ % 3].performFetch(site.sessionOf(user), items);
  }
  bool isServed(const std::string& user) {
    const auto response = fetch(user);
    return response && response->status == 200;
  }
  int servedOf(int users) {
    int served = 0;
    for (int user = 0; user < users; ++user) served += isServed(userNumber(user));
    return served;
  }
  // These users have tokens that have ended.
  void begin(int users) {
    for (int user = 0; user < users; ++user) static_cast<void>(site.sessionOf(userNumber(user)));
    site.clock.advance(Seconds{31});
    site.tokenCalls = 0;
  }

  Site site;
  std::vector<std::unique_ptr<Replica>> replicas;
  std::vector<Fetcher> fetchers;
  std::size_t next = 0;
};

Response jsonError(int status, const std::string& error) {
  return {.status = status, .headers = {{"Content-Type", "application/json"}}, .body = R"({"error":")" + error + "\"}"};
}
const Response page{.status = 403, .body = "<html>"};

void endGrants(FetchOptions& options) {
  options.tokenEndpoint.endsGrant = [](const Response& answer) { return answer.status == 403; };
}

const RefreshAnswer maybeOver{
    .tokens = fail(Errc::refreshFailed), .mayBeOver = true, .endpoint = EndpointState::refusing};

struct Records {
  explicit Records(const Passwords& passwords)
      : link({.passwords = passwords, .port = server().port(), .timeout = 5s}),
        record(link, "c", "rt-a", {.lease = 10s, .keep = 600s, .keepInvalidGrant = 60s}) {}
  std::optional<detail::Failure> noteOf(const std::string& awaited) {
    const auto claim = record.claim("another-owner's-name-0", awaited);
    const auto* failure = claim ? std::get_if<detail::Failure>(&*claim) : nullptr;
    return failure ? std::optional(*failure) : std::nullopt;
  }
  detail::RedisLink link;
  detail::RedisRecord record;
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a note that a login may be over reaches who waits, and cannot be planted") {
  const std::string owner = "an-owner's-own-name-00";
  const std::string other = "an-owner's-own-name-01";
  Records one(support::password);
  Records two(support::password);
  REQUIRE(std::holds_alternative<detail::RedisRecord::Claimed>(one.record.claim(owner, "").value()));
  REQUIRE(one.record.release(owner, {fail(Errc::refreshFailed), 7s, EndpointState::refusing, true}));
  const auto note = two.noteOf(owner);
  REQUIRE(note);
  CHECK(note->mayBeOver);
  CHECK(note->retryAfter == 7s);
  CHECK(note->endpoint == EndpointState::refusing);

  const std::string last = server().keys("*:last").at(0);
  const std::string mark = server().command("GET", last);
  const auto plant = [&](const std::string& text) { server().command("SET", last, text, "PX", "60000"); };
  const std::string seal = mark.substr(owner.size() + 2);
  for (const std::string& planted :
       {owner + "|f0 7 2", owner + "|f0 7 2 " + seal.substr(0, 20), owner + "|fx" + seal, other + "|f" + seal,
        owner + "|f" + seal.substr(0, seal.size() - 2), owner + "|f", owner + "|f" + std::string(1000, ' ')}) {
    CAPTURE(planted);
    plant(planted);
    const auto read = two.noteOf(planted.substr(0, owner.size()));
    REQUIRE(read);
    CHECK_FALSE(read->mayBeOver);
    CHECK_FALSE(read->retryAfter);
    CHECK_FALSE(read->endpoint);
  }
  plant(mark);
  CHECK(two.noteOf(owner)->mayBeOver);
}

TEST_CASE_FIXTURE(Fixture, "a note is read by processes whose passwords overlap, as in a rotation") {
  const std::string owner = "an-owner's-own-name-00";
  const char* const newer = "another-password-that-is-long-enough-0002";
  Records one(Passwords{{2, newer}, {1, support::password}});
  Records two(Passwords{{1, support::password}, {2, newer}});
  REQUIRE(std::holds_alternative<detail::RedisRecord::Claimed>(one.record.claim(owner, "").value()));
  REQUIRE(one.record.release(owner, {fail(Errc::refreshFailed), std::nullopt, EndpointState::refusing, true}));
  const auto note = two.noteOf(owner);
  REQUIRE(note);
  CHECK(note->mayBeOver);
}

TEST_CASE_FIXTURE(Fixture, "V07 who waits for another process' call is told, too, that the login may be over") {
  testing::VirtualClock time;
  const RedisCoordinatorOptions options{.local = {.now = time.monotonic()}};
  Replica one(options);
  Replica two(options);
  for (int i = 0; i < 3; ++i) {
    CHECK(errorOf(two.refresh("a", maybeOver)) == Errc::refreshFailed);
    REQUIRE(two.refresh("b" + std::to_string(i), "c" + std::to_string(i)));
    time.advance(5s);
  }
  Held held(one, "a", maybeOver);
  support::Failure waited;
  std::thread waiting([&] { waited = errorOf(two.refresh("a", "x")); });
  waitUntilWaiting(two);
  CHECK(errorOf(held.end()) == Errc::refreshFailed);  // the first that this process sees of it
  waiting.join();
  CHECK(waited == RefreshEnd::invalidGrant);
  CHECK(two.calls == 6);
}

TEST_CASE_FIXTURE(Fixture, "V07 a user whose token fails costs another nothing for an hour, on three processes") {
  for (const Response& poison : {jsonError(400, "invalid_request"), jsonError(403, "some_error_of_its_own"),
                                 Response{.status = 500}, Response{.status = 429}, page}) {
    CAPTURE(poison.status);
    Processes three;
    three.site.onToken = [&](const std::string& user, Deadline) {
      return user == "user-bad" ? std::optional<Result<Response>>(poison) : std::nullopt;
    };
    int refusals = 0;
    for (int second = 0; second < 3600; second += 5) {
      three.site.clock.advance(Seconds{5});
      static_cast<void>(three.isServed("user-bad"));
      if (second % 60 == 0 && !three.isServed("user-good")) ++refusals;
    }
    CHECK(refusals == 0);
  }
}

TEST_CASE_FIXTURE(Fixture,
                  "V07 an outage: each of three processes asks as rarely as one, and all are served after it") {
  for (const bool unreachable : {false, true}) {
    CAPTURE(unreachable);
    Processes three;
    bool down = true;
    three.site.onToken = [&](const std::string&, Deadline) -> std::optional<Result<Response>> {
      if (!down) return std::nullopt;
      if (unreachable) return Result<Response>(fail(Errc::unreachable));
      return Result<Response>(Response{.status = 503});
    };
    constexpr int users = 100;
    three.begin(users);
    for (auto time = step; time <= Seconds{60}; time += step) {
      CHECK(three.servedOf(users) == 0);
      three.site.clock.advance(step);
    }
    MESSAGE(std::string(unreachable ? "unreachable: " : "503: ") << three.site.tokenCalls << " requests in 60 s");
    CHECK(three.site.tokenCalls <= 3 * 20);
    down = false;
    for (auto time = step; time <= Seconds{5}; time += step) {
      three.site.clock.advance(step);
      static_cast<void>(three.servedOf(users));
    }
    CHECK(three.servedOf(users) == users);
  }
}

TEST_CASE_FIXTURE(Fixture, "V07 on three processes a login ends where endsGrant says so, if it is alone in that") {
  Processes three(endGrants);
  const auto isDead = [](const std::string& user) { return user == "user-dead"; };
  three.site.onToken = [&](const std::string& user, Deadline) {
    return isDead(user) ? std::optional<Result<Response>>(page) : std::nullopt;
  };
  static_cast<void>(three.site.sessionOf("user-dead"));
  three.begin(5);
  int seconds = 0;
  for (; seconds < 120 && !three.site.sessionOf("user-dead").destroyed(); ++seconds) {
    static_cast<void>(three.isServed("user-dead"));
    CHECK(three.servedOf(5) == 5);
    three.site.clock.advance(Seconds{1});
  }
  CHECK(three.site.sessionOf("user-dead").destroyed());
  CHECK(seconds < 60);
}

TEST_CASE_FIXTURE(Fixture, "V07 a page for everybody ends nobody's login on three processes") {
  Processes three(endGrants);
  three.site.onToken = [&](const std::string&, Deadline) { return std::optional<Result<Response>>(page); };
  constexpr int users = 20;
  three.begin(users);
  for (int second = 0; second < 600; ++second) {
    CHECK(three.servedOf(users) == 0);
    three.site.clock.advance(Seconds{1});
  }
  CHECK(three.site.tokenCalls <= 3 * 100);  // ten a minute and process
  MESSAGE(three.site.tokenCalls << " requests in 600 s");
  three.site.onToken = nullptr;
  three.site.clock.advance(Seconds{61});
  for (int second = 0; second < 6; ++second, three.site.clock.advance(Seconds{1})) {
    static_cast<void>(three.servedOf(users));
  }
  CHECK(three.servedOf(users) == users);
}

}  // namespace redis_outage_test

#include "support/support.hpp"
#include "support/upstream.hpp"

#include <mutex>
#include <sstream>
#include <thread>

namespace observer_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::Upstream;

namespace {

// Keeps what it is told. Copies share it.
class Recorder {
 public:
  void operator()(const Event& event) const {
    const std::lock_guard lock(state_->mutex);
    state_->events.push_back(event);
  }
  template <class Kind>
  std::vector<Kind> all() const {
    const std::lock_guard lock(state_->mutex);
    std::vector<Kind> found;
    for (const Event& event : state_->events) {
      if (const Kind* kind = std::get_if<Kind>(&event)) found.push_back(*kind);
    }
    return found;
  }
  std::size_t count(RefreshedBy role) const {
    const auto refreshed = all<event::Refreshed>();
    return static_cast<std::size_t>(
        std::count_if(refreshed.begin(), refreshed.end(), [&](const auto& one) { return one.role == role; }));
  }
  std::string lines() const {
    const std::lock_guard lock(state_->mutex);
    std::string text;
    for (const Event& event : state_->events) text += toLine(event) + "\n";
    return text;
  }

 private:
  struct State {
    std::mutex mutex;
    std::vector<Event> events;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

struct Site {
  explicit Site(const Observer& observer) : fetcher(options(observer)), jar(jarOptions(observer)) {}

  FetchOptions options(const Observer& observer) {
    FetchOptions options = support::fetchOptions(upstream);
    options.observer = observer;
    return options;
  }
  SessionOptions jarOptions(const Observer& observer) const {
    return {.cookieName = "sid",
            .passwords = support::password,
            .commitHooks = fetcher.commitHooks(),
            .observer = observer};
  }
  std::string login() {
    Session session = jar.open("");
    session.setTokens(upstream.provider.login());
    return pairOf(jar.commit(session).value().at(0));
  }
  static std::string pairOf(const std::string& cookie) { return cookie.substr(0, cookie.find(';')); }

  Upstream upstream;
  Fetcher fetcher;
  SessionJar jar;
};

const Request items{.url = std::string(support::api) + "/items"};

}  // namespace

TEST_CASE("a request with a spent token: each step is told, under the session's tag") {
  const Recorder recorder;
  Site site(recorder);
  const std::string cookie = site.login();
  site.upstream.provider.expireAccessTokens();
  Session session = site.jar.open(cookie);
  const std::string tag = session.tag();
  CHECK(site.fetcher.performFetch(session, items)->status == 200);
  CHECK(site.jar.commit(session)->size() == 1);

  CHECK(tag.size() == 16);
  CHECK(tag == site.jar.open(cookie).tag());
  CHECK(session.id().find(tag) == std::string::npos);
  REQUIRE(recorder.all<event::Refreshed>().size() == 1);
  const event::Refreshed refreshed = recorder.all<event::Refreshed>()[0];
  CHECK(refreshed.session == tag);
  CHECK(refreshed.role == RefreshedBy::self);
  CHECK(refreshed.trigger == RefreshTrigger::unauthorized);
  CHECK(recorder.all<event::RefreshStarted>().at(0).session == tag);
  CHECK_FALSE(recorder.all<event::TokensAnswered>().at(0).error);
  CHECK(recorder.all<event::FetchRetried>().at(0).attempt == 2);
  CHECK(recorder.all<event::Unsealed>().at(0).session == tag);
  CHECK(recorder.all<event::Sealed>().size() == 2);  // the login's, and this
  CHECK(recorder.all<event::Sealed>()[1].bytes > 200);
}

TEST_CASE("R83 R16 100 requests at once: one leads, 99 follow, and that is all that needed tokens") {
  const Recorder recorder;
  Site site(recorder);
  const std::string cookie = site.login();
  site.upstream.provider.expireAccessTokens();
  site.upstream.provider.hold();
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int i = 0; i < 100; ++i) {
    threads.emplace_back([&] {
      Session session = site.jar.open(cookie);
      const auto response = site.fetcher.performFetch(session, items);
      if (response && response->status == 200) ++good;
    });
  }
  while (site.fetcher.options().coordinator->stats().waiters < 100) std::this_thread::yield();
  site.upstream.provider.release();
  for (std::thread& thread : threads) thread.join();
  CHECK(good == 100);
  CHECK(recorder.count(RefreshedBy::self) == 1);
  CHECK(recorder.count(RefreshedBy::follower) == 99);
  CHECK(recorder.all<event::Refreshed>().size() == 100);
  CHECK(recorder.all<event::RefreshStarted>().size() == 1);
  CHECK(recorder.all<event::RefreshFailed>().empty());
}

TEST_CASE("R83 R25 R31 a late request is told as one that the chain served, with the session's tag") {
  const Recorder recorder;
  Site site(recorder);
  const std::string cookie = site.login();
  site.upstream.provider.expireAccessTokens();
  for (int visit = 0; visit < 2; ++visit) {
    Session session = site.jar.open(cookie);
    CHECK(site.fetcher.performFetch(session, items)->status == 200);
  }
  CHECK(recorder.count(RefreshedBy::self) == 1);
  REQUIRE(recorder.count(RefreshedBy::chain) == 1);
  CHECK(recorder.all<event::Refreshed>()[1].trigger == RefreshTrigger::late);
  CHECK(recorder.all<event::Refreshed>()[1].session == site.jar.open(cookie).tag());
}

TEST_CASE("failures are told with their class, for the call and for each request") {
  struct Case {
    Result<Response> answer;
    std::string_view outcome;
  };
  const std::vector<Case> cases = {{Response{.status = 400, .body = R"({"error":"invalid_grant"})"}, "invalid_grant"},
                                   {Response{.status = 401, .body = R"({"error":"invalid_client"})"}, "client_refused"},
                                   {Response{.status = 503}, "transient"},
                                   {fail(Errc::timeout), "transient"}};
  for (const Case& test : cases) {
    const Recorder recorder;
    Site site(recorder);
    const std::string cookie = site.login();
    site.upstream.provider.expireAccessTokens();
    site.upstream.provider.answerTokenCalls({test.answer});
    Session session = site.jar.open(cookie);
    CHECK_FALSE(site.fetcher.performFetch(session, items));
    REQUIRE(recorder.all<event::RefreshFailed>().size() == 1);
    const auto failed = recorder.all<event::RefreshFailed>()[0];
    CHECK(outcomeOf(failed.error) == test.outcome);
    CHECK(failed.role == RefreshedBy::self);
    const auto answered = recorder.all<event::TokensAnswered>().at(0).error;
    REQUIRE(answered);
    CHECK(answered->code == failed.error.code);
    CHECK(answered->detail == failed.error.detail);
    CHECK(recorder.all<event::Refreshed>().empty());
    CHECK(site.jar.commit(session).has_value());
    CHECK(recorder.all<event::LoggedOut>().size() == (test.outcome == "invalid_grant" ? 1 : 0));
  }
}

TEST_CASE("refused cookies and logouts are told") {
  const Recorder recorder;
  Site site(recorder);
  std::string cookie = site.login();
  Session session = site.jar.open(cookie);
  session.destroy();
  CHECK(site.jar.commit(session)->size() == 5);
  CHECK(recorder.all<event::LoggedOut>().at(0).session == session.tag());
  CHECK(recorder.all<event::Rejected>().empty());

  const Session none = site.jar.open("other=1");
  CHECK(recorder.all<event::Rejected>().empty());
  cookie.back() = cookie.back() == 'A' ? 'B' : 'A';
  for (const std::string& bad : {cookie, std::string("sid=ij1.AAAA"), std::string("sid=x")}) {
    const Session refused = site.jar.open(bad);
    CHECK(recorder.all<event::Rejected>().back().error == refused.rejection());
  }
  CHECK(recorder.all<event::Rejected>().size() == 3);
}

TEST_CASE("an observer that throws changes nothing, and does not silence the next") {
  const Recorder recorder;
  const Observer throwing = [](const Event&) { throw std::runtime_error("no"); };
  Site site(combined({throwing, nullptr, recorder}));
  const std::string cookie = site.login();
  site.upstream.provider.expireAccessTokens();
  Session session = site.jar.open(cookie);
  CHECK(site.fetcher.performFetch(session, items)->status == 200);
  CHECK(recorder.all<event::Refreshed>().size() == 1);
}

TEST_CASE("a call that throws is told as one that failed") {
  const Recorder recorder;
  Upstream upstream;
  FetchOptions options = support::fetchOptions(upstream);
  options.observer = recorder;
  options.refresh = {"a provider of our own",
                     [](const TokenSet&, Deadline) -> Result<TokenSet> { throw std::runtime_error("no"); }};
  const Fetcher fetcher(options);
  Session session;
  session.setTokens({.accessToken = "a", .refreshToken = "r"});
  CHECK_FALSE(fetcher.performFetch(session, items));
  CHECK(recorder.all<event::TokensAnswered>().at(0).error->code == Errc::refreshFailed);
  CHECK(recorder.all<event::RefreshFailed>().at(0).role == RefreshedBy::self);
}

TEST_CASE("what nobody asked for is not told: a commit that catches up, a visitor who signs out of nothing") {
  const Recorder recorder;
  Site site(recorder);
  const std::string cookie = site.login();
  Session slow = site.jar.open(cookie);
  slow.set("cart", 1);
  site.upstream.provider.expireAccessTokens();
  Session quick = site.jar.open(cookie);
  CHECK(site.fetcher.performFetch(quick, items)->status == 200);
  CHECK(site.jar.commit(slow)->size() == 1);
  CHECK(slow.tokens() == quick.tokens());
  CHECK(recorder.all<event::Refreshed>().size() == 1);
  Session nobody = site.jar.open("");
  nobody.destroy();
  CHECK(site.jar.commit(nobody).has_value());
  CHECK(recorder.all<event::LoggedOut>().empty());
}

TEST_CASE("a request of a login that was signed out elsewhere is told of as late") {
  const Recorder recorder;
  Site site(recorder);
  const std::string cookie = site.login();
  Session leaving = site.jar.open(cookie);
  site.fetcher.signOut(leaving);
  Session late = site.jar.open(cookie);
  const std::string tag = late.tag();
  CHECK(support::errorOf(site.fetcher.performFetch(late, items)) == RefreshEnd::loggedOut);
  CHECK(recorder.lines().find("event=refresh_failed session=" + tag + " role=none trigger=late") != std::string::npos);
}

TEST_CASE("a failed refresh has an outcome, by what became of the login") {
  for (const auto& [error, outcome] :
       {std::pair(loginOver(RefreshEnd::invalidGrant), "invalid_grant"),
        std::pair(loginOver(RefreshEnd::superseded), "superseded"),
        std::pair(loginOver(RefreshEnd::loggedOut), "logged_out"), std::pair(fail(Errc::notAllowed), "client_refused"),
        std::pair(fail(Errc::overloaded), "overloaded"), std::pair(fail(Errc::timeout), "transient")}) {
    const std::string line = toLine(event::RefreshFailed{"a", RefreshedBy::chain, RefreshTrigger::request, error, 1ms});
    CAPTURE(line);
    CHECK(line.find(std::string("outcome=") + outcome + " ") != std::string::npos);
  }
}

TEST_CASE("an observer may use what it observes") {
  std::shared_ptr<LocalCoordinator> coordinator = std::make_shared<LocalCoordinator>();
  Upstream upstream;
  FetchOptions options = support::fetchOptions(upstream);
  options.coordinator = coordinator;
  std::atomic<std::size_t> known{0};
  options.observer = [&](const Event&) { known = std::max<std::size_t>(known, coordinator->stats().tokens); };
  const Fetcher fetcher(options);
  Session session;
  session.setTokens(upstream.provider.login());
  upstream.provider.expireAccessTokens();
  CHECK(fetcher.performFetch(session, items)->status == 200);
  CHECK(known == 2);
}

TEST_CASE("R82 no line holds a token, a cookie, a secret or a value; each names the session") {
  const Recorder recorder;
  Site site(recorder);
  const std::string cookie = site.login();
  for (const bool refused : {false, true}) {
    site.upstream.provider.expireAccessTokens();
    if (refused)
      site.upstream.provider.answerTokenCalls({Response{.status = 400, .body = R"({"error":"invalid_grant"})"}});
    Session session = site.jar.open(cookie);
    const auto response = site.fetcher.performFetch(session, items);
    CHECK(response.has_value() != refused);
    session.set("name", "canary-value");
    CHECK(site.jar.commit(session).has_value());
  }
  const std::string lines = recorder.lines();
  for (const char* secret : {"at-", "rt-", "canary-value", "ij1.", support::password, support::clientSecret}) {
    CAPTURE(secret);
    CHECK(lines.find(secret) == std::string::npos);
  }
  CHECK(lines.find("event=refreshed session=" + site.jar.open(cookie).tag() + " role=self") != std::string::npos);
}

TEST_CASE("lines: one for each event, in logfmt, whatever the texts hold") {
  CHECK(toLine(event::Sealed{"5d7c02a4b6198f3e", 412}) == "event=sealed session=5d7c02a4b6198f3e bytes=412");
  CHECK(toLine(event::Refreshed{"", RefreshedBy::follower, RefreshTrigger::expiry, 31400us}) ==
        "event=refreshed role=follower trigger=expiry took_ms=31.4");
  CHECK(
      toLine(event::RefreshFailed{"a", RefreshedBy::self, RefreshTrigger::service,
                                  loginOver(RefreshEnd::invalidGrant, "x"), 1ms}) ==
      R"(event=refresh_failed session=a role=self trigger=service took_ms=1.0 outcome=invalid_grant error=loginRequired detail=x)");
  CHECK(toLine(event::Rejected{fail(Errc::tampered, "a \"b\"\r\nevent=forged\xff")}) ==
        R"(event=rejected error=tampered detail="a \"b\"\r\nevent=forged\ufffd")");
  CHECK(toLine(event::CoordinatorDegraded{false, ""}) == R"(event=coordinator_recovered why="")");
  CHECK(toLine(event::LoggedOut{"a"}) == "event=logged_out session=a");
  CHECK(toLine(event::FetchRetried{"a", 2}) == "event=fetch_retried session=a attempt=2");
  CHECK(toLine(event::RefreshStarted{"a"}) == "event=refresh_started session=a trigger=unauthorized");
  CHECK(toLine(event::TokensAnswered{"a", RefreshTrigger::request, fail(Errc::timeout), 2ms}) ==
        R"(event=tokens_answered session=a trigger=request took_ms=2.0 error=timeout)");
}

TEST_CASE("lines of several threads do not mix") {
  std::ostringstream out;
  const Observer observer = logLines(out);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 100; ++n) observer(event::Sealed{"0123456789abcdef", 1});
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::istringstream in(out.str());
  std::string line;
  int count = 0;
  for (; std::getline(in, line); ++count) CHECK(line == "event=sealed session=0123456789abcdef bytes=1");
  CHECK(count == 400);
}

}  // namespace observer_test

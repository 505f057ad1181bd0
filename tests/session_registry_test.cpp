// The list of a user's own sessions, and ending them.
#include "support/browser.hpp"
#include "support/support.hpp"

#include <atomic>
#include <thread>

#include <ironjar/session_registry.hpp>
#include <ironjar/tokens.hpp>

namespace session_registry_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::Browser;

namespace {

struct Site {
  explicit Site(SessionRegistryOptions limits = {})
      : registry(std::make_shared<LocalSessionRegistry>([&] {
          limits.now = time.wall();
          return limits;
        }())) {}

  [[nodiscard]] SessionOptions options() const {
    SessionOptions session{.cookieName = "sid", .passwords = support::password, .isRevoked = revokedBy(denied)};
    session.seal.now = time.wall();
    session.commitHooks = denyingLogouts({}, denied);
    return session;
  }
  void signIn(Browser& browser, const std::string& user = "ada", const Json& more = Json::object()) const {
    support::visit(jar, browser, [&](Session& session) {
      session.replace();
      session.setTokens({.accessToken = "at-" + user, .refreshToken = "rt-" + user});
      session.set("sub", user);
      for (const auto& [name, value] : more.items()) session.set(name, value);
    });
  }
  void write(Browser& browser) const {
    support::visit(jar, browser, [](Session& session) { session.set("n", session.get<int>("n").value_or(0) + 1); });
  }
  [[nodiscard]] Session sessionOf(const Browser& browser) const { return jar.open(browser.header()); }
  [[nodiscard]] bool isSignedIn(const Browser& browser) const { return sessionOf(browser).tokens().has_value(); }
  [[nodiscard]] std::vector<ListedSession> listFor(const Browser& browser) const {
    return own.list(sessionOf(browser)).value();
  }

  testing::VirtualClock time{support::at(1'700'000'000'000)};
  std::shared_ptr<LocalRevocationList> denied =
      std::make_shared<LocalRevocationList>(RevocationOptions{.now = time.wall()});
  std::shared_ptr<LocalSessionRegistry> registry;
  SessionJar jar{recordingSessions(options(), registry)};
  OwnSessions own{registry, denied};
};

}  // namespace

TEST_CASE("a user sees the own sessions, the last written first, and which one asks") {
  Site site;
  Browser laptop;
  Browser phone;
  site.signIn(laptop, "ada", {{"sessionLabel", "Laptop"}});
  site.time.advance(60s);
  site.signIn(phone);
  site.time.advance(60s);
  site.write(laptop);
  const auto list = site.listFor(phone);
  REQUIRE(list.size() == 2);
  CHECK(list[0].id == site.sessionOf(laptop).tag());
  CHECK(list[0].label == "Laptop");
  CHECK(list[0].startedAt == support::at(1'700'000'000'000));
  CHECK(list[0].lastSeen == support::at(1'700'000'120'000));
  CHECK_FALSE(list[0].isCurrent);
  CHECK(list[1].id == site.sessionOf(phone).tag());
  CHECK(list[1].label.empty());
  CHECK(list[1].isCurrent);
}

TEST_CASE("one that is ended opens nowhere, and is in no list") {
  Site site;
  Browser laptop;
  Browser phone;
  site.signIn(laptop);
  site.signIn(phone);
  const std::string id = site.sessionOf(laptop).tag();
  CHECK(site.own.end(site.sessionOf(phone), id).value());
  CHECK_FALSE(site.isSignedIn(laptop));
  CHECK(site.isSignedIn(phone));
  CHECK(site.listFor(phone).size() == 1);
  CHECK_FALSE(site.own.end(site.sessionOf(phone), id).value());
  CHECK_FALSE(site.own.end(site.sessionOf(phone), site.sessionOf(phone).tag()).value());  // the own one: a logout
  CHECK(site.isSignedIn(phone));
}

TEST_CASE("all but the one that asks are ended") {
  Site site;
  std::vector<Browser> browsers(5);
  for (Browser& browser : browsers) site.signIn(browser);
  CHECK(site.own.endOthers(site.sessionOf(browsers[2])).value() == 4);
  for (std::size_t i = 0; i < browsers.size(); ++i) CHECK(site.isSignedIn(browsers[i]) == (i == 2));
  CHECK(site.listFor(browsers[2]).size() == 1);
  CHECK(site.own.endOthers(site.sessionOf(browsers[2])).value() == 0);
}

TEST_CASE("who has signed out, was denied or signed out by the provider is in no list") {
  Site site;
  Browser phone;
  site.signIn(phone);
  Browser out;
  site.signIn(out);
  support::visit(site.jar, out, [](Session& session) { session.destroy(); });
  Browser byProvider;
  site.signIn(byProvider, "ada", {{"sid", "s-1"}});
  CHECK(site.listFor(phone).size() == 2);
  CHECK(backChannelLogout(*site.denied, {.sid = "s-1"}));
  CHECK(site.listFor(phone).size() == 1);
}

TEST_CASE("a login that takes a session's place takes its place in the list, where the application says so") {
  Site site;
  Browser phone;
  site.signIn(phone);
  forgetSession(*site.registry, site.sessionOf(phone));
  site.signIn(phone);
  CHECK(site.listFor(phone).size() == 1);
}

TEST_CASE("visitors, and sessions that name nobody, are not recorded and see nothing") {
  Site site;
  Browser visitor;
  support::visit(site.jar, visitor, [](Session& session) { session.set("sub", "ada"); });
  Browser nameless;
  site.signIn(nameless, "");
  site.signIn(nameless, std::string(256, 'a'));
  CHECK(site.registry->size() == 0);
  CHECK(site.listFor(visitor).empty());
  CHECK(site.own.endOthers(Session()).value() == 0);
}

TEST_CASE("an entry lapses with the cookie that it is about, and what is written goes on") {
  Site site({.keep = 1000s});
  Browser phone;
  Browser laptop;
  site.signIn(phone);
  site.signIn(laptop);
  site.time.advance(600s);
  site.write(laptop);
  site.time.advance(600s);
  const auto list = site.listFor(laptop);
  REQUIRE(list.size() == 1);
  CHECK(list[0].isCurrent);
  site.write(laptop);
  CHECK(site.registry->size() == 1);
}

TEST_CASE("L72 another user's session is neither listed nor ended, whatever the request names") {
  Site site;
  Browser ada;
  Browser eve;
  site.signIn(ada);
  site.signIn(eve, "eve");
  const Session victim = site.sessionOf(ada);
  CHECK(site.listFor(eve).size() == 1);
  for (const std::string& id : {victim.tag(), victim.id(), std::string(), std::string("ada")}) {
    CHECK_FALSE(site.own.end(site.sessionOf(eve), id).value());
  }
  CHECK(site.own.endOthers(site.sessionOf(eve)).value() == 0);
  CHECK(site.isSignedIn(ada));
  // Of another issuer, whose users may be called the same.
  Browser foreign;
  site.signIn(foreign, "ada", {{"iss", "https://evil.example"}});
  CHECK(site.listFor(foreign).size() == 1);
  CHECK_FALSE(site.own.end(site.sessionOf(foreign), victim.tag()).value());
  CHECK(site.isSignedIn(ada));
}

TEST_CASE("L73 a label is one line of text, however it came") {
  Site site;
  const auto labelled = [&](const std::string& label) {
    Browser browser;
    site.signIn(browser, "ada", {{"sessionLabel", label}});
    const auto list = site.listFor(browser);
    const auto own = std::find_if(list.begin(), list.end(), [](const ListedSession& each) { return each.isCurrent; });
    return own->label;
  };
  CHECK(labelled("a\r\nb\tc\x7f\x1b[2J") == "abc[2J");
  CHECK(labelled("gpj.\xe2\x80\xae"
                 "evil\xe2\x81\xa6x\xe2\x80\xa8y\xc2\x85") == "gpj.evilxy");
  CHECK(labelled("Zo\xc3\xab \xe2\x82\xac \xf0\x9f\x98\x80") == "Zo\xc3\xab \xe2\x82\xac \xf0\x9f\x98\x80");
  CHECK(labelled(std::string(1000, 'x')) == std::string(100, 'x'));
  CHECK(labelled(std::string(99, 'x') + "\xe2\x82\xac") == std::string(99, 'x'));  // no half of a character
}

TEST_CASE("L74 logins without end: a user's list and all lists are bounded, and others keep theirs") {
  Site site({.maxPerUser = 3, .maxEntries = 8});
  Browser ada;
  site.signIn(ada);
  std::vector<Browser> many(20);
  for (Browser& browser : many) {
    site.time.advance(1s);
    site.signIn(browser, "eve");
  }
  const auto list = site.listFor(many.back());
  REQUIRE(list.size() == 3);
  CHECK(list[0].isCurrent);
  CHECK(site.listFor(ada).size() == 1);
  CHECK(site.registry->size() == 4);
  for (int i = 0; i < 100; ++i) {
    site.time.advance(1s);
    Browser browser;
    site.signIn(browser, "user" + std::to_string(i));
  }
  CHECK(site.registry->size() == 8);
  CHECK(site.listFor(ada).empty());  // the oldest of all have gone
  site.write(ada);
  CHECK(site.listFor(ada).size() == 1);  // until it is written again
}

TEST_CASE("L75 a session that was ended cannot look, end others or come back into the list") {
  Site site;
  Browser thief;
  Browser ada;
  site.signIn(thief);
  site.signIn(ada);
  Session late = site.sessionOf(thief);  // a request of it that is still under way
  CHECK(site.own.end(site.sessionOf(ada), late.tag()).value());
  CHECK(site.own.list(site.sessionOf(thief))->empty());
  CHECK(site.own.endOthers(site.sessionOf(thief)).value() == 0);
  late.set("n", 1);
  CHECK_FALSE(site.jar.commit(late).has_value());
  CHECK(site.listFor(ada).size() == 1);
  CHECK(site.isSignedIn(ada));
}

TEST_CASE("what cannot be is refused at start-up") {
  Site site;
  CHECK_THROWS_AS(static_cast<void>(recordingSessions(site.options(), nullptr)), std::invalid_argument);
  SessionOptions undeniable = site.options();
  undeniable.isRevoked = {};
  CHECK_THROWS_AS(static_cast<void>(recordingSessions(undeniable, site.registry)), std::invalid_argument);
  SessionOptions fe26 = site.options();
  fe26.seal.formats = {SealFormat::fe26, SealFormat::native};
  CHECK_THROWS_AS(static_cast<void>(recordingSessions(fe26, site.registry)), std::invalid_argument);
  CHECK_THROWS_AS(OwnSessions(nullptr, site.denied), std::invalid_argument);
  CHECK_THROWS_AS(OwnSessions(site.registry, nullptr), std::invalid_argument);
  for (const SessionRegistryOptions& bad :
       {SessionRegistryOptions{.keep = 0s}, SessionRegistryOptions{.maxPerUser = 0},
        SessionRegistryOptions{.maxEntries = 0}, SessionRegistryOptions{.keep = Seconds{2'000'000'000}}}) {
    CHECK_THROWS_AS(LocalSessionRegistry{bad}, std::invalid_argument);
  }
}

TEST_CASE("the hooks that were there run, in both forms, and a session is recorded in both") {
  Site site;
  std::atomic<int> blocking = 0;
  std::atomic<int> asynchronous = 0;
  SessionOptions options = site.options();
  options.commitHooks.after = CommitHook<const Session>([&](const Session&) { ++blocking; },
                                                        [&](const Session&, const std::function<void()>& done) {
                                                          ++asynchronous;
                                                          done();
                                                        });
  const SessionJar jar(recordingSessions(options, site.registry));
  Session session = jar.open("");
  session.setTokens({.accessToken = "a", .refreshToken = "r"});
  session.set("sub", "ada");
  CHECK(jar.commit(session).has_value());
  CHECK(blocking == 1);
  CHECK(site.registry->size() == 1);
  forgetSession(*site.registry, session);
  session.set("n", 1);
  jar.startCommit(session, [](const SessionJar::Committed&) {});
  CHECK(asynchronous == 1);
  CHECK(site.registry->size() == 1);
}

TEST_CASE("many threads record, list and end") {
  Site site({.maxPerUser = 10, .maxEntries = 50});
  std::vector<std::thread> threads;
  std::atomic<int> failures = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; n < 50; ++n) {
        Browser browser;
        site.signIn(browser, "user" + std::to_string((i + n) % 7));
        const Session session = site.sessionOf(browser);
        const auto list = site.own.list(session);
        if (!list || list->size() > 10) ++failures;
        if (n % 10 == 0 && !site.own.endOthers(session)) ++failures;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(failures == 0);
  CHECK(site.registry->size() <= 50);
}

}  // namespace session_registry_test

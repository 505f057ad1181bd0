// Revocation: sessions that are denied although their seals are good.
#include "support/browser.hpp"
#include "support/support.hpp"

#include <ironjar/revocation.hpp>

namespace revocation_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::Browser;
using Mark = RevocationList::Mark;

namespace {

// A site whose sessions are denied by a list.
struct Site {
  explicit Site(SealFormat format = SealFormat::native)
      : jar({.cookieName = "sid",
             .passwords = support::password,
             .seal = {.formats = {format}, .now = time.wall()},
             .isRevoked = revokedBy(list)}) {}

  void signIn(const Json& claims) {
    support::visit(jar, browser, [&](Session& session) {
      session.replace();
      for (const auto& [name, value] : claims.items()) session.set(name, value);
    });
  }
  bool isSignedIn() const { return !jar.open(browser.header()).empty(); }

  testing::VirtualClock time;
  std::shared_ptr<LocalRevocationList> list =
      std::make_shared<LocalRevocationList>(RevocationOptions{.keep = 1000s, .now = time.wall()});
  SessionJar jar;
  Browser browser;
};

const Json ada = {{"user", "ada"}, {"sid", "s-1"}, {"sub", "ada@id"}, {"iss", "https://id.example"}};

}  // namespace

TEST_CASE("a denied session is nobody's, and says why") {
  Site site;
  site.signIn(ada);
  REQUIRE(site.isSignedIn());
  site.list->deny({Mark::Kind::session, site.jar.open(site.browser.header()).id()});
  const Session session = site.jar.open(site.browser.header());
  CHECK(session.empty());
  CHECK_FALSE(session.tokens());
  CHECK_FALSE(session.expiresAt());
  CHECK(session.rejection()->code == Errc::loginRequired);
}

TEST_CASE("a denied session's cookie is left alone, and a new login takes its place") {
  Site site;
  site.signIn(ada);
  site.list->deny({Mark::Kind::session, site.jar.open(site.browser.header()).id()});
  CHECK(support::visit(site.jar, site.browser, support::look).empty());
  site.signIn(ada);
  CHECK(site.isSignedIn());
}

TEST_CASE("a copy of a denied session stays denied when it is sealed anew") {
  Site site;
  site.signIn(ada);
  const Browser thief = site.browser;
  support::visit(site.jar, site.browser, [](Session& session) { session.set("x", 1); });
  site.list->deny({Mark::Kind::session, site.jar.open(thief.header()).id()});
  CHECK_FALSE(site.isSignedIn());
  CHECK(site.jar.open(thief.header()).empty());
}

TEST_CASE("back-channel logout by sid ends the sessions of that one (R75)") {
  Site site;
  site.signIn(ada);
  CHECK(backChannelLogout(*site.list, {.issuer = "https://id.example", .sid = "another"}));
  CHECK(backChannelLogout(*site.list, {.issuer = "https://id.example", .sid = "ada@id"}));
  CHECK(backChannelLogout(*site.list, {.issuer = "https://id.example", .sub = "s-1"}));
  CHECK(site.isSignedIn());
  CHECK(backChannelLogout(*site.list, {.issuer = "https://id.example", .sid = "s-1", .sub = "ada@id"}));
  CHECK_FALSE(site.isSignedIn());
  Json again = ada;
  again["sid"] = "s-2";
  site.signIn(again);
  CHECK(site.isSignedIn());
}

TEST_CASE("back-channel logout by sub ends the sessions begun until then, not the next login (R75)") {
  Site site;
  site.signIn(ada);
  const Browser phone = site.browser;
  site.time.advance(10s);
  CHECK(backChannelLogout(*site.list, {.issuer = "https://id.example", .sub = "ada@id"}));
  CHECK_FALSE(site.isSignedIn());
  CHECK(site.jar.open(phone.header()).empty());
  site.time.advance(1s);
  site.signIn(ada);
  CHECK(site.isSignedIn());
  CHECK(site.jar.open(phone.header()).empty());
}

TEST_CASE("a logout of one provider's user does not touch another's of the same name") {
  Site site;
  site.signIn(ada);
  CHECK(backChannelLogout(*site.list, {.issuer = "https://other.example", .sub = "ada@id"}));
  CHECK(site.isSignedIn());
}

TEST_CASE("sessions that do not say whose they are are anybody's") {
  Site site;
  Json plain = ada;
  plain.erase("iss");
  site.signIn(plain);
  CHECK(backChannelLogout(*site.list, {.issuer = "https://id.example", .sub = "ada@id"}));
  CHECK_FALSE(site.isSignedIn());
}

TEST_CASE("with Fe26.2, which has no start, the login's time in the session serves") {
  Site site(SealFormat::fe26);
  Json claims = ada;
  claims["signedInAt"] = 1'700'000'000;
  site.signIn(claims);
  site.time.advance(10s);
  CHECK(backChannelLogout(*site.list, {.issuer = "https://id.example", .sub = "ada@id"}));
  site.time.advance(10s);
  CHECK_FALSE(site.isSignedIn());
  claims["signedInAt"] = 1'700'000'020;
  site.signIn(claims);
  CHECK(site.isSignedIn());
}

TEST_CASE("an Fe26.2 cookie that was sealed for longer, or by a clock ahead, does not begin anew at each opening") {
  Site site(SealFormat::fe26);
  for (const auto& each :
       std::vector<std::pair<Seconds, Seconds>>{{50s, 0s}, {2h, 0s}, {0s, 50s}, {0s, 24h}, {0s, 24h * 365}}) {
    const Seconds ahead = each.first;
    const Seconds longer = each.second;
    CAPTURE(ahead);
    CAPTURE(longer);
    SessionOptions there = site.jar.options();
    there.seal.now = [now = site.time.wallNow() + ahead] { return now; };
    there.seal.ttl = Seconds(14 * 24h) + longer;
    Session session = SessionJar(there).open("");
    session.assign(ada);
    const std::string cookie = SessionJar(there).commit(session).value().at(0);
    CHECK(site.jar.open(cookie).data() == ada);
    const TimePoint begun = site.jar.open(cookie).startedAt();
    CHECK((begun == TimePoint() || begun == site.time.wallNow() + ahead + longer));
    site.time.advance(60s);
    CHECK(backChannelLogout(*site.list, {.issuer = "https://id.example", .sub = "ada@id"}));
    site.time.advance(10s);
    CHECK(site.jar.open(cookie).rejection()->code == Errc::loginRequired);
    site.time.advance(2000s);
  }
}

TEST_CASE("a logout token that names nobody is a bad request") {
  Site site;
  CHECK_FALSE(backChannelLogout(*site.list, {}));
  CHECK_FALSE(backChannelLogout(*site.list, {.issuer = "https://id.example"}));
}

TEST_CASE("L25 a logout token counts once: replayed, it does not sign out who has signed in again") {
  Site site;
  site.signIn(ada);
  const LogoutToken token{.issuer = "https://id.example", .sub = "ada@id", .id = "jti-1"};
  CHECK(backChannelLogout(*site.list, token));
  CHECK_FALSE(site.isSignedIn());
  site.time.advance(10s);
  site.signIn(ada);
  site.time.advance(10s);
  CHECK_FALSE(backChannelLogout(*site.list, token));
  CHECK(site.isSignedIn());
  CHECK(backChannelLogout(*site.list, {.issuer = "https://other.example", .sub = "x", .id = "jti-1"}));
  CHECK(backChannelLogout(*site.list, {.issuer = "https://id.example", .sub = "ada@id", .id = "jti-2"}));
  CHECK_FALSE(site.isSignedIn());
}

TEST_CASE("claims of other types deny nobody") {
  Site site;
  site.signIn({{"user", "x"}, {"sid", 1}, {"sub", Json::array()}, {"iss", false}, {"signedInAt", "yesterday"}});
  CHECK(backChannelLogout(*site.list, {.sub = "1"}));
  CHECK(site.isSignedIn());
}

TEST_CASE("a mark is forgotten when no seal of it can open any more") {
  Site site;
  const std::vector<Mark> marks = {{Mark::Kind::sid, "s"}};
  site.list->deny(marks[0]);
  site.time.advance(999s);
  CHECK(site.list->check(marks, {}) == Revoked::yes);
  site.time.advance(1s);
  CHECK(site.list->check(marks, {}) == Revoked::no);
}

TEST_CASE("the longest time that is accepted is kept") {
  LocalRevocationList list({.keep = 1'000'000'000s});
  const std::vector<Mark> marks = {{Mark::Kind::sid, "s"}};
  list.deny(marks[0]);
  list.deny({Mark::Kind::sid, "t"});
  CHECK(list.check(marks, {}) == Revoked::yes);
}

TEST_CASE("empty claims are nobody's name") {
  Site site;
  Json nameless = ada;
  nameless["sid"] = "";
  nameless["sub"] = "";
  site.signIn(nameless);
  site.list->deny({Mark::Kind::sid, "", "https://id.example"});
  site.list->deny({Mark::Kind::sub, "", "https://id.example"});
  CHECK(site.isSignedIn());
}

TEST_CASE("denying again begins anew; the oldest go when there are too many") {
  testing::VirtualClock time;
  LocalRevocationList list({.keep = 1000s, .maxEntries = 2, .now = time.wall()});
  const auto denies = [&](const char* sid) {
    const std::vector<Mark> marks = {{Mark::Kind::sid, sid}};
    return list.check(marks, {}) == Revoked::yes;
  };
  for (const char* sid : {"a", "b", "a", "c"}) {
    list.deny({Mark::Kind::sid, sid});
    time.advance(1s);
  }
  CHECK(denies("a"));
  CHECK_FALSE(denies("b"));
  CHECK(denies("c"));
}

TEST_CASE("a revoked cookie does not hide a good one of the same name") {
  Site site;
  site.signIn(ada);
  const std::string revoked = site.browser.header();
  site.list->deny({Mark::Kind::session, site.jar.open(revoked).id()});
  site.signIn({{"user", "grace"}});
  const Session session = site.jar.open(revoked + "; " + site.browser.header());
  CHECK(session.get<std::string>("user") == "grace");
  CHECK_FALSE(session.rejection());
}

TEST_CASE("a cookie that arrives after its logout opens nowhere (R73)") {
  const auto list = std::make_shared<LocalRevocationList>();
  int hooked = 0;
  const CommitHooks counting = {.before = [&](Session&) { ++hooked; }};
  const SessionJar jar({.cookieName = "sid",
                        .passwords = support::password,
                        .commitHooks = denyingLogouts(counting, list),
                        .isRevoked = revokedBy(list)});
  Browser browser;
  support::visit(jar, browser, [](Session& session) { session.setTokens({"at", "rt"}); });
  Session late = jar.open(browser.header());
  late.set("n", 1);
  Browser slow = browser;
  slow.take(jar.commit(late).value());
  support::visit(jar, browser, [](Session& session) { session.destroy(); });
  CHECK(jar.open(slow.header()).empty());
  CHECK(hooked == 3);

  Session visitor;  // leaves no mark: many would push out those of others
  visitor.set("basket", 1);
  visitor.destroy();
  REQUIRE(jar.commit(visitor));
  CHECK(list->check(std::vector<Mark>{{Mark::Kind::session, visitor.id()}}, visitor.startedAt()) == Revoked::no);
}

TEST_CASE("impossible options are refused") {
  CHECK_THROWS_AS(LocalRevocationList({.keep = 0s}), std::invalid_argument);
  CHECK_THROWS_AS(LocalRevocationList({.keep = 10'000'000'000s}), std::invalid_argument);
  CHECK_THROWS_AS(LocalRevocationList({.maxEntries = 0}), std::invalid_argument);
  CHECK_THROWS_AS(static_cast<void>(revokedBy(nullptr)), std::invalid_argument);
  CHECK_THROWS_AS(static_cast<void>(denyingLogouts({}, nullptr)), std::invalid_argument);
}

TEST_CASE("a session that was denied while a request was served is not sealed anew") {
  Site site;
  site.signIn(ada);
  const std::string cookies = site.browser.header();
  Session written = site.jar.open(cookies);
  Session ended = site.jar.open(cookies);
  Session begun = site.jar.open(cookies);
  Session read = site.jar.open(cookies);
  SessionOptions options = site.jar.options();
  options.passwords = {{1, support::password}, {2, support::otherPassword}};
  std::size_t skipped = 0;
  options.observer = [&](const Event& event) { skipped += std::holds_alternative<event::ResealSkipped>(event); };
  const SessionJar rotated(options);
  Session resealed = rotated.open(cookies);
  REQUIRE(resealed.isResealOnly());
  site.list->deny({Mark::Kind::sid, "s-1", "https://id.example"});

  written.set("n", 1);
  CHECK_FALSE(written.isResealOnly());
  const Finished finished = finish(site.jar, cookies, written);
  CHECK(finished.cookies.empty());
  REQUIRE(finished.error);
  CHECK(finished.error->code == Errc::loginRequired);
  CHECK(notSavedAnswer(finished.error).status == 401);
  CHECK(rotated.commit(resealed)->empty());
  CHECK(skipped == 1);
  CHECK(site.jar.commit(read)->empty());
  begun.replace();
  begun.assign({{"user", "bob"}, {"sid", "s-2"}});
  CHECK(site.jar.commit(begun)->size() == 1);
  ended.destroy();
  CHECK_FALSE(site.jar.commit(ended)->empty());
}

}  // namespace revocation_test

#include "support/browser.hpp"
#include "support/support.hpp"
#include "support/upstream.hpp"

#include <functional>

namespace web_visit_test {

using namespace ironjar;
using support::Upstream;

namespace {

const TokenSet ada{.accessToken = "at-ada", .refreshToken = "rt-ada"};
const TokenSet adasNext{.accessToken = "at-ada2", .refreshToken = "rt-ada2"};
const TokenSet bob{.accessToken = "at-bob", .refreshToken = "rt-bob"};
const TokenSet bobsNext{.accessToken = "at-bob2", .refreshToken = "rt-bob2"};

// What is left of ada's session when a handler has done its work and failed: `user access refresh`.
std::string leftBy(const std::function<void(Session&)>& work, SealFormat format = SealFormat::native) {
  const SessionJar jar({.cookieName = "sid", .passwords = support::password, .seal = {.formats = {format}}});
  support::Browser browser;
  support::visit(jar, browser, [](Session& session) {
    session.set("user", "ada");
    session.setTokens(ada);
  });
  const std::string cookies = browser.header();
  Session session = jar.open(cookies);
  work(session);
  session.set("half", "written");
  browser.take(rollBack(jar, cookies, session));
  const Session after = jar.open(browser.header());
  CHECK_FALSE(after.contains("half"));
  const auto tokens = after.tokens();
  return after.get<std::string>("user").value_or("nobody") +
         (tokens ? " " + tokens->accessToken + " " + tokens->refreshToken : "");
}

}  // namespace

TEST_CASE("V16 of a handler that fails what a refresh brought is kept, and a login's tokens are not") {
  const std::string before = "ada at-ada rt-ada";
  const std::string refreshed = "ada at-ada2 rt-ada2";
  for (const SealFormat format : {SealFormat::native, SealFormat::fe26}) {
    const auto left = [&](const std::function<void(Session&)>& work) { return leftBy(work, format); };
    CHECK(left([](Session&) {}) == before);
    CHECK(left([](Session& s) { s.renewTokens(adasNext); }) == refreshed);
    CHECK(left([](Session& s) { s.setTokens(bob); }) == before);
    CHECK(left([](Session& s) { s.setTokens(bob), s.renewTokens(bobsNext); }) == before);
    CHECK(left([](Session& s) { s.renewTokens(adasNext), s.setTokens(bob); }) == refreshed);
    CHECK(left([](Session& s) { s.renewTokens(adasNext), s.setTokens(bob), s.renewTokens(bobsNext); }) == refreshed);
    CHECK(left([](Session& s) { s.renewTokens(adasNext), s.eraseTokens(); }) == refreshed);
    CHECK(left([](Session& s) { s.eraseTokens(); }) == before);
    CHECK(left([](Session& s) { s.eraseTokens(), s.renewTokens(bob); }) == before);
    CHECK(left([](Session& s) { s.assign({{"accessToken", "at-bob"}, {"refreshToken", "rt-bob"}}); }) == before);
    CHECK(left([](Session& s) { s.renewTokens(adasNext), s.assign({{"user", "bob"}}); }) == refreshed);
    CHECK(left([](Session& s) { s.set("refreshToken", "rt-bob"), s.renewTokens(bobsNext); }) == before);
    CHECK(left([](Session& s) { s.replace(), s.setTokens(bob); }) == before);
    CHECK(left([](Session& s) { s.replace(), s.setTokens(bob), s.renewTokens(bobsNext); }) == before);
    CHECK(left([](Session& s) { s.renewTokens(adasNext), s.replace(), s.setTokens(bob); }) == refreshed);
    CHECK(left([](Session& s) { s.detach(); }) == before);
    CHECK(left([](Session& s) { s.destroy(); }) == "nobody");
    CHECK(left([](Session& s) { s.setTokens(bob), s.destroy(); }) == "nobody");
  }
}

TEST_CASE("V16 likewise for the tokens of resources") {
  const auto left = [](const std::function<void(Session&)>& work) {
    const SessionJar jar({.cookieName = "sid", .passwords = support::password});
    support::Browser browser;
    support::visit(jar, browser, [](Session& session) {
      session.setTokens(ada);
      session.renewTokens({.accessToken = "old", .refreshToken = "rt-ada", .resource = "reports"});
    });
    const std::string cookies = browser.header();
    Session session = jar.open(cookies);
    work(session);
    browser.take(rollBack(jar, cookies, session));
    const Session after = jar.open(browser.header());
    return after.tokens()->accessToken + " " + after.tokens("reports")->accessToken + " " +
           after.tokens()->refreshToken;
  };
  const TokenSet fresh{.accessToken = "new", .refreshToken = "rt-ada2", .resource = "reports"};
  CHECK(left([&](Session& s) { s.renewTokens(fresh); }) == "at-ada new rt-ada2");
  CHECK(left([&](Session& s) { s.renewTokens(fresh), s.setTokens(bob); }) == "at-ada new rt-ada2");
  CHECK(left([&](Session& s) { s.setTokens({.accessToken = "b", .refreshToken = "rt-bob", .resource = "reports"}); }) ==
        "at-ada old rt-ada");
}

TEST_CASE("V16 a session that does not fit keeps the tokens that a refresh brought, without any adapter") {
  Upstream upstream;
  const Fetcher fetcher(support::fetchOptions(upstream));
  const SessionJar jar({.cookieName = "sid", .passwords = support::password, .commitHooks = fetcher.commitHooks()});
  support::Browser browser;
  const TokenSet old = upstream.provider.login();
  support::visit(jar, browser, [&](Session& session) { session.setTokens(old); });
  upstream.provider.expireAccessTokens();
  const std::string cookies = browser.header();
  Session session = jar.open(cookies);
  CHECK(fetcher.performFetch(session, {.url = std::string(support::api) + "/"})->status == 200);
  session.set("big", support::ofBytes(5000));
  const Finished finished = finish(jar, cookies, session);
  REQUIRE(finished.error);
  CHECK(finished.error->code == Errc::tooLarge);
  browser.take(finished.cookies);
  const Session after = jar.open(browser.header());
  CHECK_FALSE(after.contains("big"));
  CHECK(after.tokens()->refreshToken != old.refreshToken);
  CHECK(notSavedAnswer().status == 500);
  Headers headers = {{"Location", "/x"}, {"X-Kept", "1"}, {"content-encoding", "gzip"}};
  eraseFieldsOfBody(headers);
  CHECK(headers == Headers{{"X-Kept", "1"}});
}

TEST_CASE("a visitor without a cookie who fails to sign in stays nobody") {
  const SessionJar jar({.cookieName = "sid", .passwords = support::password});
  Session session = jar.open("");
  session.setTokens(bob);
  CHECK(rollBack(jar, "", session).empty());
  session.renewTokens(bobsNext);
  CHECK(rollBack(jar, "", session).empty());
}

TEST_CASE("renewals are adopted however many sessions they come through, once, and in order") {
  Session home;
  home.setTokens(bob);
  Session first = home;
  TokenSet next = bob;
  next.accessToken = "at-second";
  first.renewTokens(next);
  Session between = home;
  between.adoptRenewals(first);
  home.adoptRenewals(between);
  CHECK(home.tokens()->accessToken == "at-second");

  Session late = home;  // begun now, and home again after another has renewed
  Session other = home;
  next.accessToken = "at-third";
  other.renewTokens(next);
  home.adoptRenewals(other);
  for (int n = 0; n < 40; ++n) {
    Session again = home;
    home.adoptRenewals(again);
  }
  home.adoptRenewals(late);
  CHECK(home.tokens()->accessToken == "at-third");
}

TEST_CASE("what a branch of a session brings home is what it renewed, and nothing else") {
  const SessionJar jar({.cookieName = "sid", .passwords = support::password});
  Session home = jar.open("");
  home.setTokens(bob);
  home.set("cart", Json::array({1, 2, 3}));
  Session branch = home.branch();
  CHECK(branch.tokens() == home.tokens());
  CHECK(branch.id() == home.id());
  CHECK(branch.startedAt() == home.startedAt());
  TokenSet next = bob;
  next.accessToken = "at-second";
  branch.renewTokens(next);
  home.erase("cart");
  home.set("page", 2);
  home.merge(branch);
  CHECK(home.tokens()->accessToken == "at-second");
  CHECK_FALSE(home.contains("cart"));
  CHECK(home.get<int>("page") == 2);
}

TEST_CASE("a branch's end is the session's, unless other tokens have come to it since") {
  const SessionJar jar({.cookieName = "sid", .passwords = support::password});
  const auto merged = [&](const std::function<void(Session & home)>& meanwhile, auto end) {
    Session home = jar.open("");
    home.setTokens(bob);
    home.set("cart", 1);
    Session branch = home.branch();
    meanwhile(home);
    end(branch);
    home.merge(branch);
    return home;
  };
  const auto destroy = [](Session& branch) { branch.destroy(); };
  const auto detach = [](Session& branch) { branch.detach(); };
  TokenSet next = bob;
  next.refreshToken = "rt-second";
  const auto destroyRenewed = [&](Session& branch) {
    branch.renewTokens(next);
    branch.destroy();
  };
  const auto nothing = [](Session&) {};
  const auto cart = [](Session& home) { home.set("cart", 2); };
  CHECK(merged(nothing, destroy).destroyed());
  CHECK(merged(nothing, detach).detached());
  CHECK(merged(cart, destroy).destroyed());
  CHECK(merged(cart, detach).detached());
  CHECK(merged(cart, destroyRenewed).destroyed());
  const auto renew = [&](Session& home) { home.renewTokens(next); };
  const auto signIn = [&](Session& home) {
    home.replace();
    home.setTokens(next);
  };
  for (const std::function<void(Session&)>& meanwhile : {std::function<void(Session&)>(renew), {signIn}}) {
    for (const Session& home : {merged(meanwhile, destroy), merged(meanwhile, detach)}) {
      CHECK_FALSE(home.destroyed());
      CHECK_FALSE(home.detached());
      CHECK(home.tokens()->refreshToken == "rt-second");
    }
  }
}

TEST_CASE("a page is told whether its login is over, or its cookie only an old one") {
  const auto reason = [](const Error& error) { return Json::parse(answerFor(error).body)["reason"]; };
  CHECK(reason(fail(Errc::loginRequired)) == "login_required");
  CHECK(reason(loginOver(RefreshEnd::superseded)) == "superseded");
  CHECK(reason(loginOver(RefreshEnd::invalidGrant)) == "session_expired");
  CHECK(reason(loginOver(RefreshEnd::loggedOut)) == "session_expired");
}

}  // namespace web_visit_test

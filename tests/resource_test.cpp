// One login, several APIs whose access tokens differ (RFC 8707).
#include "support/support.hpp"

#include <thread>

#include <ironjar/testing/api.hpp>
#include <ironjar/testing/provider.hpp>

namespace resource_test {

using namespace ironjar;
using support::errorOf;

namespace {

// A strict provider, and two APIs that take access tokens of their own only.
struct Apis {
  Fetcher make(const std::string& resource) {
    return Fetcher(
        {.transport = testing::transport(provider, {plain, reporting}),
         .allowedOrigins = {plain.options().origin, reporting.options().origin},
         .tokenEndpoint = {.url = provider.tokenUrl(), .clientAuth = publicClient("web"), .resource = resource},
         .coordinator = coordinator});
  }
  void rotate(bool rotates) {
    provider.behave(
        {.rotation = rotates ? testing::Rotation::strict : testing::Rotation::none, .omitRefreshToken = !rotates});
  }

  testing::Provider provider;
  testing::Api plain{provider};
  testing::Api reporting{provider, {.origin = "https://reports.example", .resource = "reports"}};
  std::shared_ptr<LocalCoordinator> coordinator = std::make_shared<LocalCoordinator>();
  Fetcher main = make("");
  Fetcher reports = make("reports");
};

const Request items{.url = "https://api.example/items"};
const Request report{.url = "https://reports.example/july"};

// Signed in with an access token that has ended.
struct SignedIn {
  explicit SignedIn(Apis& apis) : first(apis.provider.login("ada")) {
    first.scope = "all";
    first.subject = "ada";
    apis.provider.expireAccessTokens();
  }
  Session session() const {
    Session session;
    session.setTokens(first);
    return session;
  }
  TokenSet first;
};

}  // namespace

TEST_CASE("R23 two resources of one login at once: a token for each, one call after the other, no reuse") {
  for (const bool rotates : {true, false}) {
    Apis apis;
    apis.rotate(rotates);
    const SignedIn login(apis);
    apis.provider.hold();
    Session first = login.session();
    Session second = login.session();
    std::thread one([&] { CHECK(apis.main.performFetch(first, items)->status == 200); });
    apis.provider.waitForTokenCalls(1);
    std::thread two([&] { CHECK(apis.reports.performFetch(second, report)->status == 200); });
    while (apis.coordinator->stats().waiters < 2) std::this_thread::yield();
    apis.provider.release();
    one.join();
    two.join();
    CHECK(apis.provider.counts().tokenCalls == 2);
    CHECK(apis.provider.counts().reuses == 0);
    CHECK(second.tokens("reports")->accessToken != second.tokens()->accessToken);
    CHECK(second.tokens()->accessToken == first.tokens()->accessToken);
    CHECK(second.tokens()->scope == "all");
    CHECK(second.tokens("reports")->scope == "");
    CHECK(second.tokens("reports")->subject == "ada");
  }
}

TEST_CASE("each resource's token is refreshed on its own, and the other's stays") {
  for (const bool rotates : {true, false}) {
    Apis apis;
    apis.rotate(rotates);
    const SignedIn login(apis);
    Session session = login.session();
    CHECK(apis.main.performFetch(session, items)->trace.attempts == 2);
    CHECK(apis.reports.performFetch(session, report)->trace.attempts == 1);  // none yet: fetched first
    CHECK(apis.main.performFetch(session, items)->trace.attempts == 1);
    CHECK(apis.provider.counts().tokenCalls == 2);
    apis.reporting.behave({.always401 = true});
    CHECK(apis.reports.performFetch(session, report)->status == 401);
    apis.reporting.behave({});
    CHECK(apis.reports.performFetch(session, report)->trace.attempts == 1);
    CHECK(apis.main.performFetch(session, items)->trace.attempts == 1);
    CHECK(apis.provider.counts().tokenCalls == 3);
    CHECK(apis.provider.counts().reuses == 0);
    const Json kept = session.data();
    CHECK(apis.main.performFetch(session, items)->status == 200);
    CHECK(session.data() == kept);
  }
}

TEST_CASE("a late request for one resource after refreshes for both: no refresh token is used twice") {
  Apis apis;
  const SignedIn login(apis);
  Session session = login.session();
  CHECK(apis.main.performFetch(session, items)->status == 200);
  CHECK(apis.reports.performFetch(session, report)->status == 200);
  for (const bool forReports : {false, true, false}) {
    Session late = login.session();
    const Fetcher& fetcher = forReports ? apis.reports : apis.main;
    CHECK(fetcher.performFetch(late, forReports ? report : items)->status == 200);
    CHECK(late.tokens()->refreshToken != login.first.refreshToken);
  }
  CHECK(apis.provider.counts().reuses == 0);
}

TEST_CASE("one old cookie that comes for one resource and the other in turn costs no call each time") {
  Apis apis;
  const SignedIn login(apis);
  for (int i = 0; i < 20; ++i) {
    Session late = login.session();
    const bool forReports = i % 2 == 1;
    CHECK((forReports ? apis.reports : apis.main).performFetch(late, forReports ? report : items)->status == 200);
  }
  CHECK(apis.provider.counts().tokenCalls == 2);
  CHECK(apis.provider.counts().reuses == 0);
}

TEST_CASE("a service keeps its own resource's token, whatever the others refresh") {
  Apis apis;
  const SignedIn login(apis);
  RefreshService service(apis.reports.tokenSource(), login.first);
  const TokenSet mine = service.refreshNow().value();
  CHECK(mine.resource == "reports");
  Session session = login.session();
  CHECK(apis.main.performFetch(session, items)->status == 200);
  const TokenSet next = service.refreshNow().value();
  CHECK(next.resource == "reports");
  CHECK(apis.provider.userOf(next.accessToken, "reports") == "ada");
  CHECK(apis.provider.counts().reuses == 0);
}

TEST_CASE("a new login brings no token of the old one's along; the session's data holds what a session can") {
  Apis apis;
  const SignedIn login(apis);
  Session session = login.session();
  CHECK(apis.reports.performFetch(session, report)->status == 200);
  CHECK(session.data()["accessTokens"]["reports"]["accessToken"] == session.tokens("reports")->accessToken);
  session.setTokens({.accessToken = "other", .refreshToken = "other"});
  CHECK_FALSE(session.contains("accessTokens"));
  session.set("accessTokens", "garbage");
  CHECK(session.tokens("reports")->accessToken == "");
  session.set("accessTokens", {{"reports", 7}});
  CHECK(session.tokens("reports")->refreshToken == "other");
  session.set("accessTokenScope", "old");
  session.setTokens({.accessToken = "a", .refreshToken = "r", .resource = "reports"});
  CHECK_FALSE(session.contains("accessTokenScope"));
  CHECK(session.tokens()->accessToken == "");
  session.eraseTokens();
  CHECK(session.empty());
}

}  // namespace resource_test

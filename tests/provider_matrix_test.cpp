// Every provider that has a profile × what happens to a refresh × how it is reached: no login is lost, except where the
// provider's own rules leave no way to keep it. Those are named: isUnavoidable().
#include "support/server.hpp"
#include "support/support.hpp"

#include <atomic>
#include <memory>
#include <set>
#include <thread>
#include <utility>

#include <ironjar/httplib/transport.hpp>
#include <ironjar/testing/api.hpp>
#include <ironjar/testing/httplib.hpp>
#include <ironjar/testing/profiles.hpp>

namespace provider_matrix_test {

using namespace ironjar;
using namespace std::chrono_literals;
using profiles::Name;
using support::errorOf;
using support::Running;

namespace {

TokenEndpoint endpointOf(Name name) {
  const ClientAuth client = postAuth("web", "a-secret-of-the-client");
  switch (name) {
    case Name::auth0:
      return profiles::auth0("https://tenant.eu.auth0.com", client);
    case Name::okta:
      return profiles::okta("https://example.okta.com/oauth2/default", client);
    case Name::entra:
      return profiles::entra("https://login.microsoftonline.com/contoso", client);
    case Name::keycloak:
      return profiles::keycloak("https://id.example/realms/customers", client);
    case Name::cognito:
      return profiles::cognito("https://example.auth.eu-central-1.amazoncognito.com", client);
    case Name::google:
      return profiles::google(client);
    case Name::gitHubApp:
      return profiles::gitHubApp("https://github.com", client);
    case Name::slack:
      return profiles::slack(client);
    case Name::atlassian:
      return profiles::atlassian(client);
    case Name::salesforce:
      return profiles::salesforce("https://example.my.salesforce.com", client);
    case Name::dex:
      return profiles::dex("https://dex.example/dex", client);
    case Name::hydra:
      return profiles::hydra("https://hydra.example", client);
    case Name::workos:
      return profiles::workos(client);
    case Name::supabase:
      return profiles::supabase("https://project.supabase.co", "anon");
    case Name::fusionAuth:
      return profiles::fusionAuth("https://id.example", client);
  }
  throw std::logic_error("no such name");
}

// A provider and an API as routes of servers on the loopback interface.
struct Servers {
  Servers(testing::Provider& provider, testing::Api& api) {
    testing::mount(identity.server, provider);
    testing::mount(items.server, api);
    identity.start();
    items.start();
  }
  Running<> identity;
  Running<> items;
};

enum class Reached { inProcess, overLoopback };

// A site whose user is signed in, with an access token that has ended.
struct Site {
  Site(Name name, Reached reached) : endpoint(endpointOf(name)), provider(options(), testing::behaviourOf(name)) {
    FetchOptions fetch{.transport = testing::transport(provider, api), .allowedOrigins = {api.options().origin}};
    if (reached == Reached::overLoopback) {
      servers.emplace(provider, api);
      fetch.transport = httplibTransport();
      fetch.allowedOrigins = {servers->items.origin()};
      fetch.allowHttpOnLoopback = endpoint.allowHttpOnLoopback = true;
      for (std::string* url : {&endpoint.url, &endpoint.revocationUrl}) {
        if (!url->empty()) *url = servers->identity.origin() + url->substr(url->find('/', 8));
      }
    }
    items.url = fetch.allowedOrigins[0] + "/items";
    fetch.tokenEndpoint = endpoint;
    fetch.coordinator = std::make_shared<LocalCoordinator>(
        LocalCoordinatorOptions{.refusedBurst = 1'000'000, .now = clock.monotonic()});
    fetch.now = clock.wall();
    fetcher.emplace(fetch);
    jar.emplace(SessionOptions{.cookieName = "sid",
                               .passwords = support::password,
                               .seal = {.now = clock.wall()},
                               .commitHooks = fetcher->commitHooks()});
    Session session = jar->open("");
    session.setTokens(provider.login("ada"));
    cookie = pairOf(session);
    provider.expireAccessTokens();
  }
  testing::ProviderOptions options() const {
    testing::ProviderOptions made = testing::providerFor(endpoint);
    made.clock = clock;
    return made;
  }
  std::string pairOf(Session& session) const {
    const auto lines = jar->commit(session).value();
    return lines.empty() ? "" : lines[0].substr(0, lines[0].find(';'));
  }

  struct Visit {
    Result<Response> response;
    std::string cookie;  // that it sets: its pair, or "" for none
  };
  Visit visit(const std::string& from) const {
    Session session = jar->open(from);
    auto response = fetcher->performFetch(session, items);
    return {std::move(response), pairOf(session)};
  }
  // The browser's next request; its cookie is what the browser holds from then on.
  Result<Response> next() {
    Visit seen = visit(cookie);
    if (!seen.cookie.empty()) cookie = seen.cookie;
    return std::move(seen.response);
  }
  [[nodiscard]] bool isServed() {
    const auto response = next();
    return response && response->status == 200 && response->body == "ada";
  }
  void drop(testing::Drop::How how) {
    testing::ProviderBehaviour behaviour = provider.behaviour();
    behaviour.dropAfterCommit = {.times = 1, .how = how};
    provider.behave(behaviour);
  }
  // What was not to be had at once is asked for again, when all pauses are over.
  [[nodiscard]] bool isServedInTheEnd() {
    if (isServed()) return true;
    clock.advance(2min);
    return isServed();
  }

  testing::VirtualClock clock;
  TokenEndpoint endpoint;
  testing::Provider provider;
  testing::Api api{provider};
  std::optional<Servers> servers;
  Request items;
  std::optional<Fetcher> fetcher;
  std::optional<SessionJar> jar;
  std::string cookie;
};

Response busy(int status, const Headers& headers = {}) { return {.status = status, .headers = headers, .body = "{}"}; }

bool refreshes(Site& site) {
  for (int i = 0; i < 3; ++i) {
    if (!site.isServed()) return false;
    site.provider.expireAccessTokens();
  }
  return site.provider.counts().tokenCalls == 3;
}
bool survivesALostAnswer(Site& site) {
  site.drop(testing::Drop::How::reset);
  return site.isServedInTheEnd();
}
bool survivesAGateway(Site& site) {
  site.drop(testing::Drop::How::gateway);
  return site.isServedInTheEnd();
}
bool servesTenAtOnce(Site& site) {
  std::vector<std::thread> requests;
  std::atomic<int> served = 0;
  for (int i = 0; i < 10; ++i) {
    requests.emplace_back([&] {
      const Site::Visit seen = site.visit(site.cookie);
      served += seen.response && seen.response->status == 200;
    });
  }
  for (std::thread& request : requests) request.join();
  return served == 10 && site.provider.counts().tokenCalls == 1;
}
bool servesALateRequest(Site& site) {
  const std::string old = site.cookie;
  if (!site.isServed()) return false;
  site.provider.expireAccessTokens();
  if (!site.isServed()) return false;
  const Site::Visit late = site.visit(old);
  return late.response && late.response->status == 200 && site.provider.counts().tokenCalls == 2;
}
bool waitsOutA503(Site& site) {
  site.provider.answerTokenCalls({busy(503), busy(503)});
  for (int i = 0; i < 2; ++i) {
    if (errorOf(site.next()) != Errc::refreshFailed) return false;
    site.clock.advance(10s);
  }
  return site.isServed();
}
bool waitsAsA429Says(Site& site) {
  site.provider.answerTokenCalls({busy(429, {{"Retry-After", "120"}})});
  const auto refused = site.next();
  if (refused || refused.error().retryAfter != 120s) return false;
  site.clock.advance(119s);
  if (errorOf(site.next()) != Errc::refreshFailed || site.provider.counts().tokenCalls != 1) return false;
  site.clock.advance(2s);
  return site.isServed();
}

struct Behaviour {
  std::string name;
  bool (*isKept)(Site&);
};
const std::vector<Behaviour> behaviours = {{"a refresh, and two more", refreshes},
                                           {"an answer lost after the commit", survivesALostAnswer},
                                           {"a gateway's 504 after the commit", survivesAGateway},
                                           {"ten requests at once", servesTenAtOnce},
                                           {"a late request with the old cookie", servesALateRequest},
                                           {"503", waitsOutA503},
                                           {"429 with Retry-After", waitsAsA429Says}};

// A refresh token that works once, without a grace period: whoever has not seen the answer has no way to the new one.
const std::set<Name> withoutGrace = {Name::auth0, Name::keycloak, Name::gitHubApp, Name::slack, Name::dex, Name::hydra};
const std::set<std::string> answersThatAreLost = {"an answer lost after the commit",
                                                  "a gateway's 504 after the commit"};

bool isUnavoidable(Name name, const Behaviour& behaviour) {
  return withoutGrace.contains(name) && answersThatAreLost.contains(behaviour.name);
}

void checkAll(Reached reached) {
  for (const Name name : profiles::names) {
    for (const Behaviour& behaviour : behaviours) {
      INFO(std::string(profiles::nameOf(name)) << ": " << behaviour.name);
      Site site(name, reached);
      CHECK(behaviour.isKept(site) == !isUnavoidable(name, behaviour));
      if (!isUnavoidable(name, behaviour)) CHECK(site.provider.counts().reuses == 0);
    }
  }
}

void checkEnds(Reached reached) {
  for (const Name name : profiles::names) {
    INFO(profiles::nameOf(name));
    Site site(name, reached);
    const TokenSet tokens = site.jar->open(site.cookie).tokens().value();
    const Request revocation = revocationRequest({.url = "", .revocationUrl = site.provider.revocationUrl()}, tokens);
    CHECK(site.provider.handle(revocation, std::chrono::steady_clock::now() + 5s)->status == 200);
    const Site::Visit over = site.visit(site.cookie);
    CHECK(errorOf(over.response) == RefreshEnd::invalidGrant);
    CHECK(over.cookie == "sid=");
    CHECK(site.provider.counts().tokenCalls == 1);
  }
}

}  // namespace

TEST_CASE("no login is lost at any provider, in process") { checkAll(Reached::inProcess); }
TEST_CASE("no login is lost at any provider, over the loopback interface") { checkAll(Reached::overLoopback); }
TEST_CASE("a login that the provider has ended is over at once, in its spelling, in process") {
  checkEnds(Reached::inProcess);
}
TEST_CASE("a login that the provider has ended is over at once, in its spelling, over the loopback interface") {
  checkEnds(Reached::overLoopback);
}
TEST_CASE("where a grace period is configured and said, no answer that is lost costs a login") {
  for (const Name name : withoutGrace) {
    for (const auto how : {testing::Drop::How::reset, testing::Drop::How::gateway}) {
      INFO(profiles::nameOf(name));
      Site site(name, Reached::inProcess);
      testing::ProviderBehaviour behaviour = site.provider.behaviour();
      behaviour.rotation = testing::Rotation::graceNewChild;
      behaviour.grace = 30s;
      site.provider.behave(behaviour);
      FetchOptions options = site.fetcher->options();
      options.tokenEndpoint.replay.grace = 30s;
      site.fetcher.emplace(options);
      site.drop(how);
      CHECK(site.isServed());
    }
  }
}

}  // namespace provider_matrix_test

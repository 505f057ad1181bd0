#include "support/support.hpp"
#include "support/upstream.hpp"

#include <thread>

#include <ironjar/prometheus.hpp>

namespace prometheus_test {

using namespace ironjar;
using support::Upstream;

namespace {

const Request items{.url = std::string(support::api) + "/items"};

struct Site {
  Site() {
    FetchOptions fetch = support::fetchOptions(upstream);
    fetch.coordinator = coordinator;
    fetch.observer = metrics.observer();
    fetcher.emplace(fetch);
    jar.emplace(SessionOptions{.cookieName = "sid",
                               .passwords = support::password,
                               .commitHooks = fetcher->commitHooks(),
                               .observer = metrics.observer()});
  }
  std::string login() {
    Session session = jar->open("");
    session.setTokens(upstream.provider.login());
    const auto cookies = jar->commit(session).value();
    return cookies.at(0).substr(0, cookies.at(0).find(';'));
  }
  Result<Response> visit(const std::string& cookie) {
    Session session = jar->open(cookie);
    auto response = fetcher->performFetch(session, items);
    REQUIRE(jar->commit(session));
    return response;
  }
  bool shows(const std::string& line) const {
    const std::string text = metrics.text();
    support::tell("metrics", text);
    return text.find(line + "\n") != std::string::npos;
  }

  Upstream upstream;
  std::shared_ptr<LocalCoordinator> coordinator = std::make_shared<LocalCoordinator>(LocalCoordinatorOptions{});
  PrometheusMetrics metrics{coordinator};
  std::optional<Fetcher> fetcher;
  std::optional<SessionJar> jar;
};

}  // namespace

TEST_CASE("R83 a refresh and a late request, as Prometheus reads them") {
  Site site;
  const std::string cookie = site.login();
  site.upstream.provider.expireAccessTokens();
  CHECK(site.visit(cookie)->status == 200);
  CHECK(site.visit(cookie)->status == 200);
  INFO(site.metrics.text());
  CHECK(site.shows("# TYPE ironjar_refresh_total counter"));
  CHECK(site.shows(R"(ironjar_refresh_total{outcome="success",role="self",trigger="unauthorized"} 1)"));
  CHECK(site.shows(R"(ironjar_refresh_total{outcome="success",role="chain",trigger="late"} 1)"));
  CHECK(site.shows("ironjar_chain_hits_total 1"));
  CHECK(site.shows("ironjar_fetch_retries_total 1"));
  CHECK(site.shows("ironjar_refresh_seconds_count 1"));
  CHECK(site.shows("ironjar_cookie_bytes_count 3"));
  CHECK(site.shows("ironjar_circuit_open 0"));
  CHECK(site.shows("ironjar_waiters 0"));
}

TEST_CASE("R35 a provider that refuses the client: counted, and its circuit breaker is open") {
  Site site;
  const std::string cookie = site.login();
  site.upstream.provider.expireAccessTokens();
  site.upstream.provider.answerTokenCalls({Response{.status = 401, .body = R"({"error":"invalid_client"})"}});
  CHECK_FALSE(site.visit(cookie));
  INFO(site.metrics.text());
  CHECK(site.shows(R"(ironjar_refresh_total{outcome="client_refused",role="self",trigger="unauthorized"} 1)"));
  CHECK(site.shows("ironjar_circuit_open 1"));
  CHECK(site.shows("ironjar_logouts_total 0"));
}

TEST_CASE("requests that wait are there while they do") {
  Site site;
  const std::string cookie = site.login();
  site.upstream.provider.expireAccessTokens();
  site.upstream.provider.hold();
  std::thread waiting([&] { CHECK(site.visit(cookie)->status == 200); });
  site.upstream.provider.waitForTokenCalls(1);
  CHECK(site.shows("ironjar_waiters 1"));
  site.upstream.provider.release();
  waiting.join();
  CHECK(site.shows("ironjar_waiters 0"));
}

TEST_CASE("refused cookies by reason, and logouts") {
  Site site;
  Session session = site.jar->open(site.login());
  session.destroy();
  REQUIRE(site.jar->commit(session));
  for (const char* bad : {"sid=x", "sid=ij1.AAAA", "sid=Fe26.2*1"}) CHECK(site.jar->open(bad).rejection());
  INFO(site.metrics.text());
  CHECK(site.shows("ironjar_logouts_total 1"));
  CHECK(site.shows(R"(ironjar_rejected_total{reason="malformed"} 2)"));
  CHECK(site.shows(R"(ironjar_rejected_total{reason="unsupported"} 1)"));
}

TEST_CASE("the observer may outlive the metrics") {
  auto metrics = std::make_unique<PrometheusMetrics>();
  const Observer observer = metrics->observer();
  metrics.reset();
  CHECK_NOTHROW(observer(event::CoordinatorDegraded{true, "gone"}));
  CHECK_NOTHROW(observer(event::ResealSkipped{"tag", fail(Errc::tooLarge, "")}));
}

}  // namespace prometheus_test

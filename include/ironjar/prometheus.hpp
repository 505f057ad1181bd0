// Metrics for Prometheus, on prometheus-cpp (Debian: prometheus-cpp-dev; link its core library).
//
//   ironjar_refresh_total{outcome,role,trigger}  requests that wanted newer tokens: outcome is success or outcomeOf()
//   ironjar_refresh_seconds                      histogram: calls to token endpoints
//   ironjar_fetch_retries_total                  requests that performFetch sent again
//   ironjar_rejected_total{reason}               cookies that were not accepted, by nameOf(Errc)
//   ironjar_chain_hits_total                     requests served with tokens that an earlier one had brought
//   ironjar_reseals_skipped_total                sessions that were due to be sealed anew and do not fit
//   ironjar_logouts_total                        sessions destroyed
//   ironjar_cookie_bytes                         histogram: Set-Cookie values of a session
//   ironjar_waiters                              requests that wait for a refresh at this moment
//   ironjar_circuit_open                         token endpoints whose circuit breaker is open at this moment
//   ironjar_coordinator_evicted                  what was known of tokens and had to go before its time: raise the
//                                                coordinator's bounds when it grows
//   ironjar_coordinator_degraded                 1 while a shared coordinator cannot be reached
//
// Example:
//   const auto coordinator = std::make_shared<ironjar::LocalCoordinator>();
//   const ironjar::PrometheusMetrics metrics(coordinator);
//   const ironjar::Observer observer = metrics.observer();  // SessionOptions::observer, FetchOptions::observer
#pragma once

#include <memory>
#include <prometheus/collectable.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <ironjar/coordinator.hpp>
#include <ironjar/observer.hpp>

namespace ironjar {

namespace detail {

class PrometheusFamilies {
  using Buckets = prometheus::Histogram::BucketBoundaries;

 public:
  void operator()(const event::Unsealed&) {}
  void operator()(const event::Sealed& e) { cookieBytes_.Observe(static_cast<double>(e.bytes)); }
  void operator()(const event::Rejected& e) {
    rejected_.Add({{"reason", std::string(nameOf(e.error.code))}}).Increment();
  }
  void operator()(const event::ResealSkipped&) { resealsSkipped_.Increment(); }
  void operator()(const event::LoggedOut&) { logouts_.Increment(); }
  void operator()(const event::RefreshStarted&) {}
  void operator()(const event::TokensAnswered& e) {
    refreshSeconds_.Observe(std::chrono::duration<double>(e.took).count());
  }
  void operator()(const event::Refreshed& e) {
    count("success", e.role, e.trigger);
    if (e.role == RefreshedBy::chain) chainHits_.Increment();
  }
  void operator()(const event::RefreshFailed& e) { count(outcomeOf(e.error), e.role, e.trigger); }
  void operator()(const event::FetchRetried&) { retries_.Increment(); }
  void operator()(const event::CoordinatorDegraded& e) { degraded_.Set(e.degraded ? 1 : 0); }

  std::vector<prometheus::MetricFamily> collect(const CoordinatorStats& stats) {
    waiters_.Set(static_cast<double>(stats.waiters));
    circuitOpen_.Set(static_cast<double>(stats.openCircuits));
    evicted_.Set(static_cast<double>(stats.evicted));
    return registry_.Collect();
  }

 private:
  prometheus::Family<prometheus::Counter>& counter(const char* name, const char* help) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry_);
  }
  prometheus::Gauge& gauge(const char* name, const char* help) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry_).Add({});
  }
  prometheus::Histogram& histogram(const char* name, const char* help, const Buckets& buckets) {
    return prometheus::BuildHistogram().Name(name).Help(help).Register(registry_).Add({}, buckets);
  }
  void count(std::string_view outcome, RefreshedBy role, RefreshTrigger trigger) {
    refreshes_
        .Add({{"outcome", std::string(outcome)},
              {"role", std::string(nameOf(role))},
              {"trigger", std::string(nameOf(trigger))}})
        .Increment();
  }

  prometheus::Registry registry_;
  prometheus::Family<prometheus::Counter>& refreshes_ =
      counter("ironjar_refresh_total", "Requests that wanted newer tokens");
  prometheus::Family<prometheus::Counter>& rejected_ =
      counter("ironjar_rejected_total", "Cookies that were not accepted");
  prometheus::Counter& retries_ =
      counter("ironjar_fetch_retries_total", "Requests sent again with newer tokens").Add({});
  prometheus::Counter& chainHits_ =
      counter("ironjar_chain_hits_total", "Requests served with tokens brought earlier").Add({});
  prometheus::Counter& resealsSkipped_ =
      counter("ironjar_reseals_skipped_total", "Cookies that were due to be sealed anew and do not fit").Add({});
  prometheus::Counter& logouts_ = counter("ironjar_logouts_total", "Sessions destroyed").Add({});
  prometheus::Histogram& refreshSeconds_ = histogram("ironjar_refresh_seconds", "Calls to token endpoints",
                                                     {0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10});
  prometheus::Histogram& cookieBytes_ =
      histogram("ironjar_cookie_bytes", "Set-Cookie values of a session", {512, 1024, 1536, 2048, 3072, 4096, 8192});
  prometheus::Gauge& waiters_ = gauge("ironjar_waiters", "Requests that wait for a refresh");
  prometheus::Gauge& circuitOpen_ = gauge("ironjar_circuit_open", "Token endpoints whose circuit breaker is open");
  prometheus::Gauge& evicted_ = gauge("ironjar_coordinator_evicted", "Entries that had to go before their time");
  prometheus::Gauge& degraded_ = gauge("ironjar_coordinator_degraded", "1: a shared coordinator cannot be reached");
};

}  // namespace detail

// Thread-safe. Give observer() to the SessionJar and the Fetcher, and this to a prometheus::Exposer, or serve text().
class PrometheusMetrics final : public prometheus::Collectable {
 public:
  // `coordinator`, for the gauges of the moment, is the one in FetchOptions::coordinator; null: they stay 0.
  explicit PrometheusMetrics(std::shared_ptr<const RefreshCoordinator> coordinator = nullptr)
      : coordinator_(std::move(coordinator)) {}

  // May outlive this object.
  [[nodiscard]] Observer observer() const {
    return [families = families_](const Event& event) { std::visit(*families, event); };
  }

  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override {
    return families_->collect(coordinator_ ? coordinator_->stats() : CoordinatorStats());
  }

  // For a /metrics route of your own: content type `text/plain; version=0.0.4`.
  [[nodiscard]] std::string text() const { return prometheus::TextSerializer().Serialize(Collect()); }

 private:
  std::shared_ptr<const RefreshCoordinator> coordinator_;
  std::shared_ptr<detail::PrometheusFamilies> families_ = std::make_shared<detail::PrometheusFamilies>();
};

}  // namespace ironjar

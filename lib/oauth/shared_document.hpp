// A document that another server publishes, kept and shared: one request at a time, for all that wait.
#pragma once

#include "base/completion.hpp"
#include "oauth/freshness.hpp"

#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include <ironjar/error.hpp>

namespace ironjar::detail {

// Thread-safe. Calls nothing under its lock. It must be held by a shared_ptr.
template <class T>
class SharedDocument : public std::enable_shared_from_this<SharedDocument<T>> {
 public:
  using Answer = Result<std::shared_ptr<const T>>;
  using Done = Completion<Answer>;
  // Begins to ask for it. One that throws, or drops its completion, has failed.
  using Fetch = std::function<void(Completion<Result<T>>)>;

  SharedDocument(Fetch fetch, Seconds keep, std::function<MonotonicTime()> now)
      : fetch_(std::move(fetch)), now_(std::move(now)), freshness_(keep) {}

  // A newer one that cannot be had is the error of asking for it; for `any` the old one serves.
  void start(Freshness::Wanted wanted, Done done) {
    const MonotonicTime now = now_();
    std::unique_lock lock(mutex_);
    const Freshness::Step step = freshness_.ask(wanted, now);
    if (step == Freshness::Step::use || step == Freshness::Step::refuse) {
      const Answer answer = step == Freshness::Step::use ? Answer(document_) : Answer(failure_);
      lock.unlock();
      return completeSafely(done, answer);
    }
    waiting_.push_back({wanted, std::move(done)});
    lock.unlock();
    if (step == Freshness::Step::wait) return;
    const auto taken = exactlyOnce<Result<T>>(
        [self = this->shared_from_this(), now](Result<T> fetched) { self->take(std::move(fetched), now); },
        fail(Errc::transport, "a document that could not be read"));
    try {
      fetch_(taken);
    } catch (...) {
      taken(fail(Errc::transport, "a document that could not be asked for"));
    }
  }

 private:
  struct Waiting {
    Freshness::Wanted wanted;
    Done done;
  };

  // The application's clock may throw: whoever waits is told all the same.
  [[nodiscard]] MonotonicTime nowOr(MonotonicTime other) const {
    try {
      return now_();
    } catch (...) {
      return other;
    }
  }

  void take(Result<T> fetched, MonotonicTime askedAt) {
    const MonotonicTime now = nowOr(askedAt);
    const bool isThere = fetched.has_value();
    std::shared_ptr<const T> document = isThere ? std::make_shared<const T>(*std::move(fetched)) : nullptr;
    std::unique_lock lock(mutex_);
    freshness_.fetched(isThere, now);
    if (isThere) {
      document_ = std::move(document);
    } else {
      failure_ = fetched.error();
    }
    const Answer newer = isThere ? Answer(document_) : Answer(failure_);
    const Answer any = freshness_.serves(now) ? Answer(document_) : newer;
    const std::vector<Waiting> waiting = std::exchange(waiting_, {});
    lock.unlock();
    for (const Waiting& one : waiting) completeSafely(one.done, one.wanted == Freshness::Wanted::newer ? newer : any);
  }

  const Fetch fetch_;
  const std::function<MonotonicTime()> now_;
  std::mutex mutex_;  // for all below
  Freshness freshness_;
  std::shared_ptr<const T> document_;
  Error failure_{Errc::cancelled, {}};
  std::vector<Waiting> waiting_;
};

}  // namespace ironjar::detail

// What asynchronous operations complete with, exactly once, whatever happens on the way.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace ironjar::detail {

template <class T>
using Completion = std::function<void(T)>;

// What a completion throws has nobody to go to.
template <class T>
void completeSafely(const Completion<T>& done, T result) noexcept {
  try {
    done(std::move(result));
  } catch (...) {  // NOLINT(bugprone-empty-catch): said above
  }
}

// `Dropped` becomes a T when that is needed: an Error is smaller than a Result of something.
template <class T, class Dropped = T>
class Once {
 public:
  Once(Completion<T> done, Dropped dropped) : done_(std::move(done)), dropped_(std::move(dropped)) {}
  Once(const Once&) = delete;
  Once& operator=(const Once&) = delete;
  ~Once() {
    if (!isCompleted_) completeSafely(done_, T(std::move(dropped_)));
  }
  // Does nothing from the second time on.
  void complete(T result) {
    if (!isCompleted_.exchange(true)) completeSafely(std::exchange(done_, nullptr), std::move(result));
  }
  [[nodiscard]] bool isCompleted() const { return isCompleted_; }

 private:
  Completion<T> done_;
  Dropped dropped_;
  std::atomic<bool> isCompleted_ = false;
};

// Calls `done` when it is called for the first time; with `dropped` when all copies are gone without.
template <class T, class Dropped>
[[nodiscard]] Completion<T> exactlyOnce(Completion<T> done, Dropped dropped) {
  const auto once = std::make_shared<Once<T, Dropped>>(std::move(done), std::move(dropped));
  return [once](T result) { once->complete(std::move(result)); };
}

// Blocks until the operation completes that `start` begins with a completion; `dropped` if it never will.
template <class T, class Start>
[[nodiscard]] T waitFor(const Start& start, T dropped) {
  struct Shared {
    std::mutex mutex;
    std::condition_variable isThere;
    std::optional<T> result;
  };
  const auto shared = std::make_shared<Shared>();
  const Completion<T> done = [shared](T result) {
    const std::lock_guard lock(shared->mutex);
    shared->result.emplace(std::move(result));
    shared->isThere.notify_one();
  };
  start(exactlyOnce(done, std::move(dropped)));
  std::unique_lock lock(shared->mutex);
  shared->isThere.wait(lock, [&] { return shared->result.has_value(); });
  return *std::move(shared->result);
}

}  // namespace ironjar::detail

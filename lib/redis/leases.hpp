// The locks that this process holds, renewed by a thread of its own until they are given up.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <ironjar/error.hpp>

namespace ironjar::detail {

// A lock for a while. Thread-safe.
class Lease {
 public:
  using Time = std::chrono::steady_clock::time_point;
  // False when another has the lock; an error when that cannot be told.
  using Renew = std::function<Result<bool>()>;

  Lease(std::chrono::milliseconds length, Renew renew, Time begun);

  // Whether the lock is ours, with most of its time left: asked right before what must not be done twice. Renews it
  // when it is about due.
  [[nodiscard]] bool holds();
  void renew();
  [[nodiscard]] Time dueAt() const;

 private:
  const std::chrono::milliseconds length_;
  const Renew renew_;
  mutable std::mutex mutex_;
  Time renewed_;
  Time tried_;
  bool lost_ = false;
};

class Leases {
 public:
  explicit Leases(std::chrono::milliseconds length) : length_(length), thread_([this] { run(); }) {}
  Leases(const Leases&) = delete;
  Leases& operator=(const Leases&) = delete;
  ~Leases();

  // A lock that was had not before `begun`.
  [[nodiscard]] std::shared_ptr<Lease> take(Lease::Renew renew, Lease::Time begun);
  void drop(const std::shared_ptr<Lease>& lease);

 private:
  void run();

  const std::chrono::milliseconds length_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::shared_ptr<Lease>> leases_;
  bool stopping_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace ironjar::detail

#include "redis/leases.hpp"

#include <algorithm>

namespace ironjar::detail {

Lease::Lease(std::chrono::milliseconds length, Renew renew, Time begun)
    : length_(length), renew_(std::move(renew)), renewed_(begun), tried_(begun) {}

Lease::Time Lease::dueAt() const {
  const std::lock_guard lock(mutex_);
  return lost_ ? Time::max() : tried_ + length_ / 3;
}

void Lease::renew() {
  const Time now = std::chrono::steady_clock::now();
  const Result<bool> renewed = renew_();
  const std::lock_guard lock(mutex_);
  tried_ = now;
  if (renewed && *renewed) renewed_ = now;
  if (renewed && !*renewed) lost_ = true;
}

bool Lease::holds() {
  if (dueAt() <= std::chrono::steady_clock::now()) renew();
  const std::lock_guard lock(mutex_);
  return !lost_ && std::chrono::steady_clock::now() < renewed_ + length_ * 2 / 3;
}

Leases::~Leases() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

std::shared_ptr<Lease> Leases::take(Lease::Renew renew, Lease::Time begun) {
  auto lease = std::make_shared<Lease>(length_, std::move(renew), begun);
  {
    const std::lock_guard lock(mutex_);
    leases_.push_back(lease);
  }
  changed_.notify_all();
  return lease;
}

void Leases::drop(const std::shared_ptr<Lease>& lease) {
  const std::lock_guard lock(mutex_);
  std::erase(leases_, lease);
}

void Leases::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const auto next = std::min_element(leases_.begin(), leases_.end(),
                                       [](const auto& a, const auto& b) { return a->dueAt() < b->dueAt(); });
    const Lease::Time now = std::chrono::steady_clock::now();
    if (next == leases_.end() || (*next)->dueAt() > now) {
      const Lease::Time due = next == leases_.end() ? now + length_ : (*next)->dueAt();
      changed_.wait_until(lock, std::min(due, now + length_));
      continue;
    }
    const std::shared_ptr<Lease> lease = *next;
    lock.unlock();
    lease->renew();
    lock.lock();
  }
}

}  // namespace ironjar::detail

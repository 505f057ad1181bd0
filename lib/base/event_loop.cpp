#include "base/event_loop.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace ironjar::detail {
namespace {

std::uint64_t join(int descriptor, std::uint32_t number) {
  return static_cast<std::uint64_t>(number) << 32U | static_cast<std::uint32_t>(descriptor);
}

template <class Function, class... Arguments>
void runSafely(const Function& function, Arguments... arguments) noexcept {
  try {
    function(arguments...);
  } catch (...) {  // NOLINT(bugprone-empty-catch): said in the header
  }
}

}  // namespace

EventLoop::EventLoop() : epoll_(::epoll_create1(EPOLL_CLOEXEC)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = join(wake_.get(), 0);
  const bool isReady =
      epoll_.get() >= 0 && wake_.get() >= 0 && ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) == 0;
  if (!isReady) throw std::runtime_error("ironjar: no descriptors for an event loop");
}

bool EventLoop::post(Task task) {
  bool wakes = false;
  {
    const std::lock_guard lock(mutex_);
    if (hasEnded_) return false;
    wakes = posted_.empty() && !isOnItsThread();
    posted_.push_back(std::move(task));
  }
  if (wakes) wake();
  return true;
}

void EventLoop::stop() {
  isStopping_ = true;
  wake();
}

void EventLoop::wake() const {
  const std::uint64_t one = 1;
  static_cast<void>(::write(wake_.get(), &one, sizeof one) < 0);
}

void EventLoop::run(const Task& afterwards) {
  thread_ = std::this_thread::get_id();
  const auto runAfterwards = [&] {
    if (afterwards && !isStopping_) runSafely(afterwards);
  };
  while (!isStopping_) {
    runPosted();
    runDue();
    runAfterwards();
    if (!isStopping_) runReady();
    runAfterwards();
  }
  // Destroyed while nothing is locked, and where what they hold may still come here when it goes.
  std::vector<Task> dropped;
  std::map<Ticket, Task> timers;
  std::unordered_map<int, Watched> watched;
  {
    const std::lock_guard lock(mutex_);
    hasEnded_ = true;
    dropped.swap(posted_);
  }
  timers.swap(timers_);
  watched.swap(watched_);
}

EventLoop::Ticket EventLoop::at(Deadline when, Task due) {
  const Ticket ticket{when, ++tickets_};
  timers_.emplace(ticket, std::move(due));
  return ticket;
}

void EventLoop::cancel(std::optional<Ticket>& ticket) {
  if (ticket) timers_.erase(*ticket);
  ticket.reset();
}

// A descriptor that is closed leaves epoll by itself, and may come again as another one before anybody says so.
bool EventLoop::control(int descriptor, std::uint32_t number, std::uint32_t events) const {
  epoll_event event{};
  event.events = events;
  event.data.u64 = join(descriptor, number);
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, descriptor, &event) == 0) return true;
  return errno == ENOENT && ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &event) == 0;
}

bool EventLoop::watch(int descriptor, std::uint32_t events, Ready ready) {
  const std::uint32_t number = ++watches_;
  watched_[descriptor] = {number, std::make_shared<const Ready>(std::move(ready))};
  if (control(descriptor, number, events)) return true;
  watched_.erase(descriptor);
  return false;
}

bool EventLoop::rewatch(int descriptor, std::uint32_t events) {
  const auto found = watched_.find(descriptor);
  return found != watched_.end() && control(descriptor, found->second.number, events);
}

void EventLoop::forget(int descriptor) {
  if (watched_.erase(descriptor) == 0) return;
  epoll_event event{};
  static_cast<void>(::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, descriptor, &event));  // it may be closed
}

void EventLoop::runPosted() {
  std::vector<Task> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(posted_);
  }
  for (Task& task : tasks) {
    if (isStopping_) return;
    runSafely(task);
    task = nullptr;
  }
}

void EventLoop::runDue() {
  const Deadline now = std::chrono::steady_clock::now();
  while (!isStopping_ && !timers_.empty() && timers_.begin()->first.first <= now) {
    const auto due = timers_.extract(timers_.begin());
    runSafely(due.mapped());
  }
}

void EventLoop::runReady() {
  std::array<epoll_event, 64> events;
  const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), patience());
  for (int i = 0; i < count && !isStopping_; ++i) {
    const epoll_event& event = events.at(static_cast<std::size_t>(i));
    const int descriptor = static_cast<int>(event.data.u64 & 0xffff'ffffU);
    if (descriptor == wake_.get()) {
      std::uint64_t times = 0;
      static_cast<void>(::read(wake_.get(), &times, sizeof times) < 0);
      continue;
    }
    const auto found = watched_.find(descriptor);
    if (found == watched_.end() || found->second.number != event.data.u64 >> 32U) continue;
    const auto ready = found->second.ready;  // which it may forget
    runSafely(*ready, event.events);
  }
}

// For epoll_wait(): until the next time that something is due.
int EventLoop::patience() {
  {
    const std::lock_guard lock(mutex_);
    if (!posted_.empty()) return 0;
  }
  if (timers_.empty()) return -1;
  const auto left = timers_.begin()->first.first - std::chrono::steady_clock::now();
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(left);
  return static_cast<int>(std::clamp<std::chrono::milliseconds::rep>(wait.count(), 0, 60'000));
}

}  // namespace ironjar::detail

#include "curl/event_loop.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace ironjar::detail {

EventLoop::EventLoop()
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      multi_(curl_multi_init()) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = wake_.get();
  const bool isReady = epoll_.get() >= 0 && wake_.get() >= 0 && multi_ &&
                       ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) == 0 &&
                       curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETFUNCTION, &EventLoop::watch) == CURLM_OK &&
                       curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETDATA, this) == CURLM_OK &&
                       curl_multi_setopt(multi_.get(), CURLMOPT_TIMERFUNCTION, &EventLoop::setTimer) == CURLM_OK &&
                       curl_multi_setopt(multi_.get(), CURLMOPT_TIMERDATA, this) == CURLM_OK;
  if (!isReady) throw std::runtime_error("ironjar: no descriptors, or no memory, for libcurl's event loop");
}

bool EventLoop::post(Task task) {
  bool wakes = false;
  {
    const std::lock_guard lock(mutex_);
    if (hasEnded_) return false;
    wakes = posted_.empty() && thread_ != std::this_thread::get_id();
    posted_.push_back(std::move(task));
  }
  const std::uint64_t one = 1;
  if (wakes) static_cast<void>(::write(wake_.get(), &one, sizeof one) < 0);
  return true;
}

void EventLoop::stop() {
  isStopping_ = true;
  const std::uint64_t one = 1;
  static_cast<void>(::write(wake_.get(), &one, sizeof one) < 0);
}

void EventLoop::run(const std::function<void(CURL*, CURLcode)>& done, const Task& afterwards) {
  done_ = done;
  afterwards_ = afterwards;
  {
    const std::lock_guard lock(mutex_);
    thread_ = std::this_thread::get_id();
  }
  while (!isStopping_) {
    runPosted();
    runDue();
    collect();
    if (!isStopping_) runSockets();
    collect();
  }
  std::vector<Task> dropped;  // destroyed while nothing is locked
  {
    const std::lock_guard lock(mutex_);
    hasEnded_ = true;
    dropped.swap(posted_);
  }
  timers_.clear();
}

EventLoop::Ticket EventLoop::at(Deadline when, Task due) {
  const Ticket ticket{when, ++number_};
  timers_.emplace(ticket, std::move(due));
  return ticket;
}

void EventLoop::cancel(std::optional<Ticket>& ticket) {
  if (ticket) timers_.erase(*ticket);
  ticket.reset();
}

void EventLoop::runPosted() {
  std::vector<Task> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(posted_);
  }
  for (Task& task : tasks) {
    if (isStopping_) return;
    task();
    task = nullptr;
  }
}

void EventLoop::runDue() {
  const Deadline now = std::chrono::steady_clock::now();
  while (!isStopping_ && !timers_.empty() && timers_.begin()->first.first <= now) {
    const auto due = timers_.extract(timers_.begin());
    due.mapped()();
  }
  if (isStopping_ || !curlDue_ || *curlDue_ > now) return;
  curlDue_.reset();
  int running = 0;
  curl_multi_socket_action(multi_.get(), CURL_SOCKET_TIMEOUT, 0, &running);
}

void EventLoop::runSockets() {
  std::array<epoll_event, 64> events;
  const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), patience());
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events.at(static_cast<std::size_t>(i));
    if (event.data.fd == wake_.get()) {
      std::uint64_t times = 0;
      static_cast<void>(::read(wake_.get(), &times, sizeof times) < 0);
      continue;
    }
    const int what = ((event.events & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
                     ((event.events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                     ((event.events & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0);
    int running = 0;
    curl_multi_socket_action(multi_.get(), event.data.fd, what, &running);
  }
}

void EventLoop::collect() {
  int left = 0;
  while (!isStopping_) {
    const CURLMsg* const message = curl_multi_info_read(multi_.get(), &left);
    if (message == nullptr) break;
    done_(message->easy_handle, message->data.result);
  }
  if (!isStopping_) afterwards_();
}

// For epoll_wait(): until the next time that something is due.
int EventLoop::patience() {
  {
    const std::lock_guard lock(mutex_);
    if (!posted_.empty()) return 0;
  }
  std::optional<Deadline> next = curlDue_;
  if (!timers_.empty()) next = std::min(next.value_or(Deadline::max()), timers_.begin()->first.first);
  if (!next) return -1;
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(*next - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::chrono::milliseconds::rep>(wait.count(), 0, 60'000));
}

// A socket that is closed leaves epoll by itself, and may come again as another one before libcurl says so.
int EventLoop::watch(CURL*, curl_socket_t socket, int what, void* self, void*) {
  const EventLoop& loop = *static_cast<EventLoop*>(self);
  epoll_event event{};
  event.data.fd = socket;
  if (what == CURL_POLL_REMOVE) {
    static_cast<void>(::epoll_ctl(loop.epoll_.get(), EPOLL_CTL_DEL, socket, &event));
    return 0;
  }
  if (what == CURL_POLL_IN || what == CURL_POLL_INOUT) event.events |= EPOLLIN;
  if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT) event.events |= EPOLLOUT;
  if (::epoll_ctl(loop.epoll_.get(), EPOLL_CTL_MOD, socket, &event) == 0) return 0;
  return errno == ENOENT && ::epoll_ctl(loop.epoll_.get(), EPOLL_CTL_ADD, socket, &event) == 0 ? 0 : -1;
}

int EventLoop::setTimer(CURLM*, long milliseconds, void* self) {
  EventLoop& loop = *static_cast<EventLoop*>(self);
  loop.curlDue_.reset();
  if (milliseconds >= 0) loop.curlDue_ = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
  return 0;
}

}  // namespace ironjar::detail

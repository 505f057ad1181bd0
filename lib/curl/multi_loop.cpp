#include "curl/multi_loop.hpp"

#include <chrono>
#include <stdexcept>
#include <sys/epoll.h>

namespace ironjar::detail {

MultiLoop::MultiLoop() : multi_(curl_multi_init()) {
  const bool isReady = multi_ &&
                       curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETFUNCTION, &MultiLoop::watch) == CURLM_OK &&
                       curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETDATA, this) == CURLM_OK &&
                       curl_multi_setopt(multi_.get(), CURLMOPT_TIMERFUNCTION, &MultiLoop::setTimer) == CURLM_OK &&
                       curl_multi_setopt(multi_.get(), CURLMOPT_TIMERDATA, this) == CURLM_OK;
  if (!isReady) throw std::runtime_error("ironjar: no memory for libcurl's event loop");
}

void MultiLoop::run(const std::function<void(CURL*, CURLcode)>& done, const Task& afterwards) {
  loop_.run([&] { collect(done, afterwards); });
}

void MultiLoop::collect(const std::function<void(CURL*, CURLcode)>& done, const Task& afterwards) {
  int left = 0;
  while (!isStopping()) {
    const CURLMsg* const message = curl_multi_info_read(multi_.get(), &left);
    if (message == nullptr) break;
    done(message->easy_handle, message->data.result);
  }
  if (!isStopping()) afterwards();
}

void MultiLoop::runSocket(curl_socket_t socket, std::uint32_t events) {
  const int what = ((events & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) | ((events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                   ((events & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0);
  int running = 0;
  curl_multi_socket_action(multi_.get(), socket, what, &running);
}

int MultiLoop::watch(CURL*, curl_socket_t socket, int what, void* self, void*) {
  MultiLoop& own = *static_cast<MultiLoop*>(self);
  if (what == CURL_POLL_REMOVE) {
    own.loop_.forget(socket);
    return 0;
  }
  std::uint32_t events = 0;
  if (what == CURL_POLL_IN || what == CURL_POLL_INOUT) events |= EPOLLIN;
  if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT) events |= EPOLLOUT;
  try {  // no exception may pass through libcurl
    return own.loop_.watch(socket, events, [&own, socket](std::uint32_t ready) { own.runSocket(socket, ready); }) ? 0
                                                                                                                  : -1;
  } catch (const std::bad_alloc&) {
    return -1;
  }
}

int MultiLoop::setTimer(CURLM*, long milliseconds, void* self) {
  MultiLoop& own = *static_cast<MultiLoop*>(self);
  own.loop_.cancel(own.timer_);
  if (milliseconds < 0) return 0;
  const auto due = [&own] {
    own.timer_.reset();
    int running = 0;
    curl_multi_socket_action(own.multi_.get(), CURL_SOCKET_TIMEOUT, 0, &running);
  };
  try {
    own.timer_ = own.loop_.at(std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds), due);
  } catch (const std::bad_alloc&) {
    return -1;
  }
  return 0;
}

}  // namespace ironjar::detail

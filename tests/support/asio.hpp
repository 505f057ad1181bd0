// What the tests of the asynchronous transport have in common: an event loop on threads of its own, and who waits.
#pragma once

#include "raw_server.hpp"

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <ironjar/asio/transport.hpp>

namespace support {

inline ironjar::Deadline in(std::chrono::milliseconds time) { return std::chrono::steady_clock::now() + time; }

// Runs until it goes, which drops what is pending.
class Loop {
 public:
  explicit Loop(int threads = 1) {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { context_.run(); });
  }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop() { stop(); }
  void stop() {
    context_.stop();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  [[nodiscard]] boost::asio::any_io_executor executor() { return context_.get_executor(); }
  [[nodiscard]] boost::asio::io_context& context() { return context_; }

 private:
  boost::asio::io_context context_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{context_.get_executor()};
  std::vector<std::thread> threads_;
};

// What an operation completes with, for who waits on another thread. Copies are of the same operation.
template <class T>
class Outcome {
 public:
  [[nodiscard]] std::function<void(ironjar::Result<T>)> done() const {
    return [state = state_, owner = owner_](ironjar::Result<T> result) {
      if (state->calls++ == 0) state->promise.set_value(std::move(result));
    };
  }
  // Throws std::runtime_error when nothing comes within ten seconds.
  [[nodiscard]] ironjar::Result<T> wait() const {
    if (state_->future.wait_for(std::chrono::seconds{10}) != std::future_status::ready) {
      throw std::runtime_error("no completion");
    }
    return state_->future.get();
  }
  [[nodiscard]] bool isThere() const {
    return state_->future.wait_for(std::chrono::seconds{0}) == std::future_status::ready;
  }
  [[nodiscard]] int calls() const { return state_->calls; }
  // Whether nobody holds done() any more.
  [[nodiscard]] bool isDropped() const { return owner_.use_count() == 1; }

 private:
  struct State {
    std::promise<ironjar::Result<T>> promise = {};
    std::shared_future<ironjar::Result<T>> future = promise.get_future().share();
    std::atomic<int> calls = 0;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
  std::shared_ptr<int> owner_ = std::make_shared<int>(0);
};
using Answer = Outcome<ironjar::Response>;

// Sends a request that lives until the test ends.
[[nodiscard]] inline Answer ask(const ironjar::AsyncTransport& transport, const ironjar::Request& request,
                                std::chrono::milliseconds time = std::chrono::seconds{10}, std::stop_token stop = {}) {
  Answer answer;
  const auto own = std::make_shared<const ironjar::Request>(request);
  transport(*own, in(time), std::move(stop),
            [own, done = answer.done()](ironjar::Result<ironjar::Response> result) { done(std::move(result)); });
  return answer;
}
// The next piece of a streamed body.
[[nodiscard]] inline Outcome<std::string> next(const ironjar::AsyncBodyReader& reader) {
  Outcome<std::string> piece;
  reader(piece.done());
  return piece;
}

[[nodiscard]] inline std::string wordOf(const ironjar::Result<ironjar::Response>& response) {
  return response ? std::to_string(response->status) + " " + response->body
                  : std::string(nameOf(response.error().code));
}
[[nodiscard]] inline std::string wordOf(const ironjar::Result<std::string>& piece) {
  return piece ? *piece : std::string(nameOf(piece.error().code));
}

}  // namespace support

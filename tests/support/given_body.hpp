// A body in pieces that a test gives, one when it is asked for.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include <ironjar/http.hpp>

namespace support {

class GivenBody {
 public:
  ironjar::AsyncBodyReader reader() {
    return [this](std::function<void(ironjar::Result<std::string>)> done) {
      const std::lock_guard lock(mutex_);
      ++asked;
      asks_ = std::move(done);
    };
  }
  void give(ironjar::Result<std::string> piece) {
    std::function<void(ironjar::Result<std::string>)> done;
    while (!done) {
      {
        const std::lock_guard lock(mutex_);
        done = std::exchange(asks_, nullptr);
      }
      if (!done) std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
    done(std::move(piece));
  }

  std::atomic<int> asked = 0;

 private:
  std::mutex mutex_;
  std::function<void(ironjar::Result<std::string>)> asks_;
};

}  // namespace support

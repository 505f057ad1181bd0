// A provider that answers when a test says so.
#pragma once

#include <condition_variable>
#include <mutex>

#include <ironjar/coordinator.hpp>

namespace support {

// A call that waits inside the provider until it is released.
class Gate {
 public:
  ironjar::RefreshCall ask(ironjar::RefreshAnswer answer) {
    return [this, answer](const ironjar::TokenSet&) {
      std::unique_lock lock(mutex_);
      ++entered_;
      changed_.notify_all();
      changed_.wait(lock, [this] { return open_; });
      return answer;
    };
  }
  void waitUntilEntered(int count = 1) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return entered_ >= count; });
  }
  void open() {
    {
      const std::lock_guard lock(mutex_);
      open_ = true;
    }
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int entered_ = 0;
  bool open_ = false;
};

}  // namespace support

// A provider that answers when a test says so.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include <ironjar/coordinator.hpp>

namespace support {

// A call that waits inside the provider until it is released.
class Gate {
 public:
  ironjar::BlockingRefresh ask(ironjar::RefreshAnswer answer) {
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
    changed_.wait(lock, [&] { return entered_ >= count || isOver_; });
  }
  // Nobody will enter any more.
  void end() {
    {
      const std::lock_guard lock(mutex_);
      isOver_ = true;
    }
    changed_.notify_all();
  }
  bool isEntered() {
    const std::lock_guard lock(mutex_);
    return entered_ > 0;
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
  bool isOver_ = false;
};

// What refresh(deadline) gives when its deadline passes while its call waits inside the gate. On a busy machine a
// deadline may have passed before the call begins: then a later one is tried.
template <class Refresh>
auto leaveHeld(Gate& gate, const Refresh& refresh) {
  for (std::chrono::milliseconds patience{100};; patience *= 2) {
    auto left = refresh(std::chrono::steady_clock::now() + patience);
    if (gate.isEntered() || patience > std::chrono::seconds{30}) return left;
  }
}

// A request of somebody's whose call is held until end(), which gives its result.
struct Held {
  template <class Asker>
  Held(Asker& asker, const std::string& from, const ironjar::RefreshAnswer& answer)
      : thread([this, &asker, from, answer] {
          result.emplace(asker.refresh(from, gate.ask(answer)));
          gate.end();
        }) {
    gate.waitUntilEntered();
  }
  ~Held() {
    if (thread.joinable()) static_cast<void>(end().has_value());
  }
  ironjar::Result<ironjar::NewTokens> end() {
    gate.open();
    thread.join();
    return *result;
  }
  Gate gate;
  std::optional<ironjar::Result<ironjar::NewTokens>> result;
  std::thread thread;
};

}  // namespace support

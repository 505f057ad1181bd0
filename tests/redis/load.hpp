// Logins that are refreshed all the time by several replicas at once, some of which are signed out of, while something
// happens to Redis; and what that may cost.
#pragma once

#include "support/completions.hpp"
#include "support/named_tokens.hpp"
#include "support/support.hpp"

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <ironjar/redis.hpp>

namespace support {

class Load {
 public:
  static constexpr int logins = 16;
  static constexpr int replicas = 3;

  explicit Load(const ironjar::RedisOptions& options) : options_(options) {
    for (int i = 0; i < replicas; ++i) coordinators_.push_back(coordinator());
  }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;
  ~Load() { end(); }

  void start() {
    for (int login = 0; login < logins; ++login) threads_.emplace_back([this, login] { run(login); });
  }
  // Until each login has been refreshed so often from now on.
  bool waitForRounds(int count) {
    std::vector<int> goals;
    for (const auto& done : rounds_) goals.push_back(done + count);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{120};
    while (std::chrono::steady_clock::now() < deadline) {
      bool isReached = true;
      for (std::size_t i = 0; i < goals.size(); ++i) isReached = isReached && rounds_.at(i) >= goals[i];
      if (isReached) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
    return false;
  }
  void end() {
    ends_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  int extraCalls() {
    const std::lock_guard lock(mutex_);
    int extra = 0;
    for (const auto& [name, count] : calls_) extra += count - 1;
    return extra;
  }
  // No wrong tokens, a call per login more than it needed at most, and each logout holds for a process that has just
  // come.
  void check() {
    std::map<int, int> extra;
    for (const auto& [name, count] : calls_) extra[std::stoi(name)] += count - 1;
    int most = 0;
    for (const auto& [login, count] : extra) most = std::max(most, count);
    CHECK(wrong_ == 0);
    CHECK(most <= 1);
    const auto fresh = coordinator();
    int undone = 0;
    for (const auto& [name, logout] : loggedOut_) {
      const auto ask = [&](const ironjar::TokenSet&) {
        return ironjar::RefreshAnswer{.tokens = tokens("resurrected")};
      };
      const auto result = fresh->refresh("c", tokens(name), ironjar::BlockingRefresh(ask), soon(), {.begun = begun_});
      undone += !result && result.error().end == ironjar::RefreshEnd::loggedOut ? 0 : 1;
    }
    CHECK(loggedOut_.size() >= static_cast<std::size_t>(logins));
    CHECK(undone == 0);
    std::uint64_t alone = 0;
    for (const auto& each : coordinators_) alone += each->redisStats().alone;
    CHECK(alone == 0);
    MESSAGE("refreshes ", calls_.size(), ", calls beyond one each ", extraCalls(), ", per login at most ", most,
            ", requests to repeat ", failed_.load(), ", logouts ", loggedOut_.size(), ", undone ", undone);
  }

 private:
  using Coordinator = std::shared_ptr<ironjar::RedisCoordinator>;

  [[nodiscard]] Coordinator coordinator() const {
    return std::make_shared<ironjar::RedisCoordinator>(std::make_shared<ironjar::Redis>(options_));
  }
  static std::string nameOf(int login, int round) { return std::to_string(login) + "-" + std::to_string(round); }

  // The provider has a grace: the same token again brings the same successor.
  ironjar::RefreshAnswer ask(const ironjar::TokenSet& spent) {
    const std::string name = spent.refreshToken.substr(3);
    std::this_thread::sleep_for(std::chrono::milliseconds{3});
    {
      const std::lock_guard lock(mutex_);
      ++calls_[name];
    }
    const std::size_t dash = name.find('-');
    return {.tokens = tokens(name.substr(0, dash + 1) + std::to_string(std::stoi(name.substr(dash + 1)) + 1))};
  }

  void run(int login) {
    for (int round = 0; !ends_;) {
      if (round % 4 == 3) signOut(nameOf(login, round) + "-other", login);
      bool isRefreshed = true;
      std::vector<Completed> told(coordinators_.size());
      for (std::size_t i = 0; i < told.size(); ++i) {
        const ironjar::BlockingRefresh call = [this](const ironjar::TokenSet& spent) { return ask(spent); };
        coordinators_[i]->startRefresh("c", tokens(nameOf(login, round)), call, soon(), {.begun = begun_},
                                       told[i].handler());
      }
      for (const Completed& each : told) {
        const auto result = each.wait();
        if (result && result->tokens != tokens(nameOf(login, round + 1))) ++wrong_;
        if (!result) ++failed_;
        isRefreshed = isRefreshed && result.has_value();
      }
      if (!isRefreshed) continue;  // the request is repeated
      ++round;
      ++rounds_.at(static_cast<std::size_t>(login));
    }
  }
  void signOut(const std::string& name, int login) {
    coordinators_[static_cast<std::size_t>(login) % coordinators_.size()]->end(
        "c", tokens(name), nullptr, {.at = std::chrono::system_clock::now(), .begun = begun_});
    const std::lock_guard lock(mutex_);
    loggedOut_[name] = true;
  }

  const ironjar::RedisOptions options_;
  const ironjar::TimePoint begun_ = std::chrono::system_clock::now() - std::chrono::hours{1};
  std::vector<Coordinator> coordinators_;
  std::vector<std::atomic<int>> rounds_ = std::vector<std::atomic<int>>(logins);
  std::atomic<bool> ends_ = false;
  std::atomic<int> wrong_ = 0;
  std::atomic<int> failed_ = 0;
  std::mutex mutex_;
  std::map<std::string, int> calls_;
  std::map<std::string, bool> loggedOut_;
  std::vector<std::thread> threads_;
};

}  // namespace support

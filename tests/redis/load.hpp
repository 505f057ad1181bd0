// Logins that are refreshed again and again by several replicas at once, some of which are signed out of, while
// something happens to Redis; and what that may cost.
#pragma once

#include "support/completions.hpp"
#include "support/named_tokens.hpp"
#include "support/support.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <ironjar/redis.hpp>

namespace support {

class Load {
 public:
  static constexpr int logins = 16;
  static constexpr int replicas = 3;

  // What a provider does with a refresh token that comes again: the same successor, or the login is over.
  enum class Provider { withGrace, strict };

  // `pause`: of a login between two refreshes.
  explicit Load(const ironjar::RedisOptions& options, Provider provider = Provider::withGrace,
                std::chrono::milliseconds pause = {})
      : options_(options), provider_(provider), pause_(pause) {
    for (int i = 0; i < replicas; ++i) coordinators_.push_back(coordinator());
  }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;
  ~Load() { end(); }

  void start() {
    for (int login = 0; login < logins; ++login) threads_.emplace_back([this, login] { run(login); });
  }
  // Until each login that is not over has been refreshed so often from now on.
  bool waitForRounds(int count) {
    std::vector<int> goals;
    for (const auto& done : rounds_) goals.push_back(done + count);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{120};
    while (std::chrono::steady_clock::now() < deadline) {
      bool isReached = true;
      for (std::size_t i = 0; i < goals.size(); ++i) {
        isReached = isReached && (rounds_.at(i) >= goals[i] || isOver(static_cast<int>(i)));
      }
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

  // A master dies while the provider is being asked for so many logins, and answers them when another has taken over.
  // Those that are being refreshed meanwhile are the logins whose lock may die with it.
  template <class Loss, class TakeOver>
  void lose(std::size_t held, const Loss& loss, const TakeOver& takeOver) {
    {
      std::unique_lock lock(mutex_);
      mostHeld_ = held;
      changed_.wait(lock, [&] { return held_.size() == held; });
      isLosing_ = true;
      atRisk_ = refreshed_;
    }
    loss();
    {
      const std::lock_guard lock(mutex_);
      isLosing_ = false;
    }
    takeOver();
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds{2}, [&] { return over_.size() >= held; });
    isReleased_ = true;
    changed_.notify_all();
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
    // Of a strict provider, those alone whose lock died with its master.
    const auto wasAtRisk = [this](int login) { return atRisk_.contains(login); };
    CHECK(std::all_of(over_.begin(), over_.end(), wasAtRisk));
    if (provider_ == Provider::strict) {
      MESSAGE(over_.size(), " logins over, of ", atRisk_.size(), " that were being refreshed when a master died, of ",
              logins);
    }
    MESSAGE("refreshes ", calls_.size(), ", calls beyond one each ", extraCalls(), ", per login at most ", most,
            ", requests to repeat ", failed_.load(), ", logouts ", loggedOut_.size(), ", undone ", undone);
  }

 private:
  using Coordinator = std::shared_ptr<ironjar::RedisCoordinator>;

  [[nodiscard]] Coordinator coordinator() const {
    return std::make_shared<ironjar::RedisCoordinator>(std::make_shared<ironjar::Redis>(options_));
  }
  static std::string nameOf(int login, int round) { return std::to_string(login) + "-" + std::to_string(round); }

  ironjar::RefreshAnswer ask(const ironjar::TokenSet& spent) {
    const std::string name = spent.refreshToken.substr(3);
    const std::size_t dash = name.find('-');
    std::this_thread::sleep_for(std::chrono::milliseconds{3});
    {
      std::unique_lock lock(mutex_);
      const bool isReused = ++calls_[name] > 1;
      const int login = std::stoi(name);
      if (provider_ == Provider::strict && isReused) over_.insert(login);
      const bool isHeld = held_.size() < mostHeld_ && held_.insert(login).second;
      changed_.notify_all();
      if (isHeld) changed_.wait(lock, [&] { return isReleased_; });
      if (over_.contains(login)) return {.tokens = ironjar::loginOver(ironjar::RefreshEnd::invalidGrant)};
    }
    return {.tokens = tokens(name.substr(0, dash + 1) + std::to_string(std::stoi(name.substr(dash + 1)) + 1))};
  }

  void run(int login) {
    for (int round = 0; !ends_ && !isOver(login);) {
      Refreshed refreshed(*this, login);
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
      refreshed.end();
      std::this_thread::sleep_for(pause_);
    }
  }
  bool isOver(int login) {
    const std::lock_guard lock(mutex_);
    return over_.contains(login);
  }
  // From before the first replica looks until all have the tokens.
  struct Refreshed {
    Refreshed(Load& load, int login) : of(load), number(login) {
      const std::lock_guard lock(of.mutex_);
      of.refreshed_.insert(number);
      if (of.isLosing_) of.atRisk_.insert(number);
    }
    Refreshed(const Refreshed&) = delete;
    Refreshed& operator=(const Refreshed&) = delete;
    ~Refreshed() { end(); }
    void end() const {
      const std::lock_guard lock(of.mutex_);
      of.refreshed_.erase(number);
    }
    Load& of;
    const int number;
  };
  void signOut(const std::string& name, int login) {
    coordinators_[static_cast<std::size_t>(login) % coordinators_.size()]->end(
        "c", tokens(name), nullptr, {.at = std::chrono::system_clock::now(), .begun = begun_});
    const std::lock_guard lock(mutex_);
    loggedOut_[name] = true;
  }

  const ironjar::RedisOptions options_;
  const Provider provider_;
  const std::chrono::milliseconds pause_;
  const ironjar::TimePoint begun_ = std::chrono::system_clock::now() - std::chrono::hours{1};
  std::vector<Coordinator> coordinators_;
  std::vector<std::atomic<int>> rounds_ = std::vector<std::atomic<int>>(logins);
  std::atomic<bool> ends_ = false;
  std::atomic<int> wrong_ = 0;
  std::atomic<int> failed_ = 0;
  std::mutex mutex_;
  std::map<std::string, int> calls_;
  std::map<std::string, bool> loggedOut_;
  std::condition_variable changed_;
  std::size_t mostHeld_ = 0;
  std::set<int> held_;
  bool isReleased_ = false;
  bool isLosing_ = false;
  std::set<int> refreshed_;  // now
  std::set<int> atRisk_;
  std::set<int> over_;
  std::vector<std::thread> threads_;
};

}  // namespace support

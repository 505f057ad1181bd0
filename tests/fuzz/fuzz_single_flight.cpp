// A schedule drives a LocalCoordinator, one step at a time: requests come with one of their login's tokens, calls to
// the provider are answered or fail, users sign out, time passes. The provider is strict: a refresh token that it gets
// twice is a broken invariant. Before each step every thread has come to rest, so a schedule always runs the same way.
#include "fuzz.hpp"

#include <array>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <thread>

using namespace ironjar;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t logins = 3;
constexpr std::size_t maxRequests = 10;

class Schedule {
 public:
  void run(fuzz::Input& steps) {
    for (std::size_t taken = 0; !steps.empty() && taken < 200; ++taken) step(steps.byte());
    while (calls() > 0) answer(0, 0);  // whoever still waits is let go
    for (std::thread& request : requests_) request.join();
    fuzz::require(coordinator_.stats().waiters == 0, "nobody waits for ever");
    fuzz::require(finished_ == requests_.size(), "every request has got an answer");
  }

 private:
  struct Call {
    std::size_t login;
    std::optional<RefreshAnswer> answer;
  };

  void step(std::uint8_t code) {
    const std::size_t login = code / 8U % logins;
    switch (code % 8U) {
      case 0:
      case 1:
      case 2:
        return request(login, code / 24U);
      case 3:
      case 4:
        return answer(code / 8U % 4U, code / 32U);
      case 5:
        return advance(std::array{1s, 30s, 61s, 601s}[code / 8U % 4U]);
      case 6:
        return look(login, code / 24U);
      default:
        return signOut(login, code / 24U);
    }
  }

  TokenSet tokens(std::size_t login, std::size_t generation) const {
    const std::string name = std::to_string(login) + "-" + std::to_string(generation);
    return {.accessToken = "at-" + name, .refreshToken = "rt-" + name};
  }
  // One that the login's browser may have: the newest, or one of those before.
  TokenSet held(std::size_t login, std::size_t back) {
    const std::lock_guard lock(mutex_);
    return tokens(login, generation_[login] - std::min(generation_[login], back % 4));
  }

  void request(std::size_t login, std::size_t back) {
    if (requests_.size() == maxRequests) return;
    const TokenSet with = held(login, back);
    const std::size_t begun = requests_.size() + 1;
    requests_.emplace_back([this, with, login] {
      const auto got = coordinator_.refresh(
          "c", with, [this, login](const TokenSet& spent) { return ask(login, spent); },
          std::chrono::steady_clock::now() + 60s);
      const std::lock_guard lock(mutex_);
      if (got) fuzz::require(got->tokens.accessToken != with.accessToken, "newer tokens than those refused");
      if (!got) {
        fuzz::requireError(got, {Errc::expired, Errc::loginRequired, Errc::refreshFailed, Errc::overloaded});
      }
      ++finished_;
      changed_.notify_all();
    });
    waitUntilIdle(begun);
  }

  // The provider's side, on the coordinator's thread.
  RefreshAnswer ask(std::size_t login, const TokenSet& spent) {
    std::unique_lock lock(mutex_);
    fuzz::require(inFlight_.insert(spent.refreshToken).second, "at most one call for a token at a time");
    // What is known is forgotten after keepUnconfirmed at the latest; then a token of old is one attempt (R29, R32).
    const auto before = spent_.find(spent.refreshToken);
    fuzz::require(before == spent_.end() || now_ - before->second >= 600s, "a refresh token is spent once");
    calls_.push_back(std::make_shared<Call>(Call{login, std::nullopt}));
    const std::shared_ptr<Call> call = calls_.back();
    changed_.notify_all();
    changed_.wait(lock, [&] { return call->answer.has_value(); });
    inFlight_.erase(spent.refreshToken);
    if (call->answer->tokens) spent_[spent.refreshToken] = now_;
    return *call->answer;
  }

  std::size_t calls() {
    const std::lock_guard lock(mutex_);
    return calls_.size();
  }

  void answer(std::size_t which, std::size_t outcome) {
    {
      const std::lock_guard lock(mutex_);
      if (calls_.empty()) return;
      const auto at = calls_.begin() + static_cast<std::ptrdiff_t>(which % calls_.size());
      const std::shared_ptr<Call> call = *at;
      calls_.erase(at);
      if (outcome % 4 == 1) {
        call->answer = RefreshAnswer{.tokens = fail(Errc::expired)};
      } else if (outcome % 4 == 2) {
        call->answer = RefreshAnswer{.tokens = fail(Errc::refreshFailed), .retryAfter = Seconds{5}};
      } else {
        call->answer = RefreshAnswer{.tokens = tokens(call->login, ++generation_[call->login])};
      }
      changed_.notify_all();
    }
    waitUntilIdle(requests_.size());
  }

  // Until each request has returned or waits, and each wait has its call at the provider: then nothing moves.
  void waitUntilIdle(std::size_t begun) {
    const auto patience = std::chrono::steady_clock::now() + 20s;
    while (true) {
      {
        const std::size_t waiting = coordinator_.stats().waiters;
        const std::lock_guard lock(mutex_);
        if (finished_ + waiting == begun && (waiting == 0 || !calls_.empty())) return;
      }
      fuzz::require(std::chrono::steady_clock::now() < patience, "all come to rest");
      std::this_thread::yield();
    }
  }

  void advance(Seconds time) {
    const std::lock_guard lock(mutex_);
    now_ += time;
  }
  void look(std::size_t login, std::size_t back) {
    const auto newest = coordinator_.newest("c", held(login, back), RefreshCoordinator::From::cookie);
    if (!newest) fuzz::requireError(newest, {Errc::loginRequired});
  }
  void signOut(std::size_t login, std::size_t back) {
    const TokenSet with = held(login, back);
    coordinator_.end("c", with, {});
    const auto newest = coordinator_.newest("c", with, RefreshCoordinator::From::cookie);
    const bool isOver = !newest || !*newest;  // nothing newer is handed out
    fuzz::require(isOver, "signed out is signed out");
    waitUntilIdle(requests_.size());
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::chrono::steady_clock::time_point now_{std::chrono::hours{1}};
  std::array<std::size_t, logins> generation_{};
  std::set<std::string> inFlight_;
  std::map<std::string, std::chrono::steady_clock::time_point> spent_;
  std::deque<std::shared_ptr<Call>> calls_;
  std::size_t finished_ = 0;
  LocalCoordinator coordinator_{{.threads = logins, .now = [this] {
                                   const std::lock_guard lock(mutex_);
                                   return now_;
                                 }}};
  std::vector<std::thread> requests_;
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input steps(data, size);
  Schedule().run(steps);
  return 0;
}

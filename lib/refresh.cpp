#include "detail/secret.hpp"

#include <array>
#include <condition_variable>
#include <deque>
#include <list>
#include <map>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include <ironjar/refresh.hpp>

namespace ironjar {
namespace {

using Time = std::chrono::steady_clock::time_point;
using Key = std::array<unsigned char, 32>;

void wipeText(std::string& text) { detail::wipe(detail::writable(text.data(), text.size())); }

// One call to a token endpoint and what came of it: shared by the map and by everybody who waits.
struct Flight {
  Flight() = default;
  Flight(const Flight&) = delete;
  Flight& operator=(const Flight&) = delete;
  ~Flight() {
    if (!result || !*result) return;
    wipeText((*result)->accessToken);
    wipeText((*result)->refreshToken);
  }

  std::condition_variable landed;
  std::optional<Result<TokenSet>> result;  // nothing while it is under way
  Time forgetAt{};
};

// What the answer leaves out goes on as it was: RFC 6749 section 6 for the refresh token, section 5.1 for the scope.
TokenSet successorOf(const TokenSet& spent, TokenSet fresh) {
  if (fresh.refreshToken.empty()) fresh.refreshToken = spent.refreshToken;
  if (fresh.scope.empty()) fresh.scope = spent.scope;
  return fresh;
}

}  // namespace

class LocalCoordinator::State {
 public:
  explicit State(LocalCoordinatorOptions options) : options_(std::move(options)) {
    if (options_.threads == 0 || options_.maxEntries == 0 || options_.keep <= Seconds{0} || !options_.now) {
      throw std::invalid_argument("ironjar: LocalCoordinatorOptions: threads, maxEntries and keep must be positive");
    }
    detail::random(processKey_.fill());
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  ~State() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    work_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }

  std::optional<TokenSet> newest(std::string_view client, const TokenSet& tokens) {
    const Time now = options_.now();
    const std::lock_guard lock(mutex_);
    forgetOld(now);
    TokenSet tip = tipOf(client, tokens);
    return tip.accessToken == tokens.accessToken ? std::nullopt : std::optional(std::move(tip));
  }

  Result<Refreshed> refresh(std::string_view client, const TokenSet& rejected, const Ask& ask, Deadline deadline) {
    const Time now = options_.now();
    std::unique_lock lock(mutex_);
    forgetOld(now);
    TokenSet tip = tipOf(client, rejected);
    if (tip.accessToken != rejected.accessToken) return Refreshed{std::move(tip), RefreshedBy::chain};

    const Key key = keyOf(client, tip.refreshToken);
    std::shared_ptr<Flight>& entry = flights_[key];
    RefreshedBy by = RefreshedBy::follower;
    // A finished flight here is a dead token, or one that is not rotated and whose last answer was refused just now.
    const bool dead = entry && entry->result && !*entry->result;
    if (!entry || (entry->result && !dead)) {
      by = RefreshedBy::self;
      entry = std::make_shared<Flight>();
      start({key, entry, std::move(tip), ask});
    }
    const std::shared_ptr<Flight> flight = entry;
    const bool landed = flight->landed.wait_until(lock, deadline, [&] { return flight->result.has_value(); });
    if (!landed) return fail(Errc::refreshFailed, "the token endpoint has not answered by the deadline");
    if (!*flight->result) return flight->result->error();
    return Refreshed{**flight->result, by};
  }

 private:
  struct Job {
    Key key;
    std::shared_ptr<Flight> flight;
    TokenSet spent;
    Ask ask;
  };

  // BLAKE2b under a key of this process: what the map holds says nothing about the tokens behind it.
  Key keyOf(std::string_view client, std::string_view refreshToken) const {
    std::string message(client);
    const detail::WipeAtExit wiped(message);
    message.append(1, '\0').append(refreshToken);
    Key key{};
    detail::blake2b(key, processKey_.expose(), detail::bytes(message));
    return key;
  }

  // The end of the chain A→B→C that starts at these tokens; themselves when nothing has succeeded them.
  TokenSet tipOf(std::string_view client, const TokenSet& tokens) const {
    TokenSet tip = tokens;
    for (std::size_t hops = 0; hops < options_.maxEntries; ++hops) {
      const auto entry = flights_.find(keyOf(client, tip.refreshToken));
      if (entry == flights_.end() || !entry->second->result || !*entry->second->result) break;
      const TokenSet& next = **entry->second->result;
      const bool rotated = next.refreshToken != tip.refreshToken;
      tip = next;
      if (!rotated) break;
    }
    return tip;
  }

  void start(Job job) {
    jobs_.push_back(std::move(job));
    if (idle_ < jobs_.size() && workers_.size() < options_.threads) {
      workers_.emplace_back([this] { run(); });
    }
    work_.notify_one();
  }

  void run() {
    std::unique_lock lock(mutex_);
    while (true) {
      ++idle_;
      work_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      --idle_;
      if (jobs_.empty()) return;
      Job job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      Result<TokenSet> result = askSafely(job);
      const Time now = options_.now();
      lock.lock();
      land(job, std::move(result), now);
    }
  }

  // A callback of the application's must not end the process from our thread.
  static Result<TokenSet> askSafely(const Job& job) {
    try {
      Result<TokenSet> fresh = job.ask(job.spent);
      if (!fresh) return fresh;
      return successorOf(job.spent, *std::move(fresh));
    } catch (...) {
      return fail(Errc::refreshFailed, "asking for tokens threw an exception");
    }
  }

  // Successes and dead tokens are remembered; what may work a moment later is not.
  void land(const Job& job, Result<TokenSet> result, Time now) {
    const bool remember = result || result.error().code == Errc::expired;
    job.flight->result.emplace(std::move(result));
    job.flight->forgetAt = now + options_.keep;
    job.flight->landed.notify_all();
    if (remember) {
      byAge_.emplace_back(job.key, job.flight);
      if (byAge_.size() > options_.maxEntries) forgetOldest();
    } else {
      flights_.erase(job.key);
    }
  }

  void forgetOld(Time now) {
    while (!byAge_.empty() && byAge_.front().second->forgetAt <= now) forgetOldest();
  }

  void forgetOldest() {
    const auto& [key, flight] = byAge_.front();
    const auto entry = flights_.find(key);
    if (entry != flights_.end() && entry->second == flight) flights_.erase(entry);
    byAge_.pop_front();
  }

  const LocalCoordinatorOptions options_;
  detail::Secret<32> processKey_;
  std::mutex mutex_;
  std::condition_variable work_;
  std::map<Key, std::shared_ptr<Flight>> flights_;
  std::deque<std::pair<Key, std::shared_ptr<Flight>>> byAge_;  // finished ones, oldest first
  std::deque<Job> jobs_;
  std::vector<std::thread> workers_;
  std::size_t idle_ = 0;
  bool stopping_ = false;
};

LocalCoordinator::LocalCoordinator(LocalCoordinatorOptions options)
    : state_(std::make_unique<State>(std::move(options))) {}
LocalCoordinator::~LocalCoordinator() = default;

std::optional<TokenSet> LocalCoordinator::newest(std::string_view client, const TokenSet& tokens) {
  return state_->newest(client, tokens);
}

Result<Refreshed> LocalCoordinator::refresh(std::string_view client, const TokenSet& rejected, const Ask& ask,
                                            Deadline deadline) {
  return state_->refresh(client, rejected, ask, deadline);
}

}  // namespace ironjar

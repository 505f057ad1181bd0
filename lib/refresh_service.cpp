#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <stdexcept>
#include <thread>

#include <ironjar/refresh_service.hpp>

namespace ironjar {
namespace {

using std::chrono::milliseconds;

constexpr Seconds longest{1'000'000'000};  // some 30 years, and no sum overflows
constexpr milliseconds longestFromEnvironment = std::chrono::hours{24 * 30};
constexpr unsigned doublings = 20;

void require(bool holds, const char* what) {
  if (!holds) throw std::invalid_argument(std::string("ironjar: RefreshServiceOptions: ") + what);
}

milliseconds fromEnvironment(const char* name, milliseconds unset) {
  const char* text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): at start-up
  if (text == nullptr) return unset;
  const std::string_view digits = text;
  std::int64_t count = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), count);
  const bool isNumber = problem == std::errc{} && end == digits.data() + digits.size();
  if (!isNumber || count <= 0 || count > longestFromEnvironment.count()) {
    throw std::invalid_argument(std::string("ironjar: ") + name + ": not a number of milliseconds from 1 to 30 days");
  }
  return milliseconds(count);
}

bool isTransient(Errc code) { return code == Errc::refreshFailed || code == Errc::overloaded; }
bool isFinal(Errc code) { return code == Errc::expired || code == Errc::loginRequired; }

}  // namespace

void applyEnvironment(RefreshServiceOptions& options) {
  const milliseconds interval = fromEnvironment("TOKEN_REFRESH_INTERVAL", options.interval);
  options.threshold = fromEnvironment("TOKEN_REFRESH_THRESHOLD", options.threshold);
  options.interval = interval;
}

// Shared with the thread, since a callback may destroy the service.
class RefreshService::State {
 public:
  explicit State(RefreshServiceOptions options) : tokens_(std::move(options.tokens)), options_(std::move(options)) {}

  void start(const std::shared_ptr<State>& self) {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    launch(self);
    scheduled_ = true;
    changed_.notify_all();
  }

  Result<TokenSet> refreshNow(const std::shared_ptr<State>& self) {
    std::unique_lock lock(mutex_);
    if (isOwnThread()) return fail(Errc::refreshFailed, "a callback cannot wait for its own thread");
    if (!stopping_) launch(self);
    const std::uint64_t ticket = ++wanted_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return served_ >= ticket || stopping_; });
    return served_ >= ticket ? last_ : Result<TokenSet>(stoppedFor_);
  }

  void stop() {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
    if (!isOwnThread()) changed_.wait(lock, [this] { return !running_ || calling_; });
  }

  void finish() {
    stop();
    if (thread_.joinable()) isOwnThread() ? thread_.detach() : thread_.join();
  }

  TokenSet tokens() const {
    const std::lock_guard lock(mutex_);
    return tokens_;
  }

 private:
  using Found = Result<std::optional<TokenSet>>;  // new tokens, or nothing when those at hand are good

  bool isOwnThread() const { return thread_.get_id() == std::this_thread::get_id(); }

  void launch(const std::shared_ptr<State>& self) {
    if (thread_.joinable()) return;
    thread_ = std::thread([self] { self->run(); });
    running_ = true;
  }

  void run() {
    std::unique_lock lock(mutex_);
    milliseconds pause{0};
    while (awaitTurn(lock, pause)) {
      const std::uint64_t ticket = wanted_;
      const Found found = look(lock, ticket != served_);
      served_ = ticket;
      last_ = found ? Result<TokenSet>(tokens_) : found.error();
      changed_.notify_all();
      if (!stopping_) pause = conclude(lock, found);
    }
    running_ = false;
    changed_.notify_all();
  }

  // Until the pause is over, or somebody wants something sooner. False: to stop.
  bool awaitTurn(std::unique_lock<std::mutex>& lock, milliseconds pause) {
    const auto isCalled = [this] { return stopping_ || wanted_ != served_; };
    if (!scheduled_) {
      changed_.wait(lock, [&] { return isCalled() || scheduled_; });
    } else if (!isCalled() && pause > pause.zero()) {
      bool passed = false;
      unlocked(lock, [&] { passed = options_.hasPassed && options_.hasPassed(pause); });
      if (!passed) changed_.wait_for(lock, pause, isCalled);
    }
    return !stopping_;
  }

  Found look(std::unique_lock<std::mutex>& lock, bool now) {
    Found found = fail(Errc::refreshFailed, "refreshing threw an exception");
    unlocked(lock, [&, current = tokens_] { found = renewed(current, now); });
    calling_ = false;
    if (found && *found) tokens_ = **found;
    return found;
  }

  Found renewed(TokenSet current, bool now) {
    Found newest = options_.coordinator->newest(options_.client, current, RefreshCoordinator::From::memory);
    if (!newest) return newest;
    if (*newest) current = **newest;
    const bool isDue = *newest ? endsSoon(current) : now || !current.expiresAt || endsSoon(current);
    if (!isDue) return newest;
    {
      const std::lock_guard lock(mutex_);
      tokens_ = current;
      if (stopping_) return fail(Errc::refreshFailed, "stopped");
      calling_ = true;  // from here on stop() does not wait
    }
    const Deadline deadline = std::chrono::steady_clock::now() + options_.timeout;
    const auto refreshed = options_.coordinator->refresh(options_.client, current, options_.ask, deadline);
    if (!refreshed) return refreshed.error();
    return std::optional(refreshed->tokens);
  }

  bool endsSoon(const TokenSet& tokens) const {
    return tokens.expiresAt && *tokens.expiresAt - options_.now() < options_.threshold;
  }

  // Tells the application, and how long to wait now.
  milliseconds conclude(std::unique_lock<std::mutex>& lock, const Found& found) {
    if (!found && isFinal(found.error().code)) {
      stopping_ = true;
      stoppedFor_ = found.error();
      if (options_.onExpired) unlocked(lock, options_.onExpired);
      return options_.interval;
    }
    if (!found && isTransient(found.error().code) && scheduled_ && failures_ < options_.retries) {
      return std::min<milliseconds>(options_.interval, Seconds{1U << std::min(failures_++, doublings)});
    }
    failures_ = 0;
    const bool isNews = !found || *found;
    if (isNews && options_.onRefresh) {
      unlocked(lock, [&, current = tokens_] { options_.onRefresh(found.has_value(), current); });
    }
    return options_.interval;
  }

  // The application's code must not end the process from our thread.
  template <class Call>
  static void unlocked(std::unique_lock<std::mutex>& lock, const Call& call) {
    lock.unlock();
    try {
      call();
    } catch (...) {  // NOLINT(bugprone-empty-catch): the header says so
    }
    lock.lock();
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  TokenSet tokens_;
  const RefreshServiceOptions options_;
  bool scheduled_ = false;    // start() was called
  bool running_ = false;      // the thread is there
  bool calling_ = false;      // and waits for the coordinator
  bool stopping_ = false;     // for good
  unsigned failures_ = 0;     // in a row, that are followed by a retry
  std::uint64_t wanted_ = 0;  // calls of refreshNow()
  std::uint64_t served_ = 0;  // and how many of them have their result, in last_
  Error stoppedFor_ = fail(Errc::refreshFailed, "the service has been stopped");
  Result<TokenSet> last_ = stoppedFor_;
  std::thread thread_;
};

RefreshService::RefreshService(RefreshServiceOptions options) {
  require(!options.tokens.refreshToken.empty(), "tokens: there is no refresh token");
  require(options.coordinator != nullptr, "coordinator is empty: Fetcher::serviceOptions() fills it in");
  require(!options.client.empty(), "client is empty: Fetcher::serviceOptions() fills it in");
  require(options.ask != nullptr, "ask is empty: Fetcher::serviceOptions() fills it in");
  require(options.now != nullptr, "now is empty: leave it out for the system's clock");
  require(options.interval > Seconds{0} && options.interval <= longest, "interval is out of range");
  require(options.threshold >= Seconds{0} && options.threshold <= longest, "threshold is out of range");
  require(options.timeout > Seconds{0} && options.timeout <= longest, "timeout is out of range");
  state_ = std::make_shared<State>(std::move(options));
}

RefreshService::~RefreshService() { state_->finish(); }

void RefreshService::start() { state_->start(state_); }
Result<TokenSet> RefreshService::refreshNow() { return state_->refreshNow(state_); }
void RefreshService::stop() { state_->stop(); }
TokenSet RefreshService::tokens() const { return state_->tokens(); }

}  // namespace ironjar

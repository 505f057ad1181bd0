#include "base/completion.hpp"
#include "base/number.hpp"
#include "base/time.hpp"
#include "refresh/observed_refresh.hpp"
#include "refresh/policy.hpp"

#include <algorithm>
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

void require(bool holds, const char* what) {
  if (!holds) throw std::invalid_argument(std::string("ironjar: RefreshService: ") + what);
}

milliseconds fromEnvironment(const char* name, milliseconds unset) {
  const char* text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): at start-up
  if (text == nullptr) return unset;
  const auto count = detail::parseDecimal<std::int64_t>(text);
  if (!count || *count == 0 || milliseconds(*count) > std::chrono::hours{24 * 30}) {
    throw std::invalid_argument(std::string("ironjar: ") + name + ": not a number of milliseconds from 1 to 30 days");
  }
  return milliseconds(*count);
}

bool passes(Errc code) { return code == Errc::refreshFailed || code == Errc::overloaded; }

}  // namespace

void applyEnvironment(RefreshServiceOptions& options) {
  const milliseconds interval = fromEnvironment("TOKEN_REFRESH_INTERVAL", options.interval);
  options.threshold = fromEnvironment("TOKEN_REFRESH_THRESHOLD", options.threshold);
  options.interval = interval;
}

// Shared with the thread, since a callback may destroy the service. What takes the lock holds it on return too.
struct RefreshService::State {
  State(TokenSource from, TokenSet held, RefreshServiceOptions given)
      : source(std::make_shared<const TokenSource>(std::move(from))),
        options(std::move(given)),
        tokens(std::move(held)) {
    tokens.resource = source->resource;
  }

  using Found = Result<std::optional<TokenSet>>;  // new tokens, or nothing when those at hand are good
  bool isOwnThread() const { return thread.get_id() == std::this_thread::get_id(); }

  static void launch(const std::shared_ptr<State>& self) {
    if (self->thread.joinable()) return;
    self->thread = std::thread([self] { self->run(); });
    self->running = true;
  }

  void run() {
    std::unique_lock lock(mutex);
    for (milliseconds pause{0}; awaitTurn(lock, pause);) {
      const std::uint64_t ticket = wanted;
      Found found = fail(Errc::refreshFailed, "refreshing threw an exception");
      unlocked(lock, [&, current = tokens, now = ticket != served] { found = renewed(current, now); });
      calling = false;
      if (found && *found) tokens = **found;
      served = ticket;
      last = found ? Result<TokenSet>(tokens) : found.error();
      changed.notify_all();
      if (!stopping) pause = conclude(lock, found);
    }
    running = false;
    changed.notify_all();
  }

  // Until the pause is over, or somebody wants something sooner. False: to stop.
  bool awaitTurn(std::unique_lock<std::mutex>& lock, milliseconds pause) {
    const auto isCalled = [this] { return stopping || wanted != served; };
    if (!scheduled) {
      changed.wait(lock, [&] { return isCalled() || scheduled; });
    } else if (!isCalled() && pause > pause.zero()) {
      bool passed = false;
      unlocked(lock, [&] { passed = options.hasPassed && options.hasPassed(pause); });
      if (!passed) changed.wait_for(lock, pause, isCalled);
    }
    return !stopping;
  }

  // Without the lock. The newest tokens, from a call when they must be newer still.
  Found renewed(TokenSet current, bool now) {
    Found newest = source->coordinator->newest(source->client, current, RefreshCoordinator::From::memory);
    if (!newest) return newest;
    if (*newest) {
      current = detail::caughtUp(current, **newest);
      newest = std::optional(current);
    }
    const bool endsSoon = current.expiresAt && *current.expiresAt - source->now() < options.threshold;
    if (!endsSoon && (*newest || (current.expiresAt && !now))) return newest;
    {
      const std::lock_guard lock(mutex);
      tokens = current;
      if (stopping) return fail(Errc::refreshFailed, "stopped");
      calling = true;  // from here on stop() does not wait
    }
    return refresh(current);
  }

  Found refresh(const TokenSet& current) const {
    const Deadline deadline = detail::monotonicNow() + options.timeout;
    const auto start = [&](RefreshHandler done) {
      // Another resource's tokens are in the coordinator's memory: the next look finds their refresh token there.
      detail::startRefreshObserved(
          {source, "", RefreshTrigger::service}, current, deadline, [](const TokenSet&) {}, std::move(done));
    };
    const auto fresh = detail::waitFor<Result<NewTokens>>(start, fail(Errc::refreshFailed, "the coordinator has gone"));
    return fresh ? Found(fresh->tokens) : fresh.error();
  }

  // Tells the application, and how long to wait now.
  milliseconds conclude(std::unique_lock<std::mutex>& lock, const Found& found) {
    if (!found && found.error().end) {
      stopping = true;
      stoppedFor = found.error();
      if (options.onExpired) unlocked(lock, options.onExpired);
      return options.interval;
    }
    if (!found && passes(found.error().code) && scheduled && failures < options.retries) {
      const Seconds own{1U << std::min(failures++, 20U)};
      return std::min<milliseconds>(options.interval, std::max(own, found.error().retryAfter.value_or(own)));
    }
    failures = 0;
    if (options.onRefresh && (!found || *found)) {
      unlocked(lock, [&, current = tokens] { options.onRefresh(found.has_value(), current); });
    }
    return options.interval;
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

  const std::shared_ptr<const TokenSource> source;
  const RefreshServiceOptions options;
  std::mutex mutex;
  std::condition_variable changed;
  TokenSet tokens;
  bool scheduled = false;    // start() was called
  bool running = false;      // the thread is there
  bool calling = false;      // and waits for the coordinator
  bool stopping = false;     // for good
  unsigned failures = 0;     // in a row, that are followed by a retry
  std::uint64_t wanted = 0;  // calls of refreshNow()
  std::uint64_t served = 0;  // and how many of them have their result, in last
  Result<TokenSet> stoppedFor = fail(Errc::refreshFailed, "the service has been stopped");
  Result<TokenSet> last = stoppedFor;
  std::thread thread;
};

RefreshService::RefreshService(TokenSource source, TokenSet tokens, RefreshServiceOptions options) {
  require(!tokens.refreshToken.empty(), "tokens: there is no refresh token");
  const bool isWhole = source.coordinator && !source.client.empty() && source.call;
  require(isWhole, "the source's coordinator, client or call is empty: Fetcher::tokenSource() fills them in");
  require(source.now != nullptr, "the source's now is empty: leave it out for the system's clock");
  require(options.interval > Seconds{0} && options.interval <= detail::longestTime, "interval is out of range");
  require(options.threshold >= Seconds{0} && options.threshold <= detail::longestTime, "threshold is out of range");
  require(options.timeout > Seconds{0} && options.timeout <= detail::longestTime, "timeout is out of range");
  state_ = std::make_shared<State>(std::move(source), std::move(tokens), std::move(options));
}

RefreshService::~RefreshService() {
  stop();
  std::thread& thread = state_->thread;  // nobody else's any more
  if (thread.joinable()) state_->isOwnThread() ? thread.detach() : thread.join();
}

void RefreshService::start() {
  const std::lock_guard lock(state_->mutex);
  if (!state_->stopping) State::launch(state_);
  state_->scheduled = true;
  state_->changed.notify_all();
}

Result<TokenSet> RefreshService::refreshNow() {
  State& state = *state_;
  std::unique_lock lock(state.mutex);
  if (state.isOwnThread()) return fail(Errc::refreshFailed, "a callback cannot wait for its own thread");
  if (!state.stopping) State::launch(state_);
  const std::uint64_t ticket = ++state.wanted;
  state.changed.notify_all();
  state.changed.wait(lock, [&] { return state.served >= ticket || state.stopping; });
  return state.served >= ticket ? state.last : state.stoppedFor;
}

void RefreshService::stop() {
  State& state = *state_;
  std::unique_lock lock(state.mutex);
  state.stopping = true;
  state.changed.notify_all();
  if (!state.isOwnThread()) state.changed.wait(lock, [&] { return !state.running || state.calling; });
}

TokenSet RefreshService::tokens() const {
  const std::lock_guard lock(state_->mutex);
  return state_->tokens;
}

}  // namespace ironjar

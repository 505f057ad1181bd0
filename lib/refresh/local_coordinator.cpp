#include "base/time.hpp"
#include "base/timer.hpp"
#include "base/worker_pool.hpp"
#include "refresh/policy.hpp"
#include "refresh/refresh_call.hpp"
#include "refresh/single_flight.hpp"

#include <deque>
#include <set>
#include <thread>

#include <ironjar/coordinator.hpp>

namespace ironjar {
namespace {

using detail::SingleFlight;
using detail::Timer;

// What the application brought must not end the process from our threads.
void revokeSafely(const RevokeCall& revoke, const TokenSet& tokens) {
  try {
    if (revoke) revoke(tokens);
  } catch (...) {
    return;  // the login has ended all the same
  }
}

// Somebody who waits for a call: until the call completes it, the deadline passes, or a stop is requested.
class Waiter : public std::enable_shared_from_this<Waiter> {
 public:
  explicit Waiter(RefreshHandler done) : done_(std::move(done)) {}

  // By the call, or in place of it once it has been left: once.
  void complete(Result<NewTokens> result) {
    isCompleted_ = true;
    if (isArmed_) timer_->cancel(*ticket_);
    detail::completeSafely(std::exchange(done_, nullptr), std::move(result));
  }

  // `flights` and `timer` are `owner`'s. False without a thread, or memory, for the deadline.
  template <class Owner>
  bool arm(const std::shared_ptr<Owner>& owner, SingleFlight& flights, Timer& timer, SingleFlight::Waiting waiting,
           Deadline deadline, const std::stop_token& stop) {
    try {
      const auto leave = [self = weak_from_this(), owner, &flights, waiting](Errc code, const char* why) {
        const auto waiter = self.lock();
        if (waiter && flights.leave(waiting)) waiter->complete(errorWith(code, why));
      };
      ticket_ = timer.at(deadline, [leave] { leave(Errc::refreshFailed, late); });
      if (!ticket_) return false;
      timer_ = &timer;
      isArmed_ = true;
      if (isCompleted_) timer.cancel(*ticket_);  // complete() may not have seen it
      if (stop.stop_possible()) onStop_.emplace(stop, [leave] { leave(Errc::cancelled, ""); });
      return true;
    } catch (const std::bad_alloc&) {
      return false;
    }
  }

 private:
  static constexpr const char* late = "the token endpoint has not answered by the deadline";

  // Without its words if there is no memory for them: nobody catches what a timer or a stop throws.
  [[nodiscard]] static Error errorWith(Errc code, const char* why) noexcept {
    const auto pause = code == Errc::cancelled ? std::nullopt : std::optional(detail::soon);
    try {
      return fail(code, why, pause);
    } catch (const std::bad_alloc&) {
      return {code, {}, pause};
    }
  }

  RefreshHandler done_;
  std::optional<Timer::Ticket> ticket_;
  Timer* timer_ = nullptr;
  std::atomic<bool> isArmed_ = false;
  std::atomic<bool> isCompleted_ = false;
  std::optional<std::stop_callback<std::function<void()>>> onStop_;
};

}  // namespace

// Drives single flight: makes the calls, keeps the deadlines. Shared with what is under way, which may outlive the
// coordinator.
class LocalCoordinator::State : public std::enable_shared_from_this<State> {
 public:
  explicit State(const LocalCoordinatorOptions& options)
      : flights_(options),
        now_(options.now),
        maxCalls_(options.maxCalls),
        revoking_(1, detail::maxQueue),
        threads_(options.threads, detail::maxQueue) {}

  // Ends all threads. From then on nothing begins, and what has not begun is completed.
  void close() {
    isGoing_ = true;
    std::deque<std::shared_ptr<Job>> dropped;
    {
      const std::lock_guard lock(mutex_);
      dropped.swap(queue_);
    }
    dropped.clear();
    threads_.close();
    revoking_.close();
    timer_.close();
  }

  Result<std::optional<TokenSet>> newest(std::string_view client, const TokenSet& tokens, From from,
                                         const RefreshContext& context) {
    return flights_.newest(client, tokens, from, context, now_());
  }

  void startRefresh(std::string_view client, const TokenSet& rejected, const RefreshCall& call, Deadline deadline,
                    const RefreshContext& context, RefreshHandler done) {
    const auto waiter = std::make_shared<Waiter>(std::move(done));
    if (context.stop.stop_requested()) return waiter->complete(fail(Errc::cancelled));
    if (isGoing_) return waiter->complete(fail(Errc::overloaded, "the coordinator is going", detail::soon));
    SingleFlight::Decision decision = request(client, rejected, context, waiter);
    if (auto* known = std::get_if<Result<NewTokens>>(&decision)) return waiter->complete(std::move(*known));
    const auto& waiting = std::get<SingleFlight::Waiting>(decision);
    const bool isArmed = waiter->arm(shared_from_this(), flights_, timer_, waiting, deadline, context.stop);
    if (!isArmed && flights_.leave(waiting))
      waiter->complete(fail(Errc::overloaded, "no timer can be had", detail::soon));
    if (waiting.leads) begin(waiting.call, call);
  }

  void end(std::string_view client, const TokenSet& tokens, const RevokeCall& revoke, const Logout& logout) {
    auto last = flights_.end(client, tokens, revoke, logout, now_());
    if (last) revokeLater(revoke, *std::move(last));
  }

  CoordinatorStats stats() { return flights_.stats(now_()); }

 private:
  // A call that is to be made. One that goes without having been answered is cancelled.
  struct Job {
    Job(std::shared_ptr<State> owner, SingleFlight::Call inFlight, RefreshCall ask)
        : state(std::move(owner)), call(std::move(inFlight)), refresh(std::move(ask)) {}
    Job(const Job&) = delete;
    Job& operator=(const Job&) = delete;
    ~Job() {
      if (!isEnded) state->cancel(call);
      if (isRunning) state->ended();
    }

    const std::shared_ptr<State> state;
    const SingleFlight::Call call;
    const RefreshCall refresh;
    bool isRunning = false;  // it is one of maxCalls
    bool isEnded = false;
  };

  SingleFlight::Decision request(std::string_view client, const TokenSet& rejected, const RefreshContext& context,
                                 const std::shared_ptr<Waiter>& waiter) {
    try {
      const auto done = [waiter](Result<NewTokens> result) { waiter->complete(std::move(result)); };
      return flights_.request(client, rejected, context, done, timeNow());
    } catch (const std::bad_alloc&) {
      return Result<NewTokens>(fail(Errc::overloaded, {}, detail::soon));
    }
  }

  void begin(const SingleFlight::Call& call, const RefreshCall& refresh) {
    std::shared_ptr<Job> job;
    try {
      job = std::make_shared<Job>(shared_from_this(), call, refresh);
    } catch (const std::bad_alloc&) {
      return cancel(call);
    }
    try {
      if (refresh.asynchronous()) return beginAsync(std::move(job));
      const bool isQueued = threads_.post([job] { job->state->runBlocking(*job); });
      static_cast<void>(isQueued);  // else it is cancelled
    } catch (const std::bad_alloc&) {
      return;  // as above
    }
  }
  void cancel(const SingleFlight::Call& call) noexcept {
    try {
      flights_.cancel(call, timeNow());
      if (call->loggedOut) revokeLater(call->revoke, call->spent);
    } catch (const std::bad_alloc&) {
      return;  // who waits is told at the deadline
    }
  }

  // Right before a call. False when it is not to be made any more.
  bool start(Job& job) {
    if (flights_.start(job.call, timeNow())) return true;
    job.isEnded = true;
    if (job.call->loggedOut) revokeLater(job.call->revoke, job.call->spent);
    return false;
  }
  void answered(Job& job, const RefreshAnswer& answer) {
    auto orphaned = flights_.complete(job.call, answer, timeNow());
    job.isEnded = true;
    if (orphaned) revokeLater(job.call->revoke, *std::move(orphaned));
  }

  void runBlocking(Job& job) noexcept {
    try {
      if (start(job)) answered(job, detail::ask(job.refresh.blocking(), job.call->spent));
    } catch (const std::bad_alloc&) {
      return;  // it is cancelled
    }
  }

  void beginAsync(std::shared_ptr<Job> job) {
    {
      const std::lock_guard lock(mutex_);
      queue_.push_back(std::move(job));
    }
    beginQueued();
  }
  // As many as may be at the same time. Calls that are answered at once do not nest: a thread that begins some already
  // goes on with the others when it has.
  void beginQueued() {
    std::unique_lock lock(mutex_);
    const auto [own, isFirst] = beginning_.insert(std::this_thread::get_id());
    if (!isFirst) return;
    while (running_ < maxCalls_ && !queue_.empty()) {
      auto job = std::move(queue_.front());
      queue_.pop_front();
      ++running_;
      job->isRunning = true;
      lock.unlock();
      runAsync(std::exchange(job, nullptr));
      lock.lock();
    }
    beginning_.erase(own);
  }
  void runAsync(const std::shared_ptr<Job>& job) noexcept {
    try {
      if (!start(*job)) return;
      detail::startAsking(job->refresh.asynchronous(), job->call->spent,
                          [job](const RefreshAnswer& answer) { job->state->answered(*job, answer); });
    } catch (const std::bad_alloc&) {
      return;  // it is cancelled
    }
  }
  void ended() noexcept {
    {
      const std::lock_guard lock(mutex_);
      --running_;
    }
    try {
      beginQueued();
    } catch (const std::bad_alloc&) {
      return;  // the next one that ends, or comes, begins them
    }
  }

  // Revokes on a thread of its own, so that a slow revocation endpoint delays no refresh. While the coordinator is
  // destroyed it revokes on the calling thread, since nothing that is queued then would run. Without a thread or memory
  // the tokens are not revoked and stay valid until they expire; neither the logout nor the call fails.
  void revokeLater(const RevokeCall& revoke, TokenSet tokens) {
    if (!revoke) return;
    if (isGoing_) return revokeSafely(revoke, tokens);
    try {
      const bool isQueued = revoking_.post([revoke, last = std::move(tokens)] { revokeSafely(revoke, last); });
      static_cast<void>(isQueued);
    } catch (...) {
      return;
    }
  }

  MonotonicTime timeNow() const {
    try {
      return now_();
    } catch (...) {
      return detail::monotonicNow();
    }
  }

  SingleFlight flights_;
  const std::function<MonotonicTime()> now_;
  std::atomic<bool> isGoing_ = false;
  Timer timer_;

  std::mutex mutex_;  // of the asynchronous calls
  std::deque<std::shared_ptr<Job>> queue_;
  const std::size_t maxCalls_;
  std::size_t running_ = 0;
  std::set<std::thread::id> beginning_;  // who begins calls

  detail::WorkerPool revoking_;
  detail::WorkerPool threads_;  // of the blocking calls
};

LocalCoordinator::LocalCoordinator(const LocalCoordinatorOptions& options) : state_(std::make_shared<State>(options)) {}
LocalCoordinator::~LocalCoordinator() { state_->close(); }

Result<std::optional<TokenSet>> LocalCoordinator::newest(std::string_view client, const TokenSet& tokens, From from,
                                                         const RefreshContext& context) {
  return state_->newest(client, tokens, from, context);
}

void LocalCoordinator::startRefresh(std::string_view client, const TokenSet& rejected, const RefreshCall& call,
                                    Deadline deadline, const RefreshContext& context, RefreshHandler done) {
  const auto state = state_;  // `done` may destroy the coordinator
  state->startRefresh(client, rejected, call, deadline, context, std::move(done));
}

void LocalCoordinator::end(std::string_view client, const TokenSet& tokens, const RevokeCall& revoke,
                           const Logout& logout) {
  state_->end(client, tokens, revoke, logout);
}

CoordinatorStats LocalCoordinator::stats() const { return state_->stats(); }

}  // namespace ironjar

#include "redis/link.hpp"

#include "base/notify.hpp"
#include "base/worker_pool.hpp"
#include "redis/leave.hpp"
#include "redis/options.hpp"
#include "redis/policy.hpp"
#include "redis/pool.hpp"
#include "redis/subscription.hpp"

#include <future>
#include <stdexcept>
#include <utility>

namespace ironjar {
namespace detail {
namespace {

Deadline in(std::chrono::milliseconds time) { return std::chrono::steady_clock::now() + time; }

constexpr std::size_t mostReports = 100;  // that wait for an observer

}  // namespace

// All of it is the thread's, but for what says otherwise.
class RedisLink::Core {
 public:
  explicit Core(RedisOptions options)
      : options_(std::move(options)),
        tls_(options_),
        pool_(std::make_shared<RedisPool>(loop_, options_, tls_)),
        subscription_(loop_, options_, tls_, *pool_),
        reports_(1, mostReports) {}

  // For any thread.
  [[nodiscard]] EventLoop& loop() const { return *loop_; }
  [[nodiscard]] std::shared_ptr<EventLoop> sharedLoop() const { return loop_; }
  [[nodiscard]] bool isDegraded() const { return degraded_; }
  [[nodiscard]] RedisStats stats() const {
    return {.degraded = degraded_, .commands = pool_->commands(), .failed = failures_, .degradations = degradations_};
  }
  void closeReports() { reports_.close(); }

  void run() {
    loop_->run();
    subscription_.close();
    pool_->close();
  }

  void begin(const Completion<std::optional<Error>>& begun) {
    pool_->look(in(patience), patience, [this, begun](std::optional<Error> problem) {
      if (problem && problem->code != Errc::notAllowed) degrade(*problem);
      completeSafely(begun, std::move(problem));
    });
  }
  // Sends what is pending, since nobody else will tell of it.
  void end(const std::function<void()>& ended) {
    loop_->cancel(timer_);
    if (isSending_) {
      timer_ = loop_->at(in(betweenTries), [this, ended] { end(ended); });
      return;
    }
    if (degraded_ || pending_.empty()) return ended();
    sendPending(in(patience), [this, ended](const std::optional<Error>& problem) {
      if (problem) ++failures_;
      ended();
    });
  }

  void start(RedisCall call, Answered done) {
    if (degraded_) return completeSafely<Result<Reply>>(done, fail(Errc::unreachable, "Redis is given up for now"));
    const RedisScript* const script = call.script;
    pool_->run(std::move(call), in(options_.timeout), [this, script, done = std::move(done)](Result<Reply> reply) {
      if (!reply && reply.error().code != Errc::overloaded) failed(reply.error());
      if (reply && (!isRefusing_ || script->hasWritten(*reply))) failedInARow_ = 0;
      completeSafely(done, std::move(reply));
    });
  }
  void add(RedisCall call) {
    pending_.add(std::move(call));
    sendSoon();
  }
  [[nodiscard]] RedisSubscription& subscription() { return subscription_; }

 private:
  using Sent = Completion<std::optional<Error>>;

  void failed(const Error& error) {
    ++failures_;
    isRefusing_ = error.code == Errc::notAllowed;
    if (++failedInARow_ >= options_.failures && !degraded_) degrade(error);
  }
  void degrade(const Error& error) {
    loop_->cancel(timer_);
    timer_ = loop_->at(in(options_.pause), [this] { recover(); });
    degraded_ = true;
    ++degradations_;
    pool_->retire();
    subscription_.drop();
    report(true, error.detail);
  }
  void recover() {
    timer_.reset();
    pool_->look(in(patience), options_.timeout, [this](const std::optional<Error>& problem) {
      if (problem) return recovered(problem);
      sendPending(in(patience), [this](const std::optional<Error>& refused) { recovered(refused); });
    });
  }
  void recovered(const std::optional<Error>& problem) {
    if (problem) {
      ++failures_;
      pool_->retire();
      timer_ = loop_->at(in(options_.pause), [this] { recover(); });
      return;
    }
    failedInARow_ = 0;
    isRefusing_ = false;
    degraded_ = false;
    subscription_.recover();
    report(false, "");
    sendSoon();
  }

  void sendSoon() {
    if (degraded_ || timer_ || isSending_ || pending_.empty()) return;
    timer_ = loop_->at(in(betweenTries), [this] {
      timer_.reset();
      if (degraded_) return;
      sendPending(in(patience), [this](const std::optional<Error>& problem) {
        if (problem) failed(*problem);
        sendSoon();
      });
    });
  }

  // One after the other, until one fails, or for about that long. What others add meanwhile comes after it.
  struct Sending {
    PendingCalls::Calls calls;
    Deadline end;
    Sent done;
  };
  void sendPending(Deadline end, Sent done) {
    isSending_ = true;
    sendNext(std::make_shared<Sending>(Sending{pending_.take(), end, std::move(done)}), std::nullopt);
  }
  void sendNext(const std::shared_ptr<Sending>& sending, const std::optional<Error>& problem) {
    if (problem || sending->calls.empty() || std::chrono::steady_clock::now() >= sending->end) {
      pending_.putBack(std::move(sending->calls));
      isSending_ = false;
      return completeSafely(sending->done, problem);
    }
    const auto sent = [this, sending](const Result<Reply>& reply) {
      // Right after a probe that was answered well, so that it is this call's own.
      const bool isRefused = !reply && degraded_ && reply.error().code == Errc::notAllowed;
      const bool isHopeless = isRefused && ++sending->calls.front().tries == mostTries;
      const auto answered = reply ? std::exchange(sending->calls.front().call.answered, nullptr) : nullptr;
      if (answered) completeSafely<bool>([&](bool) { answered(*reply); }, true);
      if (reply || isHopeless) sending->calls.pop_front();
      sendNext(sending, reply || isHopeless ? std::nullopt : std::optional(reply.error()));
    };
    const auto once = exactlyOnce<Result<Reply>>(sent, Error{Errc::overloaded, {}});
    pool_->run(sending->calls.front().call, in(patience), once);
  }

  // On a thread of its own: who watches may take its time.
  void report(bool degraded, const std::string& why) {
    if (!options_.observer) return;
    const bool isPosted = reports_.post([observer = options_.observer, degraded, why] {
      notify(observer, [&] { return event::CoordinatorDegraded{degraded, why}; });
    });
    static_cast<void>(isPosted);  // there is no thread, or no memory: what is watched matters more
  }

  const RedisOptions options_;
  const RedisTls tls_;
  const std::shared_ptr<EventLoop> loop_ = std::make_shared<EventLoop>();
  const std::shared_ptr<RedisPool> pool_;
  RedisSubscription subscription_;
  std::atomic<std::uint64_t> failures_ = 0;
  std::atomic<std::uint64_t> degradations_ = 0;
  std::atomic<bool> degraded_ = false;
  PendingCalls pending_;
  bool isSending_ = false;
  std::optional<EventLoop::Ticket> timer_;  // of the next look while it is degraded, of pending calls otherwise
  unsigned failedInARow_ = 0;
  bool isRefusing_ = false;  // the last of those was an error of the server's, which may read all the same
  WorkerPool reports_;
};

RedisLink::RedisLink(RedisOptions options)
    : sealer_(options.passwords, options.prefix), core_(std::make_shared<Core>(checked(std::move(options)))) {
  thread_ = std::thread([core = core_] { core->run(); });
  std::optional<Error> problem;
  try {
    problem = begin();
  } catch (const std::exception&) {
    end();
    throw;
  }
  if (!problem || problem->code != Errc::notAllowed) return;
  end();
  throw std::invalid_argument("ironjar: RedisOptions: the server refuses user and password: " + problem->detail);
}

std::optional<Error> RedisLink::begin() {
  return waitFor<std::optional<Error>>(
      [this](Completion<std::optional<Error>> begun) {
        core_->loop().post([core = core_.get(), begun = std::move(begun)] { core->begin(begun); });
      },
      Error{Errc::overloaded, {}});
}

void RedisLink::end() noexcept {
  core_->loop().stop();
  thread_.join();
  core_->closeReports();
}

RedisLink::~RedisLink() {
  if (!isOfThisProcess()) {
    thread_.detach();
    leave(core_);
    return;
  }
  if (core_->loop().isOnItsThread()) {
    core_->loop().stop();
    thread_.detach();
    return;
  }
  try {
    const bool isEnded = waitFor<bool>(
        [this](const Completion<bool>& ended) {
          core_->loop().post([core = core_.get(), ended] { core->end([ended] { ended(true); }); });
        },
        false);
    static_cast<void>(isEnded);
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): no memory for it: what is pending is lost
  }
  end();
}

RedisStats RedisLink::stats() const { return core_->stats(); }

EventLoop& RedisLink::loop() const { return core_->loop(); }
std::shared_ptr<EventLoop> RedisLink::sharedLoop() const { return core_->sharedLoop(); }

RedisLink::Ticket RedisLink::listen(std::vector<std::string> channels, std::function<void(Heard)> heard) {
  return core_->subscription().add(std::move(channels), std::move(heard));
}

void RedisLink::stopListening(Ticket ticket) { core_->subscription().remove(ticket); }

void RedisLink::start(RedisCall call, Answered done) {
  const auto once = exactlyOnce<Result<Reply>>(std::move(done), Error{Errc::unreachable, {}});
  core_->loop().post(
      [core = core_.get(), call = std::move(call), once]() mutable { core->start(std::move(call), once); });
}

Result<Reply> RedisLink::run(const RedisCall& call) {
  if (core_->isDegraded()) return fail(Errc::unreachable, "Redis is given up for now");
  if (core_->loop().isOnItsThread()) return fail(Errc::overloaded, "the thread of the connections cannot wait");
  return waitFor<Result<Reply>>([&](Answered done) { start(call, std::move(done)); }, Error{Errc::unreachable, {}});
}

void RedisLink::runEventually(RedisCall call) {
  if (!run(call)) runLater(std::move(call));
}

void RedisLink::runLater(RedisCall call) {
  core_->loop().post([core = core_.get(), call = std::move(call)] { core->add(call); });
}

}  // namespace detail

Redis::Redis(RedisOptions options) : link_(std::make_shared<detail::RedisLink>(std::move(options))) {}
Redis::~Redis() = default;
RedisStats Redis::stats() const { return link_->stats(); }

}  // namespace ironjar

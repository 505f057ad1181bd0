#include "redis/link.hpp"

#include "base/notify.hpp"
#include "base/worker_pool.hpp"
#include "redis/leave.hpp"
#include "redis/options.hpp"
#include "redis/policy.hpp"
#include "redis/stored_again.hpp"
#include "redis/subscription.hpp"
#include "redis/topology.hpp"

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
        topology_(loop_, options_, tls_, [this] { lookAgain(); }),
        subscription_(loop_, options_, topology_),
        reports_(1, mostReports) {}

  // For any thread.
  [[nodiscard]] EventLoop& loop() const { return *loop_; }
  [[nodiscard]] std::shared_ptr<EventLoop> sharedLoop() const { return loop_; }
  [[nodiscard]] bool isDegraded() const { return degraded_; }
  [[nodiscard]] RedisStats stats() const {
    return {
        .degraded = degraded_, .commands = topology_.commands(), .failed = failures_, .degradations = degradations_};
  }
  void closeReports() { reports_.close(); }

  void run() {
    loop_->run();
    subscription_.close();
    topology_.close();
  }

  void begin(const Completion<std::optional<Error>>& begun) {
    topology_.look(in(patience), patience, [this, begun](std::optional<Error> problem) {
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
    if (topology_.canFailOver()) return startAnywhere(std::move(call), std::move(done));
    if (degraded_) return completeSafely<Result<Reply>>(done, givenUp());
    const RedisScript* const script = call.script;
    topology_.run(std::move(call), in(options_.timeout), [this, script, done = std::move(done)](Result<Reply> reply) {
      answered(*script, reply);
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

  static Error givenUp() { return {Errc::unreachable, "Redis is given up for now"}; }

  void answered(const RedisScript& script, const Result<Reply>& reply) {
    if (!reply && reply.error().code != Errc::overloaded) failed(reply.error());
    if (reply) answeredAt_ = std::chrono::steady_clock::now();
    if (reply && (!isRefusing_ || script.hasWritten(*reply))) failedInARow_ = 0;
  }

  // Where another server may take over: a call that no server has answered is made again until then, if it can wait.
  struct Calling {
    RedisCall call;
    Answered done;
    Deadline until;
    std::chrono::milliseconds pause = shortestBetweenSearches;
  };
  void startAnywhere(RedisCall call, Answered done) {
    Deadline until = in(call.outlastsFailover ? options_.failover : std::chrono::milliseconds{0});
    if (degraded_) until = std::min(until, searchesUntil_);
    tryAnywhere(std::make_shared<Calling>(Calling{std::move(call), std::move(done), until}));
  }
  void tryAnywhere(const std::shared_ptr<Calling>& calling) {
    if (degraded_) return tryAgain(calling, givenUp());
    topology_.run(calling->call, in(options_.timeout),
                  [this, calling, places = placesOf(calling->call)](Result<Reply> reply) {
                    const bool mayPass =
                        !reply && reply.error().code != Errc::notAllowed && reply.error().code != Errc::malformed;
                    if (mayPass) lookAgain();
                    if (mayPass && std::chrono::steady_clock::now() < calling->until)
                      return tryAgain(calling, reply.error());
                    answered(*calling->call.script, reply);
                    if (reply) remember(places);
                    completeSafely(calling->done, std::move(reply));
                  });
  }
  void tryAgain(const std::shared_ptr<Calling>& calling, const Error& why) {
    const bool isGivenUp = calling->call.isGivenUp && *calling->call.isGivenUp;
    if (isGivenUp || std::chrono::steady_clock::now() >= calling->until) {
      return completeSafely<Result<Reply>>(calling->done, why);
    }
    const Deadline next = std::min(in(calling->pause), calling->until);
    calling->pause = std::min(calling->pause * 3 / 2, longestBetweenSearches);
    static_cast<void>(loop_->at(next, [this, calling] { tryAnywhere(calling); }));
  }
  // Beside what is under way: another server may have taken over.
  void lookAgain() {
    const auto now = std::chrono::steady_clock::now();
    if (isLooking_ || degraded_ || now < looksFrom_) return;
    isLooking_ = true;
    looksFrom_ = now + shortestBetweenSearches;
    topology_.look(in(patience), patience, [this](const std::optional<Error>& problem) {
      isLooking_ = false;
      if (problem || degraded_) return;
      storeAgain();
      sendSoon();
    });
  }
  // What a call stores that a server must not lose, and where it is sent: another may take over before the answer.
  using Places = std::vector<std::pair<RedisCall, RedisEndpoint>>;
  [[nodiscard]] Places placesOf(const RedisCall& call) const {
    Places places;
    if (!topology_.canFailOver() || !StoredAgain::matters(call)) return places;
    for (RedisCall& step : topology_.stepsOf(call)) {
      if (auto server = topology_.serverOf(step)) places.emplace_back(std::move(step), *std::move(server));
    }
    return places;
  }
  void remember(const Places& places) {
    for (const auto& [step, server] : places) stored_.add(step, server, std::chrono::steady_clock::now());
  }
  void storeAgain() {
    const auto serverOf = [this](const RedisCall& call) { return topology_.serverOf(call); };
    for (RedisCall& call : stored_.takeOver(serverOf, std::chrono::steady_clock::now())) {
      pending_.add(std::move(call));
    }
    subscription_.follow();
  }

  void failed(const Error& error) {
    ++failures_;
    isRefusing_ = error.code == Errc::notAllowed;
    // One node of a cluster may be lost, for which nobody gives the others up.
    const bool othersAnswer = topology_.hasNodes() && std::chrono::steady_clock::now() - answeredAt_ < patience;
    if (++failedInARow_ >= options_.failures && !degraded_ && !othersAnswer) degrade(error);
  }
  void degrade(const Error& error) {
    loop_->cancel(timer_);
    degraded_ = true;
    searchesUntil_ = in(options_.failover);
    recoverLater();
    ++degradations_;
    topology_.retire();
    subscription_.drop();
    report(true, error.detail);
  }
  // Soon while another server may be about to take over.
  void recoverLater() {
    const bool isSoon = topology_.canFailOver() && std::chrono::steady_clock::now() < searchesUntil_;
    timer_ = loop_->at(in(isSoon ? std::min(longestBetweenSearches, options_.pause) : options_.pause),
                       [this] { recover(); });
  }
  void recover() {
    timer_.reset();
    topology_.look(in(patience), options_.timeout, [this](const std::optional<Error>& problem) {
      if (problem) return recovered(problem);
      if (topology_.canFailOver()) storeAgain();
      sendPending(in(patience), [this](const std::optional<Error>& refused) {
        recovered(topology_.canFailOver() ? std::nullopt : refused);
      });
    });
  }
  void recovered(const std::optional<Error>& problem) {
    if (problem) {
      ++failures_;
      topology_.retire();
      return recoverLater();
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

  // One after the other, until one fails, or for about that long. What others add meanwhile comes after it. Where there
  // are several servers one of them may be lost: then until some have failed.
  struct Sending {
    PendingCalls::Calls calls;
    Deadline end;
    Sent done;
    PendingCalls::Calls failed = {};
    std::optional<Error> problem = {};
  };
  void sendPending(Deadline end, Sent done) {
    isSending_ = true;
    sendNext(std::make_shared<Sending>(Sending{pending_.take(), end, std::move(done)}), std::nullopt);
  }
  void sendNext(const std::shared_ptr<Sending>& sending, const std::optional<Error>& problem) {
    if (problem) sending->problem = problem;
    const bool goesOn = !problem || (topology_.canFailOver() && sending->failed.size() < options_.failures);
    if (!goesOn || sending->calls.empty() || std::chrono::steady_clock::now() >= sending->end) {
      sending->calls.splice(sending->calls.end(), sending->failed);  // those that were not tried are next
      pending_.putBack(std::move(sending->calls));
      isSending_ = false;
      return completeSafely(sending->done, sending->problem);
    }
    const auto sent = [this, sending, places = placesOf(sending->calls.front().call)](const Result<Reply>& reply) {
      // Right after a probe that was answered well, so that it is this call's own.
      const bool isRefused = !reply && degraded_ && reply.error().code == Errc::notAllowed;
      const bool isHopeless = isRefused && ++sending->calls.front().tries == mostTries;
      if (reply) {
        const auto answered = std::exchange(sending->calls.front().call.answered, nullptr);
        if (answered) completeSafely<bool>([&](bool) { answered(*reply); }, true);
        remember(places);
      }
      if (reply || isHopeless) {
        sending->calls.pop_front();
      } else if (topology_.canFailOver()) {
        sending->failed.splice(sending->failed.end(), sending->calls, sending->calls.begin());
      }
      sendNext(sending, reply || isHopeless ? std::nullopt : std::optional(reply.error()));
    };
    const auto once = exactlyOnce<Result<Reply>>(sent, Error{Errc::overloaded, {}});
    topology_.run(sending->calls.front().call, in(patience), once);
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
  RedisTopology topology_;
  RedisSubscription subscription_;
  std::atomic<std::uint64_t> failures_ = 0;
  std::atomic<std::uint64_t> degradations_ = 0;
  std::atomic<bool> degraded_ = false;
  PendingCalls pending_;
  StoredAgain stored_;
  bool isSending_ = false;
  bool isLooking_ = false;                  // beside what is under way
  Deadline looksFrom_ = {};                 // not before
  Deadline searchesUntil_ = {};             // while it is degraded, often
  std::optional<EventLoop::Ticket> timer_;  // of the next look while it is degraded, of pending calls otherwise
  unsigned failedInARow_ = 0;
  Deadline answeredAt_ = {};
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

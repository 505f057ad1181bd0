#include "redis/link_core.hpp"

#include "base/time.hpp"

namespace ironjar::detail {
namespace {

Deadline in(std::chrono::milliseconds time) { return monotonicNow() + time; }
Error givenUp() { return {Errc::unreachable, "Redis is given up for now"}; }

}  // namespace

RedisLink::Core::Core(RedisOptions options)
    : options_(std::move(options)),
      tls_(options_),
      topology_(loop_, options_, tls_, [this] { lookAgain(); }),
      outbox_(options_, topology_),
      subscription_(loop_, options_, topology_),
      reports_(options_.observer) {}

RedisStats RedisLink::Core::stats() const {
  return {.degraded = degraded_, .commands = topology_.commands(), .failed = failures_, .degradations = degradations_};
}

void RedisLink::Core::run() {
  loop_->run();
  close();
}

void RedisLink::Core::close() {
  subscription_.close();
  topology_.close();
}

void RedisLink::Core::begin(const Completion<std::optional<Error>>& begun) {
  topology_.look(in(patience), patience, [this, begun](std::optional<Error> problem) {
    if (problem && problem->code != Errc::notAllowed) degrade(*problem);
    completeSafely(begun, std::move(problem));
  });
}

void RedisLink::Core::end(const std::function<void()>& ended) {
  loop_->cancel(timer_);
  loop_->cancel(watch_);
  if (outbox_.isSending()) {
    timer_ = loop_->at(in(betweenTries), [this, ended] { end(ended); });
    return;
  }
  if (degraded_ || outbox_.isEmpty()) return ended();
  outbox_.send(in(patience), RedisOutbox::Refusals::keepCall, [this, ended](const std::optional<Error>& problem) {
    if (problem) ++failures_;
    ended();
  });
}

void RedisLink::Core::start(RedisCall call, Answered done) {
  if (degraded_ && !timer_ && !isRecovering_) recoverLater();  // for which there was no memory
  if (topology_.canFailOver()) return startAnywhere(std::move(call), std::move(done));
  if (degraded_) return completeSafely<Result<Reply>>(done, givenUp());
  const RedisScript* const script = call.script;
  topology_.run(std::move(call), in(options_.timeout), [this, script, done = std::move(done)](Result<Reply> reply) {
    answered(*script, reply);
    completeSafely(done, std::move(reply));
  });
}

void RedisLink::Core::add(RedisCall call) {
  outbox_.add(std::move(call));
  sendSoon();
}

RedisLink::Ticket RedisLink::Core::whenTakenOver(std::function<void()> told) {
  takeOvers_.emplace(++lastTicket_, std::move(told));
  watch(betweenLooks());
  return lastTicket_;
}

void RedisLink::Core::answered(const RedisScript& script, const Result<Reply>& reply) {
  if (!reply && reply.error().code != Errc::overloaded) failed(reply.error());
  if (reply) answeredAt_ = monotonicNow();
  if (reply && (!isRefusing_ || script.hasWritten(*reply))) failedInARow_ = 0;
}

void RedisLink::Core::startAnywhere(RedisCall call, Answered done) {
  Deadline until = in(call.outlastsFailover ? options_.failover : std::chrono::milliseconds{0});
  if (degraded_) until = std::min(until, searchesUntil_);
  tryAnywhere(std::make_shared<Calling>(Calling{std::move(call), std::move(done), until}));
}

void RedisLink::Core::tryAnywhere(const std::shared_ptr<Calling>& calling) {
  if (degraded_) return tryAgain(calling, givenUp());
  if (calling->call.comesAfterOthers && tookOverWithin(othersStoreWithin)) {
    static_cast<void>(
        loop_->at(*topology_.tookOverAt() + othersStoreWithin, [this, calling] { tryAnywhere(calling); }));
    return;
  }
  topology_.run(calling->call, in(options_.timeout),
                [this, calling, places = outbox_.placesOf(calling->call)](Result<Reply> reply) {
                  const bool mayPass =
                      !reply && reply.error().code != Errc::notAllowed && reply.error().code != Errc::malformed;
                  if (mayPass) lookAgain();
                  if (mayPass && monotonicNow() < calling->until) return tryAgain(calling, reply.error());
                  answered(*calling->call.script, reply);
                  if (reply) remember(places);
                  completeSafely(calling->done, std::move(reply));
                });
}

void RedisLink::Core::tryAgain(const std::shared_ptr<Calling>& calling, const Error& why) {
  const bool isGivenUp = calling->call.isGivenUp && *calling->call.isGivenUp;
  if (isGivenUp || monotonicNow() >= calling->until) {
    return completeSafely<Result<Reply>>(calling->done, why);
  }
  const Deadline next = std::min(in(calling->pause), calling->until);
  calling->pause = std::min(calling->pause * 3 / 2, longestBetweenSearches);
  static_cast<void>(loop_->at(next, [this, calling] { tryAnywhere(calling); }));
}

void RedisLink::Core::lookAgain(Trouble trouble) {
  const auto now = monotonicNow();
  if (isLooking_ || degraded_ || now < looksFrom_) return;
  isLooking_ = true;
  looksFrom_ = now + shortestBetweenSearches;
  const auto looked = [this](const std::optional<Error>& problem) {
    isLooking_ = false;
    if (degraded_) return;
    if (problem) return watch(longestBetweenSearches);
    storeAgain();
    sendSoon();
  };
  try {
    trouble == Trouble::known ? topology_.look(in(patience), patience, looked)
                              : topology_.lookForOthers(in(patience), patience, looked);
  } catch (const std::exception&) {  // no memory: the next one who has cause looks
    isLooking_ = false;
  }
}

void RedisLink::Core::remember(const RedisOutbox::Places& places) {
  if (places.empty()) return;
  outbox_.remember(places);
  completeSafely<bool>([this](bool) { watch(betweenLooks()); }, true);
}

std::chrono::milliseconds RedisLink::Core::betweenLooks() const {
  return takeOvers_.empty() ? std::max(options_.pause, longestBetweenSearches) : longestBetweenSearches;
}

void RedisLink::Core::watch(std::chrono::milliseconds time) {
  const Deadline when = in(time);
  if (watch_ && watch_->first <= when) return;
  loop_->cancel(watch_);
  if (!topology_.canFailOver() || (takeOvers_.empty() && !outbox_.mayStoreAgain())) return;
  watch_ = loop_->at(when, [this] {
    watch_.reset();
    watch(betweenLooks());
    if (watch_) lookAgain(Trouble::unknown);
  });
}

void RedisLink::Core::storeAgain() {
  outbox_.storeAgain();
  subscription_.follow();
  const auto at = topology_.tookOverAt();
  if (std::exchange(toldOf_, at) == at) return;
  const auto all = takeOvers_;
  for (const auto& [ticket, told] : all) told();
}

bool RedisLink::Core::tookOverWithin(MonotonicTime::duration time) const {
  const auto at = topology_.tookOverAt();
  return at && monotonicNow() - *at < time;
}

void RedisLink::Core::failed(const Error& error) {
  ++failures_;
  isRefusing_ = error.code == Errc::notAllowed;
  // One node of a cluster may be lost, for which nobody gives the others up.
  const bool othersAnswer = topology_.hasNodes() && monotonicNow() - answeredAt_ < patience;
  if (++failedInARow_ >= options_.failures && !degraded_ && !othersAnswer) degrade(error);
}

void RedisLink::Core::degrade(const Error& error) {
  loop_->cancel(timer_);
  degraded_ = true;
  searchesUntil_ = in(options_.failover);
  recoverLater();
  ++degradations_;
  topology_.retire();
  subscription_.drop();
  reports_.tell(true, error.detail);
}

void RedisLink::Core::recoverLater() {
  const bool isSoon = topology_.canFailOver() && monotonicNow() < searchesUntil_;
  timer_ =
      loop_->at(in(isSoon ? std::min(longestBetweenSearches, options_.pause) : options_.pause), [this] { recover(); });
}

void RedisLink::Core::recover() {
  timer_.reset();
  isRecovering_ = true;
  const auto noMemory = [this] { recovered(Error{Errc::overloaded, {}}); };
  const auto looked = [this, noMemory](const std::optional<Error>& problem) {
    if (problem) return recovered(problem);
    try {
      if (topology_.canFailOver()) storeAgain();
      if (outbox_.isSending()) return recovered(std::nullopt);  // what was begun before goes on
      outbox_.send(in(patience), RedisOutbox::Refusals::dropCall, [this](const std::optional<Error>& refused) {
        recovered(topology_.canFailOver() ? std::nullopt : refused);
      });
    } catch (const std::exception&) {
      noMemory();
    }
  };
  try {
    topology_.look(in(patience), options_.timeout, looked);
  } catch (const std::exception&) {
    noMemory();
  }
}

void RedisLink::Core::recovered(const std::optional<Error>& problem) {
  if (!std::exchange(isRecovering_, false)) return;
  if (problem) {
    ++failures_;
    recoverLater();
    return topology_.retire();
  }
  failedInARow_ = 0;
  isRefusing_ = false;
  degraded_ = false;
  subscription_.recover();
  reports_.tell(false, "");
  sendSoon();
}

void RedisLink::Core::sendSoon() {
  if (degraded_ || timer_ || outbox_.isSending() || outbox_.isEmpty()) return;
  timer_ = loop_->at(in(betweenTries), [this] {
    timer_.reset();
    if (degraded_) return;
    outbox_.send(in(patience), RedisOutbox::Refusals::keepCall, [this](const std::optional<Error>& problem) {
      if (problem) failed(*problem);
      watch(betweenLooks());
      sendSoon();
    });
  });
}

// What of a link needs no thread.

RedisStats RedisLink::stats() const { return core_->stats(); }

EventLoop& RedisLink::loop() const { return core_->loop(); }
std::shared_ptr<EventLoop> RedisLink::sharedLoop() const { return core_->sharedLoop(); }

RedisLink::Ticket RedisLink::listen(std::vector<std::string> channels, std::function<void(Heard)> heard) {
  return core_->subscription().add(std::move(channels), std::move(heard));
}

void RedisLink::stopListening(Ticket ticket) { core_->subscription().remove(ticket); }

bool RedisLink::tookOverLately() const { return core_->tookOverLately(); }

RedisLink::Ticket RedisLink::whenTakenOver(std::function<void()> told) { return core_->whenTakenOver(std::move(told)); }

void RedisLink::stopTelling(Ticket ticket) noexcept { core_->stopTelling(ticket); }

void RedisLink::start(RedisCall call, Answered done) {
  const auto once = exactlyOnce<Result<Reply>>(std::move(done), Error{Errc::unreachable, {}});
  core_->loop().post(
      [core = core_.get(), call = std::move(call), once]() mutable { core->start(std::move(call), once); });
}

void RedisLink::runLater(RedisCall call) {
  core_->loop().post([core = core_.get(), call = std::move(call)] { core->add(call); });
}

}  // namespace ironjar::detail

namespace ironjar {

Redis::Redis(RedisOptions options) : link_(std::make_shared<detail::RedisLink>(std::move(options))) {}
Redis::~Redis() = default;
RedisStats Redis::stats() const { return link_->stats(); }

}  // namespace ironjar

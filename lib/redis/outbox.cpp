#include "redis/outbox.hpp"

#include "redis/policy.hpp"

namespace ironjar::detail {

// Over when nobody holds it, whatever the reason.
struct RedisOutbox::Sending {
  Sending(RedisOutbox& owner, Deadline until, Refusals refused, Sent completion)
      : outbox(owner), end(until), refusals(refused), done(std::move(completion)) {
    outbox.isSending_ = true;
  }
  Sending(const Sending&) = delete;
  Sending& operator=(const Sending&) = delete;
  ~Sending() { outbox.ended(*this); }

  RedisOutbox& outbox;
  PendingCalls::Calls calls = {};
  const Deadline end;
  const Refusals refusals;
  const Sent done;
  PendingCalls::Calls failed = {};
  std::optional<Error> problem = {};
};

void RedisOutbox::send(Deadline end, Refusals refusals, Sent done) {
  const auto sending = std::make_shared<Sending>(*this, end, refusals, std::move(done));
  sending->calls = pending_.take();
  sendNext(sending);
}

void RedisOutbox::sendNext(const std::shared_ptr<Sending>& sending) {
  const bool goesOn = topology_.canFailOver() ? sending->failed.size() < options_.failures : !sending->problem;
  if (!goesOn || sending->calls.empty() || monotonicNow() >= sending->end) return;
  const auto sent = [this, sending, places = placesOf(sending->calls.front().call)](const Result<Reply>& reply) {
    PendingCalls::Pending& first = sending->calls.front();
    const bool isRefused = !reply && sending->refusals == Refusals::dropCall && reply.error().code == Errc::notAllowed;
    const bool isDropped = isRefused && ++first.tries == mostTries;
    if (reply) {
      remember(places);
      const auto answered = std::exchange(first.call.answered, nullptr);
      if (answered) completeSafely<bool>([&](bool) { answered(*reply); }, true);
    } else if (!isDropped) {
      sending->problem = reply.error();
    }
    if (reply || isDropped) {
      sending->calls.pop_front();
    } else if (topology_.canFailOver()) {
      sending->failed.splice(sending->failed.end(), sending->calls, sending->calls.begin());
    }
    sendNext(sending);
  };
  const auto once = exactlyOnce<Result<Reply>>(sent, Error{Errc::overloaded, {}});
  topology_.run(sending->calls.front().call, monotonicNow() + patience, once);
}

void RedisOutbox::ended(Sending& sending) noexcept {
  isSending_ = false;
  sending.calls.splice(sending.calls.end(), sending.failed);  // those that were not tried are next
  try {
    pending_.putBack(std::move(sending.calls));
  } catch (const std::bad_alloc&) {
    if (!sending.problem) sending.problem = Error{Errc::overloaded, {}};
  }
  completeSafely(sending.done, std::move(sending.problem));
}

RedisOutbox::Places RedisOutbox::placesOf(const RedisCall& call) const {
  Places places;
  if (!topology_.canFailOver() || !StoredAgain::matters(call)) return places;
  for (RedisCall& step : topology_.stepsOf(call)) {
    if (auto server = topology_.serverOf(step)) places.emplace_back(std::move(step), *std::move(server));
  }
  return places;
}

void RedisOutbox::remember(const Places& places) noexcept {
  try {
    for (const auto& [step, server] : places) stored_.add(step, server, monotonicNow());
  } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): said in the header
  }
}

void RedisOutbox::storeAgain() {
  const auto serverOf = [this](const RedisCall& call) { return topology_.serverOf(call); };
  for (RedisCall& call : stored_.takeOver(serverOf, monotonicNow())) pending_.add(std::move(call));
}

}  // namespace ironjar::detail

// How a refresh over Redis ends: what it stores for the other processes, and what it makes of what they have stored.
#include "redis/policy.hpp"
#include "redis/refresh_operation.hpp"
#include "redis/refresh_step.hpp"
#include "refresh/observed_refresh.hpp"

#include <utility>

namespace ironjar::detail {
namespace {

// What another process has found out, unless that is no better than what this one has.
const Record* recordIn(const Result<RedisRecord::Outcome>& outcome) {
  const auto* known = outcome ? std::get_if<Record>(&*outcome) : nullptr;
  return known != nullptr && known->kind == Record::Kind::invalidGrant ? nullptr : known;
}

}  // namespace

void RefreshOperation::conclude(const RefreshAnswer& answer) {
  if (answer.tokens) return publish(answer);
  const Error& error = answer.tokens.error();
  if (error.end && !keepsCookie(*error.end)) return giveUp(answer, 0);
  record_.release(owner_, {error, answer.retryAfter, answer.endpoint, answer.mayBeOver},
                  step<RedisRecord::Outcome>([this, answer](const auto& outcome) { better(outcome, answer); }));
}

// Ends with what is known by now in place of a failure.
void RefreshOperation::better(const Result<RedisRecord::Outcome>& outcome, const RefreshAnswer& answer) {
  const Record* const known = recordIn(outcome);
  if (known == nullptr) return finish(answer);
  adopt(*known, [this, answer](std::optional<RefreshAnswer> theirs) { finish(theirs ? *std::move(theirs) : answer); });
}

void RefreshOperation::publish(const RefreshAnswer& answer) {
  const TokenSet fresh = successorOf(request_.spent, *answer.tokens);
  const auto late = [weak = std::weak_ptr(shared_), client = request_.client, spent = request_.spent.refreshToken,
                     fresh](const Record& ended) {
    if (const auto shared = weak.lock()) shared->discard(client, spent, fresh, ended);
  };
  record_.publish(owner_, fresh, endedBefore_, step<RedisRecord::Outcome>([this, answer, fresh](const auto& outcome) {
                    published(answer, fresh, outcome);
                  }),
                  late);
}

void RefreshOperation::published(const RefreshAnswer& answer, const TokenSet& fresh,
                                 const Result<RedisRecord::Outcome>& outcome) {
  const bool cannotBeSealed =
      !outcome && (outcome.error().code == Errc::tooLarge || outcome.error().code == Errc::malformed);
  if (cannotBeSealed) return release([this, answer] { finish(answer); });  // nobody shall wait for it
  const Record* const known = recordIn(outcome);
  if (known == nullptr || known->kind != Record::Kind::loggedOut) return better(outcome, answer);
  signsOut_ = known->endedAt.value_or(TimePoint::max());
  // Whoever ended the login looks for them while the lock is held: it is released when they are there, or expires.
  record_.storeOrphaned(fresh, step<bool>([this, answer](const Result<bool>& stored) {
                          const auto end = [this, answer] { finish(answer); };  // the local coordinator discards them
                          stored ? release(end) : end();
                        }));
}

// The tokens of a call that is not waited for any more: the old one is spent, and nobody else has them.
void RefreshOperation::publishLate(const TokenSet& brought) {
  const auto record = std::make_shared<RedisRecord>(shared_->recordOf(request_.client, request_.spent.refreshToken));
  record->publish(owner_, successorOf(request_.spent, brought), endedBefore_,
                  [self = shared_from_this(), record](const auto&) {});
}

// Gives the lock up, if it can be, or it ends by itself.
void RefreshOperation::release(std::function<void()> then) {
  record_.release(owner_, {fail(Errc::refreshFailed)},
                  step<RedisRecord::Outcome>([then = std::move(then)](const auto&) { then(); }));
}

// The provider has refused the token: because another process has spent it? That one's result may be on its way.
void RefreshOperation::giveUp(const RefreshAnswer& answer, std::size_t looks) {
  if (looks == secondLooks.size() || (looks > 0 && isStopping_)) return endGrant(answer);
  after(secondLooks.at(looks), [this, answer, looks] {
    record_.lookUp(step<std::optional<Record>>([this, answer, looks](const Result<std::optional<Record>>& found) {
      if (!found && shared_->link().stats().degraded) return endGrant(answer);
      if (!found || !*found || (*found)->kind == Record::Kind::invalidGrant) return giveUp(answer, looks + 1);
      adopt(**found, [this, answer, looks](std::optional<RefreshAnswer> theirs) {
        if (!theirs) return giveUp(answer, looks + 1);
        release([this, theirs = *std::move(theirs)] { finish(theirs); });
      });
    }));
  });
}

void RefreshOperation::endGrant(const RefreshAnswer& answer) {
  record_.endGrant(
      owner_, step<RedisRecord::Outcome>([this, answer](const Result<RedisRecord::Outcome>& outcome) {
        if (outcome && std::holds_alternative<RedisRecord::Refused>(*outcome)) {
          mayAsk_ = false;  // who has taken over decides
          return claim();
        }
        if (outcome) return better(outcome, answer);
        // Redis cannot say whether another process has spent the token and sent its successor to the
        // browser.
        finish({.tokens = loginOver(RefreshEnd::superseded, "the provider refuses the token, and Redis is away"),
                .retryAfter = answer.retryAfter,
                .endpoint = answer.endpoint.value_or(EndpointState::well)});
      }));
}

void RefreshOperation::stop() {
  isStopping_ = true;
  if (!ticket_ || isClaiming_) return;
  shared_->link().loop().cancel(timer_);
  safely([this] { claim(); });
}

void RefreshOperation::abandon() {
  if (std::exchange(isAsking_, false)) {
    safely([this] { conclude({.tokens = fail(Errc::refreshFailed, "the answer was not waited for")}); });
  } else if (!isOver_) {
    finish(brought_ ? RefreshAnswer{.tokens = *brought_} : notAsked({Errc::refreshFailed, "the coordinator is going"}));
  }
}

void RefreshOperation::drop() noexcept {
  isAsking_ = false;
  finish(brought_ ? RefreshAnswer{.tokens = std::move(*brought_)}
                  : notAsked({Errc::refreshFailed, {}}));  // no words: they may need memory
}

void RefreshOperation::finish(RefreshAnswer answer) noexcept {
  if (std::exchange(isOver_, true)) return;
  shared_->link().loop().cancel(timer_);
  stopWaiting();
  stopRenewing();
  shared_->end(shared_from_this(), std::exchange(done_, nullptr), std::move(answer));
}

void RefreshOperation::signOut() const {
  if (!signsOut_) return;
  const auto local = shared_->local();
  if (local) local->end(request_.client, request_.spent, nullptr, {.at = *signsOut_, .begun = request_.begun});
}

}  // namespace ironjar::detail

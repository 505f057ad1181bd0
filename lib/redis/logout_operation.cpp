#include "redis/logout_operation.hpp"

#include "base/time.hpp"
#include "redis/policy.hpp"

#include <algorithm>
#include <utility>

namespace ironjar::detail {
namespace {

Deadline now() { return monotonicNow(); }

}  // namespace

void LogoutOperation::begin(TokenSet tokens, std::optional<TokenSet> newest, Completion<Ended> done) {
  done_ = std::move(done);
  tokens_ = std::move(tokens);
  newest_ = std::move(newest);
  next();
}

void LogoutOperation::next() {
  const bool goesOn =
      ended_.refreshTokens.size() < mostLinks && ended_.refreshTokens.insert(tokens_.refreshToken).second;
  if (!goesOn) return chainEnded();
  record_ = std::make_unique<RedisRecord>(shared_->recordOf(client_, tokens_.refreshToken));
  const auto marked = [self = shared_from_this()](const Result<std::optional<Record>>& before) {
    self->marked(before);
  };
  record_->logOut(logout_, exactlyOnce<Result<std::optional<Record>>>(marked, Error{Errc::overloaded, {}}));
}

void LogoutOperation::marked(const Result<std::optional<Record>>& before) {
  const Record* const known = before && *before ? &**before : nullptr;
  if (known != nullptr && known->refuses(logout_.begun)) return done_(std::move(ended_));
  if (known == nullptr || known->kind != Record::Kind::rotated) return chainEnded();
  tokens_ = known->tokens;
  next();
}

void LogoutOperation::chainEnded() {
  ended_.last = tokens_;
  const auto newest = std::exchange(newest_, std::nullopt);
  if (!newest || ended_.refreshTokens.contains(newest->refreshToken)) return done_(std::move(ended_));
  ended_.last.reset();
  tokens_ = *newest;
  next();
}

OrphanWatch::OrphanWatch(std::shared_ptr<Refreshing> shared, std::string client, TokenSet last,
                         Completion<TokenSet> done)
    : shared_(std::move(shared)),
      client_(std::move(client)),
      last_(std::move(last)),
      done_(std::move(done)),
      record_(shared_->recordOf(client_, last_.refreshToken)) {}

void OrphanWatch::begin() {
  const auto patient = 2 * shared_->options().lease + std::chrono::seconds{1};
  until_ = now() + patient;
  latest_ = now() + shared_->options().local.keepUnconfirmed;
  try {
    ticket_ = shared_->link().listen(record_.channels(), [weak = weak_from_this()](RedisLink::Heard what) {
      const auto self = weak.lock();
      if (!self) return;
      self->isListening_ = what != RedisLink::Heard::lost;
      self->look();
    });
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): the timer is enough
  }
  look();
}

void OrphanWatch::stop() { finish(last_); }

void OrphanWatch::look() {
  if (!done_ || std::exchange(isLooking_, true)) return;
  shared_->link().loop().cancel(timer_);
  try {
    const auto looked = [self = shared_from_this()](const Result<RedisRecord::Orphaned>& found) {
      self->looked(found);
    };
    record_.orphaned(exactlyOnce<Result<RedisRecord::Orphaned>>(looked, Error{Errc::overloaded, {}}));
  } catch (const std::exception&) {  // it would never look again
    finish(last_);
  }
}

void OrphanWatch::looked(const Result<RedisRecord::Orphaned>& found) {
  isLooking_ = false;
  if (!done_) return;
  if (found && found->tokens) return finish(*found->tokens);
  if (!found) {
    mayComeLate_ = true;
    until_ = std::min(now() + 2 * shared_->options().lease + std::chrono::seconds{1}, latest_);
  }
  mayComeLate_ = mayComeLate_ || shared_->link().tookOverLately();
  if ((found && !found->mayCome && !mayComeLate_) || now() >= until_) return finish(last_);
  const auto slowly = std::clamp(shared_->options().lease / 8, longestBetweenLooks, longestWithoutLook);
  try {
    timer_ = shared_->link().loop().at(now() + (isListening_ || !found ? slowly : longestBetweenLooks),
                                       [weak = weak_from_this()] {
                                         const auto self = weak.lock();
                                         if (!self) return;
                                         self->timer_.reset();
                                         self->look();
                                       });
  } catch (const std::exception&) {  // it would never look again
    finish(last_);
  }
}

void OrphanWatch::finish(TokenSet tokens) {
  const auto done = std::exchange(done_, nullptr);
  if (!done) return;
  shared_->link().loop().cancel(timer_);
  if (ticket_) shared_->link().stopListening(*ticket_);
  ticket_.reset();
  const auto self = shared_from_this();
  shared_->forget(self);
  completeSafely(done, std::move(tokens));
}

}  // namespace ironjar::detail

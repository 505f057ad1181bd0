#include "redis/refresh_operation.hpp"

#include "base/base64url.hpp"
#include "base/time.hpp"
#include "crypto/sodium.hpp"
#include "redis/policy.hpp"
#include "redis/refresh_step.hpp"
#include "refresh/observed_refresh.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace ironjar::detail {
namespace {

Deadline now() { return monotonicNow(); }

std::string randomOwner() {
  std::array<unsigned char, 16> bytes{};
  random(bytes);
  std::string owner;
  appendBase64url(owner, bytes);
  return owner;
}

}  // namespace

RefreshOperation::RefreshOperation(std::shared_ptr<Refreshing> shared, Request request, Completion<RefreshAnswer> done)
    : shared_(std::move(shared)),
      request_(std::move(request)),
      done_(std::move(done)),
      owner_(randomOwner()),
      record_(shared_->recordOf(request_.client, request_.spent.refreshToken)),
      pause_(shortestBetweenLooks) {}

void RefreshOperation::after(std::chrono::milliseconds time, std::function<void()> due) {
  EventLoop& loop = shared_->link().loop();
  loop.cancel(timer_);
  timer_ = loop.at(now() + time, [self = shared_from_this(), due = std::move(due)] {
    self->timer_.reset();
    self->safely(due);
  });
}

void RefreshOperation::begin() {
  // A holder may die at the end of its call, and its lock goes on for a lease then.
  until_ = now() + 2 * shared_->options().lease + std::chrono::seconds{1};
  safely([this] { claim(); });
}

void RefreshOperation::claim() {
  if (isStopping_ || now() >= until_) {
    return finish(notAsked(fail(Errc::refreshFailed, "another process has been asking for too long")));
  }
  isClaiming_ = true;
  looksAgain_ = false;
  claimedAt_ = now();
  record_.claim(owner_, awaited_, step<RedisRecord::Claim>([this](const auto& claim) { claimed(claim); }));
}

void RefreshOperation::claimed(const Result<RedisRecord::Claim>& claim) {
  isClaiming_ = false;
  misses_ = claim ? 0 : misses_ + 1;
  if (!claim) return miss();
  if (const auto* locked = std::get_if<RedisRecord::Locked>(&*claim)) return wait(*locked);
  stopWaiting();
  if (const auto* failure = std::get_if<Failure>(&*claim)) {
    return finish({failure->error, failure->retryAfter, failure->mayBeOver, failure->endpoint});
  }
  const auto* known = std::get_if<Record>(&*claim);
  if (known == nullptr) return lead();
  adopt(*known, [this, known = *known](std::optional<RefreshAnswer> answer) {
    if (answer) {
      *request_.by = awaited_.empty() ? RefreshedBy::chain : RefreshedBy::follower;
      return finish(*std::move(answer));
    }
    if (known.kind == Record::Kind::loggedOut || known.endedAt) endedBefore_ = known.endedAt;
    record_.passOver();
    this->claim();
  });
}

// Redis has not answered.
void RefreshOperation::miss() {
  const bool hasOutwaitedFailover = now() - claimedAt_ >= patience;
  if (misses_ < mostMisses && !hasOutwaitedFailover && !shared_->link().stats().degraded) return claim();
  stopWaiting();
  const bool mayAsk = std::exchange(mayAsk_, false);
  if (shared_->options().withoutRedis == WithoutRedis::fail) {
    return finish(notAsked(fail(Errc::overloaded, "Redis is away")));
  }
  if (!mayAsk) return finish(notAsked(fail(Errc::refreshFailed, "Redis went away while another process was asking")));
  ++shared_->alone;
  ask();  // Redis may be back when it is answered, or was slow only
}

// Another process has the lock. What it says when it gives that up may get lost, and it may die: hence the looks.
void RefreshOperation::wait(const RedisRecord::Locked& locked) {
  awaited_ = locked.by;
  mayAsk_ = false;
  if (isStopping_ || looksAgain_) return claim();
  if (!ticket_) {
    ++shared_->waiting;
    ticket_ = shared_->link().listen(record_.channels(), [weak = weak_from_this()](RedisLink::Heard what) {
      if (const auto self = weak.lock()) self->safely([&] { self->heard(what); });
    });
  }
  const auto ofLease = std::clamp(shared_->options().lease / 8, longestBetweenLooks, longestWithoutLook);
  after(isListening_ ? ofLease : pause_, [this] { claim(); });
  const auto longest = longestBetweenLooks * (1 + shared_->waiting / mostQuickLookers);
  pause_ = std::min<std::chrono::milliseconds>({pause_ * 3 / 2, longest, longestWithoutLook});
}

void RefreshOperation::heard(RedisLink::Heard what) {
  isListening_ = what != RedisLink::Heard::lost;
  looksAgain_ = isClaiming_;
  if (isClaiming_) return;
  shared_->link().loop().cancel(timer_);
  claim();
}

void RefreshOperation::stopWaiting() {
  if (!ticket_) return;
  shared_->link().stopListening(*ticket_);
  ticket_.reset();
  isListening_ = false;
  --shared_->waiting;
}

// Along the chain, to where the login stands now.
struct RefreshOperation::Chain {
  Record record;
  std::set<std::string> seen;
  Adopted then;
  std::unique_ptr<RedisRecord> next = nullptr;
};

// What a record means for this refresh; nothing when it is of no use.
void RefreshOperation::adopt(Record record, Adopted then) {
  follow(std::make_shared<Chain>(Chain{std::move(record), {request_.spent.refreshToken}, std::move(then)}));
}

void RefreshOperation::follow(const std::shared_ptr<Chain>& chain) {
  const Record& record = chain->record;
  const bool goesOn = record.kind == Record::Kind::rotated && chain->seen.size() < mostLinks &&
                      chain->seen.insert(record.tokens.refreshToken).second && !record.refuses(request_.begun);
  if (!goesOn) return decide(chain);
  chain->next = std::make_unique<RedisRecord>(shared_->recordOf(request_.client, record.tokens.refreshToken));
  chain->next->lookUp(step<std::optional<Record>>([this, chain](Result<std::optional<Record>> found) {
    if (!found || !*found) return decide(chain);
    chain->record = **std::move(found);
    follow(chain);
  }));
}

void RefreshOperation::decide(const std::shared_ptr<Chain>& chain) {
  Record& record = chain->record;
  if (record.refuses(request_.begun)) return chain->then(signedOut(record.endedAt));
  if (record.kind == Record::Kind::loggedOut) return chain->then(std::nullopt);
  if (record.kind == Record::Kind::invalidGrant) {
    return chain->then(RefreshAnswer{.tokens = loginOver(RefreshEnd::invalidGrant,
                                                         "the provider has ended this login, as another process was "
                                                         "told"),
                                     .endpoint = EndpointState::notAsked});
  }
  // Where refresh tokens do not rotate, this may be the older record that brought the request's own tokens.
  if (!isNewer(record.tokens, request_.spent)) return chain->then(std::nullopt);
  ++shared_->shared;
  chain->then(RefreshAnswer{.tokens = std::move(record.tokens), .endpoint = EndpointState::notAsked});
}

RefreshAnswer RefreshOperation::signedOut(std::optional<TimePoint> endedAt) {
  signsOut_ = endedAt.value_or(TimePoint::max());
  return notAsked(loginOver(RefreshEnd::loggedOut, "signed out elsewhere"));
}

// With the lock, which must have most of its time left right before what must not be done twice.
void RefreshOperation::lead() {
  isLost_ = false;
  renewedAt_ = claimedAt_;
  if (now() - claimedAt_ < shared_->options().lease / 3) return askWithLease();
  record_.renew(owner_, step<bool>([this, begun = now()](const Result<bool>& renewed) {
                  if (renewed && *renewed) renewedAt_ = begun;
                  if (renewed && !*renewed) isLost_ = true;
                  if (holdsLease()) return askWithLease();
                  mayAsk_ = false;
                  claim();
                }));
}

bool RefreshOperation::holdsLease() const { return !isLost_ && now() < renewedAt_ + shared_->options().lease * 2 / 3; }

void RefreshOperation::renewLease() {
  if (isLost_ || !isAsking_) return;
  record_.renew(owner_, step<bool>([this](const Result<bool>& renewed) {
                  if (renewed && !*renewed) isLost_ = true;
                }));
  after(shared_->options().lease / 3, [this] { renewLease(); });
}

void RefreshOperation::askWithLease() {
  after(shared_->options().lease / 3, [this] { renewLease(); });
  renewing_ = shared_->link().whenTakenOver([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->safely([&] { self->renewLease(); });
  });
  ask();
}

void RefreshOperation::stopRenewing() noexcept {
  if (renewing_) shared_->link().stopTelling(*renewing_);
  renewing_.reset();
}

void RefreshOperation::ask() {
  isAsking_ = true;
  shared_->call(shared_from_this());
}

void RefreshOperation::answered(const RefreshAnswer& answer) {
  const auto self = shared_from_this();
  shared_->callEnded(self);
  stopRenewing();
  if (!std::exchange(isAsking_, false)) {  // it was abandoned
    if (answer.tokens) safely([&] { publishLate(*answer.tokens); });
    return;
  }
  shared_->link().loop().cancel(timer_);
  safely([&] {
    if (answer.tokens) brought_ = *answer.tokens;
    conclude(answer);
  });
}

}  // namespace ironjar::detail

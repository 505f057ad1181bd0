#include "redis/refreshing.hpp"

#include "redis/logout_operation.hpp"
#include "redis/policy.hpp"
#include "redis/refresh_operation.hpp"

#include <algorithm>
#include <utility>

namespace ironjar::detail {
namespace {

// Who waits for another process makes no call: all that may wait may do that.
LocalCoordinatorOptions inFront(LocalCoordinatorOptions options) {
  options.maxCalls = std::max(options.maxCalls, options.maxWaiters);
  return options;
}

// Runs it on the loop's thread, and waits until that is done with it and with all that came before. Where there is no
// memory for that, it is not run.
void runOn(EventLoop& loop, const std::function<void()>& work) noexcept {
  const auto begin = [&](const Completion<bool>& done) {
    loop.post([&work, done] {
      work();
      done(true);
    });
  };
  try {
    if (loop.isOnItsThread()) return work();
    const bool hasRun = waitFor<bool>(begin, false);
    static_cast<void>(hasRun);
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): said above
  }
}

}  // namespace

Refreshing::Refreshing(std::shared_ptr<RedisLink> link, const RedisCoordinatorOptions& options)
    : options_(options),
      link_(std::move(link)),
      calling_(options.local.threads, mostQueued),
      completing_(completingThreads, mostUnderWay),
      revoking_(1, mostQueued),
      local_(std::make_shared<LocalCoordinator>(inFront(options.local))) {}

std::shared_ptr<LocalCoordinator> Refreshing::local() {
  const std::lock_guard lock(mutex_);
  return local_;
}

RedisRecord Refreshing::recordOf(std::string_view client, std::string_view refreshToken) const {
  const LocalCoordinatorOptions& local = options_.local;
  return {*link_,
          client,
          refreshToken,
          {.lease = options_.lease,
           .keep = local.keepUnconfirmed,
           .keepInvalidGrant = local.keep,
           .isGivenUp = isGivenUp_}};
}

void Refreshing::begin(const std::shared_ptr<RefreshOperation>& operation) {
  const bool isPosted = link_->loop().post([self = shared_from_this(), operation] {
    self->operations_.insert(operation);
    {
      const std::lock_guard lock(self->mutex_);
      ++self->underWay_;
    }
    operation->begin();
  });
  static_cast<void>(isPosted);  // else it is dropped, and who waits is told that
}

void Refreshing::call(const std::shared_ptr<RefreshOperation>& operation) {
  ++asked;
  if (operation->call().asynchronous() && running_ >= options_.local.maxCalls) return calls_.push_back(operation);
  startCall(operation);
}

void Refreshing::startCall(const std::shared_ptr<RefreshOperation>& operation) {
  const bool isAsynchronous = bool(operation->call().asynchronous());
  // The application may hold this for as long as it likes: neither the operation nor the link may live on for it.
  const Completion<RefreshAnswer> answered = [loop = link_->sharedLoop(),
                                              weak = std::weak_ptr(operation)](const RefreshAnswer& answer) {
    while (true) {
      try {
        loop->post([weak, answer] {
          if (const auto asker = weak.lock()) asker->answered(answer);
        });
        return;
      } catch (const std::bad_alloc&) {  // later, then: what a call has brought must not get lost
        std::this_thread::sleep_for(betweenTries);
      }
    }
  };
  const auto make = [operation, isAsynchronous, answered] {
    if (!isAsynchronous) return answered(ask(operation->call().blocking(), operation->spent()));
    startAsking(operation->call().asynchronous(), operation->spent(), answered);
  };
  asking_.insert(operation);
  if (isAsynchronous) ++running_;
  // Not even one that begins quickly is begun on the link's thread, nor on those that complete: it is the
  // application's, which may sign with a key that is elsewhere.
  try {
    if (calling_.post(make)) return;
  } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): it is not made, then
  }
  answered({.tokens = fail(Errc::overloaded, "the call could not be made"), .endpoint = EndpointState::notAsked});
}

void Refreshing::callEnded(const std::shared_ptr<RefreshOperation>& operation) {
  asking_.erase(operation);
  if (!operation->call().asynchronous()) return;
  --running_;
  while (!calls_.empty()) {
    const auto next = std::move(calls_.front());
    calls_.pop_front();
    if (!next->isAsking()) continue;
    try {
      return startCall(next);
    } catch (const std::exception&) {
      next->drop();
    }
  }
}

void Refreshing::end(const std::shared_ptr<RefreshOperation>& operation, Completion<RefreshAnswer> done,
                     RefreshAnswer answer) noexcept {
  std::erase(calls_, operation);
  operations_.erase(operation);
  {
    const std::lock_guard lock(mutex_);
    --underWay_;
    ++ending_;
  }
  changed_.notify_all();
  struct Ending {
    Completion<RefreshAnswer> done;
    RefreshAnswer answer;
  };
  auto ending = Ending{std::move(done), std::move(answer)};
  try {
    const auto kept = std::make_shared<Ending>(ending);
    if (completing_.post([self = shared_from_this(), operation, kept] {
          self->tell(*operation, kept->done, std::move(kept->answer));
        })) {
      return;
    }
  } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): here, then
  }
  tell(*operation, ending.done, std::move(ending.answer));
}

void Refreshing::tell(const RefreshOperation& operation, const Completion<RefreshAnswer>& done,
                      RefreshAnswer answer) noexcept {
  const auto note = [this](bool begins) {
    const std::lock_guard lock(mutex_);
    if (begins) telling_.insert(std::this_thread::get_id());
    if (!begins) telling_.erase(std::this_thread::get_id());
    if (!begins) --ending_;
  };
  try {
    note(true);
    operation.signOut();
  } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): who waits is told all the same
  }
  completeSafely(done, std::move(answer));
  note(false);
  changed_.notify_all();
}

void Refreshing::forEach(void (RefreshOperation::*what)()) {
  runOn(link_->loop(), [this, what] {
    const auto all = operations_;
    for (const auto& operation : all) (operation.get()->*what)();
  });
}

// But for whom this thread is telling.
bool Refreshing::waitUntilIdle(Deadline deadline) {
  std::unique_lock lock(mutex_);
  return changed_.wait_until(
      lock, deadline, [this] { return underWay_ == 0 && ending_ <= telling_.count(std::this_thread::get_id()); });
}

std::shared_ptr<void> Refreshing::hold() {
  // Made first: nothing is counted where there is no memory for it.
  auto counted = std::make_shared<bool>(false);
  const std::shared_ptr<void> held(this, [self = shared_from_this(), counted](void*) {
    if (!*counted) return;
    {
      const std::lock_guard lock(self->mutex_);
      --self->underWay_;
    }
    self->changed_.notify_all();
  });
  const std::lock_guard lock(mutex_);
  ++underWay_;
  *counted = true;
  return held;
}

// Also by a pool that is closed before it has come to it. The pool has the only copy: with it may go the last of a
// Fetcher, which must not wait for the link on the link's thread.
void Refreshing::complete(std::function<void()> work) noexcept {
  struct Work {
    std::function<void()> what;
    ~Work() {
      completeSafely<bool>([this](bool) { what(); }, true);
    }
  };
  auto kept = Work{std::move(work)};
  try {
    auto taken = std::make_shared<Work>();
    taken->what = [] {};
    taken->what.swap(kept.what);
    const bool isPosted = completing_.post([taken = std::move(taken)] {});
    static_cast<void>(isPosted);     // else it is done here
  } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): here, then
  }
}

void Refreshing::revokeLast(std::string client, TokenSet last, RevokeCall revoke) {
  const auto held = hold();
  const auto found = [self = shared_from_this(), revoke, held](const TokenSet& tokens) {
    // Else there are too many of them, as in one process.
    static_cast<void>(self->revoking_.post([revoke, tokens, held] { revoke(tokens); }));
  };
  auto watch = std::make_shared<OrphanWatch>(shared_from_this(), std::move(client), std::move(last), found);
  link_->loop().post([self = shared_from_this(), watch] {
    self->watches_.insert(watch);
    self->isClosing_ ? watch->stop() : watch->begin();
  });
}

void Refreshing::discard(const std::string& client, const std::string& spent, const TokenSet& tokens,
                         const Record& ended) {
  const auto orphaned = std::make_shared<RedisRecord>(recordOf(client, spent));
  orphaned->storeOrphaned(tokens, [orphaned](const Result<bool>&) {});
  const Logout logout{.at = ended.endedAt.value_or(TimePoint::max())};
  const auto own = std::make_shared<RedisRecord>(recordOf(client, tokens.refreshToken));
  own->logOut(logout, [own](const auto&) {});
  complete([self = shared_from_this(), client, tokens, logout] {
    if (const auto local = self->local()) local->end(client, tokens, nullptr, logout);
  });
}

void Refreshing::close() {
  const auto now = std::chrono::steady_clock::now;
  isClosing_ = true;
  runOn(link_->loop(), [this] {
    const auto all = watches_;
    for (const auto& watch : all) watch->stop();
  });
  forEach(&RefreshOperation::stop);
  if (!link_->loop().isOnItsThread() && !waitUntilIdle(now() + options_.lease)) {
    forEach(&RefreshOperation::abandon);
    if (!waitUntilIdle(now() + patience)) {
      *isGivenUp_ = true;
      forEach(&RefreshOperation::drop);
      static_cast<void>(waitUntilIdle(now() + patience));
    }
  }
  calling_.close();
  revoking_.close();
  completing_.close();
  *isGivenUp_ = true;
  forEach(&RefreshOperation::drop);
  runOn(link_->loop(), [this] { asking_.clear(); });
  std::shared_ptr<LocalCoordinator> local;  // goes while nothing is locked
  {
    const std::lock_guard lock(mutex_);
    local.swap(local_);
  }
  local.reset();
  // Nothing on the link's thread holds this any more, nor the link, whose last holder may have to wait for that thread.
  runOn(link_->loop(), [] {});
}

}  // namespace ironjar::detail

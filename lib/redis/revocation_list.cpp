#include "base/leave.hpp"
#include "base/worker_pool.hpp"
#include "redis/denial_mirror.hpp"
#include "redis/scripts.hpp"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <utility>

namespace ironjar {
namespace {

using Mark = RevocationList::Mark;
using detail::Completion;
using detail::DenialSealer;
using detail::RedisCall;
using detail::RedisLink;
using detail::Reply;

constexpr std::size_t mostCompleting = 100'000;

RedisRevocationOptions checked(RedisRevocationOptions options) {
  if (options.maxStaleness < std::chrono::milliseconds{40} || options.maxStaleness > std::chrono::minutes{10}) {
    throw std::invalid_argument("ironjar: RedisRevocationOptions: maxStaleness is between 40 ms and 10 min");
  }
  return options;
}

// Calls `done` when all of `count` are over.
std::function<void()> joined(std::size_t count, Completion<bool> done) {
  return [left = std::make_shared<std::atomic<std::size_t>>(count), done = std::move(done)] {
    if (--*left == 0) done(true);
  };
}

RedisCall lookUp(const std::string& key) {
  return {.script = &detail::lookUpScript(), .keys = {key}, .arguments = {std::string(detail::largestDenial)}};
}

// Now, or as soon as Redis takes it; `done` is called when it is known which. These hold the link, which must not go
// before they have ended.
void storeSoon(const std::shared_ptr<RedisLink>& link, const RedisCall& call, const std::function<void()>& done) {
  const auto stored = [link, call, done](const Result<Reply>& reply) {
    if (!reply) link->runLater(call);
    done();
  };
  link->start(call, stored);
}

}  // namespace

class RedisRevocationList::State {
 public:
  State(std::shared_ptr<RedisLink> link, RedisRevocationOptions options)
      : link_(std::move(link)),
        options_(checked(std::move(options))),
        sealer_(link_->sealer()),
        local_({.keep = options_.keep, .maxEntries = options_.maxEntries, .now = options_.now}) {
    if (options_.lookup == RevocationLookup::ask) return;
    mirror_ = std::make_shared<detail::DenialMirror>(*link_, options_);
    fill();
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  // The link's thread holds nothing of the link any more that a question which was answered has left there.
  ~State() {
    const auto endMirror = [mirror = mirror_] {
      if (mirror) mirror->end();
    };
    if (link_->loop().isOnItsThread()) {
      endMirror();
      return;
    }
    const auto end = [this, endMirror](const Completion<bool>& ended) {
      link_->loop().post([endMirror, ended] {
        endMirror();
        ended(true);
      });
    };
    try {
      static_cast<void>(detail::waitFor<bool>(end, false));
    } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): no memory: it ends with the link
    }
  }

  [[nodiscard]] bool isOfThisProcess() const { return link_->isOfThisProcess(); }
  [[nodiscard]] bool isOnLinksThread() const { return link_->loop().isOnItsThread(); }
  [[nodiscard]] bool asks() const { return !mirror_; }
  // `done` on a thread where it may take its time, as unsealing and sealing do; here when there is none.
  [[nodiscard]] Completion<Revoked> apart(Completion<Revoked> done) const {
    return [pool = std::weak_ptr(completing_), done = std::move(done)](Revoked revoked) {
      const auto completing = pool.lock();
      const bool isPosted = completing && completing->post([done, revoked] { done(revoked); });
      if (!isPosted) done(revoked);
    };
  }
  [[nodiscard]] RedisRevocationStats stats() const {
    if (!mirror_) return {.entries = local_.size()};
    return {.entries = mirror_->table().size(), .isStale = !mirror_->isFresh(), .resyncs = mirror_->resyncs()};
  }

  void deny(const Mark& mark, Denied done) {
    const TimePoint now = options_.now();
    const detail::Denial denial{detail::digestOf(mark), now};
    mirror_ ? mirror_->table().add(denial, now) : local_.denyAt(mark, now);
    const detail::RedisNames keys = sealer_.keysOf(mark);
    const std::vector<std::string> values = sealer_.valuesOf(mark, now, options_.keep);
    const detail::RedisNames logs = mirror_ ? sealer_.logs() : detail::RedisNames();
    const std::vector<std::string> entries =
        mirror_ ? sealer_.entriesOf(denial, options_.keep) : std::vector<std::string>();
    const Completion<bool> told = detail::exactlyOnce<bool>([done = std::move(done)](bool) { done(); }, false);
    if (values.size() != keys.size() || entries.size() != logs.size()) return told(false);
    const auto stored = joined(keys.size() + logs.size(), told);
    for (std::size_t i = 0; i < keys.size(); ++i) store(mark, keys[i], values[i], stored);
    for (std::size_t i = 0; i < logs.size(); ++i) {
      RedisCall call{.script = &detail::appendScript(), .keys = {logs[i]}};
      call.arguments = {std::string(detail::largestDenial), milliseconds(options_.keep),
                        std::to_string(options_.maxEntries), keys.at(i), entries[i]};
      storeSoon(link_, call, stored);
    }
  }

  // What is known without asking Redis.
  [[nodiscard]] Revoked known(std::span<const Mark> marks, TimePoint startedAt) {
    if (!mirror_) return local_.check(marks, startedAt);
    const TimePoint now = options_.now();
    for (const Mark& mark : marks) {
      const auto deniedAt = mirror_->table().find(detail::digestOf(mark), now);
      if (deniedAt && denies(mark, startedAt, *deniedAt)) return Revoked::yes;
    }
    return mirror_->isFresh() ? Revoked::no : unknown();
  }
  [[nodiscard]] Revoked unknown() const {
    return options_.whenUnknown == WhenUnknown::fail ? Revoked::unknown : Revoked::no;
  }

  // Each key by a command of its own: they may be anybody's, and on different servers.
  void ask(std::span<const Mark> marks, TimePoint startedAt, const Completion<Revoked>& done) {
    struct Answers {
      std::atomic<bool> isDenied = false;
      std::atomic<bool> isUnknown = false;
    };
    std::vector<std::pair<Mark, std::string>> questions;
    for (const Mark& mark : marks) {
      for (std::string& key : sealer_.keysOf(mark)) questions.emplace_back(mark, std::move(key));
    }
    if (questions.empty()) return done(Revoked::no);
    const auto answers = std::make_shared<Answers>();
    const auto all = [answers, done, unknown = unknown()](bool) {
      done(answers->isDenied ? Revoked::yes : answers->isUnknown ? unknown : Revoked::no);
    };
    const auto answered = joined(questions.size(), all);
    for (const auto& [mark, key] : questions) {
      link_->start(lookUp(key),
                   [link = link_, mark = mark, key = key, startedAt, answers, answered](const Result<Reply>& reply) {
                     if (!reply) answers->isUnknown = true;
                     const auto deniedAt =
                         reply ? DenialSealer(link->sealer()).deniedIn(reply->items[0].text, key, mark) : std::nullopt;
                     if (deniedAt && denies(mark, startedAt, *deniedAt)) answers->isDenied = true;
                     answered();
                   });
    }
  }

 private:
  static std::string milliseconds(Seconds time) { return std::to_string(std::chrono::milliseconds(time).count()); }
  static bool denies(const Mark& mark, TimePoint startedAt, TimePoint deniedAt) {
    return mark.kind != Mark::Kind::sub || isBegunBy(startedAt, deniedAt);
  }

  // Of two denials the later one stays, whichever reaches Redis last. A planted value is no denial.
  void store(const Mark& mark, const std::string& key, const std::string& value, const std::function<void()>& done) {
    RedisCall call{.script = &detail::storeLatestScript(), .keys = {key}};
    call.arguments = {std::string(detail::largestDenial), milliseconds(options_.keep), value};
    const auto looked = [link = link_, mark, key, call, done](const Result<Reply>& reply) mutable {
      const std::string& held = reply ? reply->items[0].text : std::string();
      const bool isPlanted = !held.empty() && !DenialSealer(link->sealer()).deniedIn(held, key, mark);
      if (isPlanted) call.script = &detail::storeScript();
      storeSoon(link, call, done);
    };
    link_->start(lookUp(key), looked);
  }

  // So that no session is let in that was denied before this process began.
  void fill() {
    if (isOnLinksThread()) return mirror_->begin([](bool) {});
    constexpr std::chrono::seconds longest{10};
    struct Filling {
      std::mutex mutex;
      std::condition_variable changed;
      bool isOver = false;
    };
    const auto filling = std::make_shared<Filling>();
    const auto over = detail::exactlyOnce<bool>(
        [filling](bool) {
          const std::lock_guard lock(filling->mutex);
          filling->isOver = true;
          filling->changed.notify_all();
        },
        false);
    link_->loop().post([mirror = mirror_, over] { mirror->begin(over); });
    std::unique_lock lock(filling->mutex);
    filling->changed.wait_for(lock, longest, [&] { return filling->isOver; });
  }

  const std::shared_ptr<RedisLink> link_;
  const RedisRevocationOptions options_;
  const DenialSealer sealer_;
  LocalRevocationList local_;                     // what this process has denied, where it does not mirror
  std::shared_ptr<detail::DenialMirror> mirror_;  // shared with the link's thread
  const std::shared_ptr<detail::WorkerPool> completing_ = std::make_shared<detail::WorkerPool>(2, mostCompleting);
};

RedisRevocationList::RedisRevocationList(const std::shared_ptr<Redis>& redis, RedisRevocationOptions options) {
  if (!redis) throw std::invalid_argument("ironjar: RedisRevocationList: redis is empty");
  state_ = std::make_unique<State>(redis->link_, std::move(options));
}
RedisRevocationList::~RedisRevocationList() {
  if (!state_->isOfThisProcess()) detail::leave(state_);
}

void RedisRevocationList::deny(const Mark& mark) {
  if (state_->isOnLinksThread()) return state_->deny(mark, [] {});
  const auto start = [&](const Completion<bool>& done) { state_->deny(mark, [done] { done(true); }); };
  static_cast<void>(detail::waitFor<bool>(start, false));
}

void RedisRevocationList::startDeny(const Mark& mark, Denied done) { state_->deny(mark, std::move(done)); }

Revoked RedisRevocationList::check(std::span<const Mark> marks, TimePoint startedAt) {
  const Revoked known = state_->known(marks, startedAt);
  if (known != Revoked::no || !state_->asks()) return known;
  if (state_->isOnLinksThread()) return state_->unknown();
  const auto start = [&](const Completion<Revoked>& done) { state_->ask(marks, startedAt, done); };
  return detail::waitFor<Revoked>(start, state_->unknown());
}

void RedisRevocationList::startCheck(std::span<const Mark> marks, TimePoint startedAt, Checked done) {
  const Completion<Revoked> told = detail::exactlyOnce<Revoked>(std::move(done), state_->unknown());
  const Revoked known = state_->known(marks, startedAt);
  if (known != Revoked::no || !state_->asks()) return told(known);
  state_->ask(marks, startedAt, state_->apart(told));
}

bool RedisRevocationList::blocks() const { return state_->asks(); }

RedisRevocationStats RedisRevocationList::stats() const { return state_->stats(); }

}  // namespace ironjar

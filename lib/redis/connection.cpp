#include "redis/connection.hpp"

#include "crypto/secret.hpp"
#include "redis/policy.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <sys/epoll.h>
#include <utility>

namespace ironjar::detail {
namespace {

constexpr int mostReads = 16;  // in a row: others shall be read from, too

// Frees what redisFormatCommandArgv makes; wiped before, since it may hold a password.
class FormattedCommand {
 public:
  explicit FormattedCommand(std::span<const std::string_view> words) {
    std::vector<const char*> texts;
    std::vector<std::size_t> sizes;
    for (const std::string_view word : words) {
      texts.push_back(word.data() == nullptr ? "" : word.data());
      sizes.push_back(word.size());
    }
    const auto size = redisFormatCommandArgv(&text_, static_cast<int>(words.size()), texts.data(), sizes.data());
    if (size < 0) throw std::bad_alloc();
    size_ = static_cast<std::size_t>(size);
  }
  FormattedCommand(const FormattedCommand&) = delete;
  FormattedCommand& operator=(const FormattedCommand&) = delete;
  ~FormattedCommand() {
    wipe(writable(text_, size_));
    redisFreeCommand(text_);
  }
  [[nodiscard]] std::string_view text() const { return {text_, size_}; }

 private:
  char* text_ = nullptr;
  std::size_t size_ = 0;
};

bool refusesUs(const std::string& name) {
  return name == "WRONGPASS" || name == "NOAUTH" || name == "NOPERM" || name == "DENIED";
}

Error outOfMemory() { return {Errc::overloaded, {}}; }

// Without its words if there is no memory for them: nobody else would complete it.
void failSafely(const RedisConnection::Answered& done, const Error& why) noexcept {
  if (!done) return;
  Result<Reply> result = Error{why.code, {}};
  try {
    result = why;
  } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): said above
  }
  completeSafely(done, std::move(result));
}

}  // namespace

RedisConnection::RedisConnection(EventLoop& loop, const RedisOptions& options, RedisTls tls, Hooks hooks,
                                 std::uint64_t number)
    : loop_(loop), options_(options), tls_(std::move(tls)), hooks_(std::move(hooks)), number_(number) {}

RedisConnection::~RedisConnection() { drop(); }

void RedisConnection::open(std::vector<RedisAddress> addresses, Deadline deadline) {
  addresses_ = std::move(addresses);
  opensUntil_ = deadline;
  if (addresses_.empty()) return attemptFailed(fail(Errc::unreachable, "the host has no address"));
  try {
    tryNext();
  } catch (const std::exception&) {
    attemptFailed(outOfMemory());
  }
}

void RedisConnection::tryNext() {
  const auto now = std::chrono::steady_clock::now();
  const Deadline deadline = now + (opensUntil_ - now) / static_cast<int>(addresses_.size() - next_);
  const RedisAddress& address = addresses_[next_++];
  state_ = State::connecting;
  stream_.emplace();
  reader_.emplace(hooks_.arrays);
  events_ = EPOLLOUT;
  const bool isBegun = stream_->start(address, tls_) &&
                       loop_.watch(stream_->descriptor(), EPOLLOUT, [this](std::uint32_t) { onReady(); });
  if (!isBegun) return attemptFailed(fail(Errc::unreachable, "connecting failed"));
  attempt_ = loop_.at(deadline, [this] {
    attempt_.reset();
    const bool isConnected = state_ == State::signingIn;
    attemptFailed(fail(isConnected ? Errc::timeout : Errc::unreachable, "connecting took too long"));
  });
}

// Goes on with the next address. A refusal of one tells more than that another is not there.
void RedisConnection::attemptFailed(const Error& why) {
  const auto self = shared_from_this();
  drop();
  if (!refusal_ || refusal_->code != Errc::notAllowed) refusal_ = why;
  if (next_ < addresses_.size() && std::chrono::steady_clock::now() < opensUntil_) {
    try {
      return tryNext();
    } catch (const std::exception&) {
      drop();
    }
  }
  state_ = State::closed;
  completeSafely(std::exchange(hooks_.opened, nullptr), std::exchange(refusal_, std::nullopt));
}

void RedisConnection::signIn() {
  state_ = State::signingIn;
  if (!options_.password.empty()) {
    std::vector<std::string_view> words = {"AUTH"};
    if (!options_.user.empty()) words.emplace_back(options_.user);
    words.emplace_back(options_.password);
    append(words);
    signingIn_.emplace_back("AUTH");
  }
  if (options_.database != 0 && !hooks_.pushed) {  // channels belong to no database
    const std::string database = std::to_string(options_.database);
    append(std::array<std::string_view, 2>{"SELECT", database});
    signingIn_.emplace_back("SELECT");
  }
  signingIn_.empty() ? opened() : flush();
}

void RedisConnection::signedIn(const Reply& reply) {
  const std::string_view command = signingIn_.front();
  if (reply.isText("OK")) {
    signingIn_.pop_front();
    return signingIn_.empty() ? opened() : void();
  }
  const std::string name = reply.errorName();
  // AUTH to a server without a password is answered with a plain ERR: configuration, too. So is whatever comes first to
  // a server that has clients enough, and that passes.
  const bool hasNoPlace = reply.text.starts_with("ERR max number of clients");
  const bool refused = refusesUs(name) || (command == "AUTH" && name == "ERR" && !hasNoPlace);
  attemptFailed(fail(refused ? Errc::notAllowed : Errc::transport, std::string(command) + " was answered by " + name));
}

void RedisConnection::opened() {
  loop_.cancel(attempt_);
  state_ = State::open;
  flush();
  if (state_ == State::open) completeSafely(std::exchange(hooks_.opened, nullptr), std::optional<Error>());
}

void RedisConnection::send(std::span<const std::string_view> words, Deadline deadline, Answered done) {
  if (!isUsable()) return failSafely(done, {Errc::transport, "it hung up"});
  try {
    append(words);
    underWay_.emplace_back();
  } catch (const std::bad_alloc&) {  // half a command may be in the way of all that follows
    close(outOfMemory());
    return failSafely(done, outOfMemory());
  }
  underWay_.back() = {deadline, std::move(done)};
  try {
    arm(deadline);
    flushSoon();
  } catch (const std::bad_alloc&) {
    close(outOfMemory());
  }
}

void RedisConnection::post(std::span<const std::string_view> words) {
  if (!isUsable()) return;
  append(words);
  if (out_.size() - written_ > mostUnsentBytes) return close(outOfMemory());
  flushSoon();
}

void RedisConnection::append(std::span<const std::string_view> words) { out_ += FormattedCommand(words).text(); }

void RedisConnection::onReady() {
  const auto self = shared_from_this();
  try {
    goOn();
  } catch (...) {
    broken(outOfMemory());
  }
}

void RedisConnection::goOn() {
  if (state_ == State::closed) return;
  if (state_ == State::connecting) {
    const RedisStream::Step step = stream_->connect();
    if (step == RedisStream::Step::broken) {
      const bool isImpostor = stream_->isImpostor();
      return attemptFailed(
          fail(Errc::unreachable, isImpostor ? "its certificate does not verify" : "connecting failed"));
    }
    if (step != RedisStream::Step::done) return watchFor(step == RedisStream::Step::waitToRead ? EPOLLIN : EPOLLOUT);
    signIn();
  } else {
    flush();
  }
  readAll();
}

void RedisConnection::readAll() {
  std::array<char, 16 * 1024> buffer;  // NOLINT: filled by read()
  for (int i = 0; i < mostReads && (state_ == State::open || state_ == State::signingIn); ++i) {
    const RedisStream::Moved got = stream_->read(buffer.data(), buffer.size());
    if (got.step == RedisStream::Step::broken) return broken({Errc::transport, "it hung up"});
    if (got.step == RedisStream::Step::waitToWrite) return watchFor(EPOLLIN | EPOLLOUT);
    if (got.step != RedisStream::Step::done) return;
    std::string_view received(buffer.data(), got.size);
    while (state_ == State::open || state_ == State::signingIn) {
      Result<std::optional<Reply>> reply = reader_->read(received);
      if (!reply) return broken(reply.error());
      if (!*reply) break;
      received = {};
      take(**std::move(reply));
    }
  }
}

void RedisConnection::take(Reply reply) {
  if (state_ == State::signingIn) return signedIn(reply);
  hasAnswered_ = true;
  if (hooks_.pushed) return hooks_.pushed(reply);
  if (underWay_.empty()) return close(fail(Errc::malformed, "an answer that nobody asked for"));
  const Answered done = std::move(underWay_.front().done);
  underWay_.pop_front();
  if (done) completeSafely<Result<Reply>>(done, std::move(reply));
  closeIfDone();
}

// So that commands that come together are written at once.
void RedisConnection::flushSoon() {
  if (isToFlush_) return;
  isToFlush_ = loop_.post([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->flush();
  });
}

void RedisConnection::flush() {
  isToFlush_ = false;
  if (state_ != State::open && state_ != State::signingIn) return;
  RedisStream::Step step = RedisStream::Step::done;
  while (written_ < out_.size() && step == RedisStream::Step::done) {
    const RedisStream::Moved moved = stream_->write(std::string_view(out_).substr(written_));
    step = moved.step;
    written_ += moved.size;
  }
  if (step == RedisStream::Step::broken) return broken({Errc::transport, "it hung up"});
  if (written_ == out_.size()) {
    wipe(writable(out_.data(), out_.size()));
    out_.clear();
    written_ = 0;
  }
  watchFor(step == RedisStream::Step::waitToWrite ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void RedisConnection::watchFor(std::uint32_t events) {
  if (std::exchange(events_, events) == events || loop_.rewatch(stream_->descriptor(), events)) return;
  broken({Errc::transport, "it cannot be watched"});
}

// One timer for all: it may go off too early for those that are left, never too late.
void RedisConnection::arm(Deadline deadline) {
  if (deadline >= due_) return;
  loop_.cancel(timer_);
  due_ = Deadline::max();  // while there is none
  timer_ = loop_.at(deadline, [this] { expire(); });
  due_ = deadline;
}

// A server answers in order: who is late holds up those behind it. They may yet be in time, what comes later may not.
void RedisConnection::expire() {
  const auto self = shared_from_this();
  timer_.reset();
  due_ = Deadline::max();
  const auto now = std::chrono::steady_clock::now();
  Deadline next = Deadline::max();
  for (std::size_t i = 0; i < underWay_.size(); ++i) {
    Command& command = underWay_[i];
    if (command.done && command.deadline > now) next = std::min(next, command.deadline);
    if (!command.done || command.deadline > now) continue;
    const Answered done = std::exchange(command.done, nullptr);
    endUse();
    failSafely(done, {Errc::timeout, "no answer"});
  }
  try {
    if (next != Deadline::max() && state_ == State::open) arm(next);
  } catch (const std::exception&) {  // nobody would tell them at their time
    return close(outOfMemory());
  }
  closeIfDone();
}

void RedisConnection::retire() {
  const auto self = shared_from_this();
  endUse();
  closeIfDone();
}

void RedisConnection::endUse() {
  if (std::exchange(isRetired_, true) || state_ != State::open) return;
  if (hooks_.ended) hooks_.ended();
}

void RedisConnection::closeIfDone() {
  if (!isRetired_ || state_ != State::open) return;
  const auto isWaitedFor = [](const Command& command) { return bool(command.done); };
  if (std::none_of(underWay_.begin(), underWay_.end(), isWaitedFor)) close({Errc::transport, "not used"});
}

// Where another address is left, that one is tried.
void RedisConnection::broken(const Error& why) {
  if (state_ == State::closed) return;
  state_ == State::open ? close(why) : attemptFailed(why);
}

void RedisConnection::close(const Error& why) {
  const auto self = shared_from_this();
  if (state_ == State::closed) return;
  if (state_ != State::open) {
    next_ = addresses_.size();
    return attemptFailed(why);
  }
  state_ = State::closed;
  drop();
  if (!std::exchange(isRetired_, true) && hooks_.ended) hooks_.ended();
  while (!underWay_.empty()) {
    const Answered done = std::move(underWay_.front().done);
    underWay_.pop_front();
    failSafely(done, why);
  }
}

std::vector<RedisAddress> RedisConnection::addresses() const {
  std::vector<RedisAddress> all = addresses_;
  if (next_ > 0) std::rotate(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(next_ - 1), all.end());
  return all;
}

void RedisConnection::drop() {
  wipe(writable(out_.data(), out_.size()));
  out_.clear();
  written_ = 0;
  signingIn_.clear();
  loop_.cancel(attempt_);
  loop_.cancel(timer_);
  due_ = Deadline::max();
  if (!stream_) return;
  loop_.forget(stream_->descriptor());
  stream_.reset();
}

}  // namespace ironjar::detail

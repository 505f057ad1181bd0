// One connection to a Redis server, on an event loop: any number of commands under way, answered in their order.
#pragma once

#include "base/completion.hpp"
#include "base/event_loop.hpp"
#include "redis/reply.hpp"
#include "redis/stream.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <ironjar/redis.hpp>

namespace ironjar::detail {

// For the loop's thread alone. Loop and options must outlive it.
class RedisConnection : public std::enable_shared_from_this<RedisConnection> {
 public:
  using Answered = Completion<Result<Reply>>;
  struct Hooks {
    // Once: connected and signed in, or why not. Errc::unreachable, timeout, transport, malformed; Errc::notAllowed
    // when the server refuses user and password, or wants some.
    Completion<std::optional<Error>> opened = nullptr;
    // Once after it was opened: send nothing more on it. What is under way may be answered yet.
    std::function<void()> ended = nullptr;
    // For a subscriber: all that comes once it is open. Otherwise what comes unasked ends the connection.
    std::function<void(const Reply&)> pushed = nullptr;
    ReplyReader::Arrays arrays = ReplyReader::Arrays::flat;  // that are expected
  };

  // `number`: for its owner.
  RedisConnection(EventLoop& loop, const RedisOptions& options, RedisTls tls, Hooks hooks, std::uint64_t number = 0);
  RedisConnection(const RedisConnection&) = delete;
  RedisConnection& operator=(const RedisConnection&) = delete;
  ~RedisConnection();

  // Tries these addresses in turn, each with its part of the time.
  void open(std::vector<RedisAddress> addresses, Deadline deadline);
  // The server's answer, which may be an error of its. Errc::timeout at the deadline: then no more is to be sent here.
  // Errc::transport when the connection ends first, overloaded when it does for want of memory.
  void send(std::span<const std::string_view> words, Deadline deadline, Answered done);
  // A command whose answer, if any, is pushed. Closes, as for want of memory, where the server does not take it.
  void post(std::span<const std::string_view> words);
  // At once: what is under way fails with `why`, and so does opening it.
  void close(const Error& why);
  // As soon as what is under way is answered or late.
  void retire();

  [[nodiscard]] bool isUsable() const { return state_ == State::open && !isRetired_; }
  [[nodiscard]] std::uint64_t number() const { return number_; }
  [[nodiscard]] bool hasAnswered() const { return hasAnswered_; }
  [[nodiscard]] std::size_t underWay() const { return underWay_.size(); }
  // The addresses, with the one in front that it is connected to.
  [[nodiscard]] std::vector<RedisAddress> addresses() const;

 private:
  enum class State { connecting, signingIn, open, closed };
  struct Command {
    Deadline deadline = {};
    Answered done = {};  // empty once it is late
  };

  void tryNext();
  void attemptFailed(const Error& why);
  void broken(const Error& why);
  void signIn();
  void signedIn(const Reply& reply);
  void opened();
  void append(std::span<const std::string_view> words);
  void onReady();
  void goOn();
  void readAll();
  void take(Reply reply);
  void flush();
  void watchFor(std::uint32_t events);
  void flushSoon();
  void arm(Deadline deadline);
  void expire();
  void endUse();
  void closeIfDone();
  void drop();

  EventLoop& loop_;
  const RedisOptions& options_;
  const RedisTls tls_;
  Hooks hooks_;
  const std::uint64_t number_;
  State state_ = State::connecting;
  std::vector<RedisAddress> addresses_;
  std::size_t next_ = 0;
  Deadline opensUntil_;
  std::optional<EventLoop::Ticket> attempt_;  // of the address that is being tried
  std::optional<Error> refusal_;              // of those that were
  std::deque<std::string_view> signingIn_;    // commands that are not answered yet
  std::optional<RedisStream> stream_;
  std::optional<ReplyReader> reader_;
  std::string out_;  // what is to be written, from written_ on
  std::size_t written_ = 0;
  std::uint32_t events_ = 0;  // that are watched for
  bool isToFlush_ = false;
  std::deque<Command> underWay_;
  std::optional<EventLoop::Ticket> timer_;  // of the command that will be late first
  Deadline due_ = Deadline::max();          // when that is
  bool isRetired_ = false;
  bool hasAnswered_ = false;
};

}  // namespace ironjar::detail

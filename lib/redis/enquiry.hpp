// One question to several servers: asked one after the other, until one is of use.
#pragma once

#include "base/completion.hpp"
#include "base/event_loop.hpp"
#include "redis/policy.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <ironjar/error.hpp>

namespace ironjar::detail {

// For the loop's thread alone. Each server has its part of the time that is left. Ends once: when finish() is called,
// when failed() is and no server is left, at the deadline, or when the loop ends; also where there is no memory to go
// on.
template <class Server>
class Enquiry : public std::enable_shared_from_this<Enquiry<Server>> {
 public:
  using Done = Completion<std::optional<Error>>;
  using Pointer = std::shared_ptr<Enquiry>;
  // Asks the server, by the deadline, and has failed() or finish() called.
  using Ask = std::function<void(const Pointer&, const Server&, Deadline)>;

  // `servers` in their order. `nobody`: the error when there is none to ask, or none answers in time.
  static void begin(const std::shared_ptr<EventLoop>& loop, std::vector<Server> servers, Deadline deadline,
                    Error nobody, Ask ask, Done done) {
    const auto once = exactlyOnce(std::move(done), std::optional(Error{Errc::overloaded, {}}));
    const auto self = std::make_shared<Enquiry>(
        Enquiry{loop, {servers.rbegin(), servers.rend()}, deadline, std::move(nobody), std::move(ask), once});
    // Behind the answers' own deadlines, which say more.
    self->timer_ = loop->at(deadline + betweenTries, [self] {
      self->timer_.reset();
      self->finish(self->problem());
    });
    self->next();
  }

  [[nodiscard]] bool isOver() const { return !done_; }
  [[nodiscard]] Deadline deadline() const { return deadline_; }
  // For the server that is being asked, from now on: as much as for each of those that are left.
  [[nodiscard]] Deadline part() const {
    const auto now = std::chrono::steady_clock::now();
    return now + (deadline_ - now) / static_cast<int>(left_.size() + 1);
  }

  // This one is of no use. Of several errors the first is passed on, or one that refuses us.
  void failed(Error why) {
    if (!problem_ || why.code == Errc::notAllowed) problem_ = std::move(why);
    next();
  }
  void finish(std::optional<Error> problem) {
    const auto self = this->shared_from_this();
    loop_->cancel(timer_);
    if (done_) completeSafely(std::exchange(done_, nullptr), std::move(problem));
  }

 private:
  Enquiry(std::shared_ptr<EventLoop> loop, std::vector<Server> left, Deadline deadline, Error nobody, Ask ask,
          Done done)
      : loop_(std::move(loop)),
        left_(std::move(left)),
        deadline_(deadline),
        nobody_(std::move(nobody)),
        ask_(std::move(ask)),
        done_(std::move(done)) {}

  [[nodiscard]] std::optional<Error> problem() const { return problem_ ? problem_ : std::optional(nobody_); }

  void next() {
    if (isOver()) return;
    if (left_.empty() || std::chrono::steady_clock::now() >= deadline_) return finish(problem());
    const Server server = std::move(left_.back());
    left_.pop_back();
    try {
      ask_(this->shared_from_this(), server, part());
    } catch (const std::exception&) {  // for want of memory
      finish(Error{Errc::overloaded, {}});
    }
  }

  const std::shared_ptr<EventLoop> loop_;
  std::vector<Server> left_;  // to be asked, the last one first
  const Deadline deadline_;
  const Error nobody_;
  const Ask ask_;
  Done done_;
  std::optional<Error> problem_ = {};
  std::optional<EventLoop::Ticket> timer_ = {};
};

}  // namespace ironjar::detail

// The body of a streamed response, on its way to whoever reads it. Part of <ironjar/asio/transport.hpp>.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <ironjar/asio/loop.hpp>
#include <ironjar/http.hpp>

namespace ironjar::detail {

using PieceHandler = std::function<void(Result<std::string>)>;

// How a body has ended. Thread-safe.
class BodyEnd {
 public:
  enum class State { open, ended, failed };

  [[nodiscard]] State state() const { return state_; }
  // Once, before anything asks for it: of a body that has failed.
  [[nodiscard]] const Error& problem() const { return *problem_; }
  void end(const std::optional<Error>& problem) {
    if (state_ != State::open) return;
    problem_ = problem;
    state_ = problem ? State::failed : State::ended;
  }

 private:
  std::optional<Error> problem_;  // there before the state says so
  std::atomic<State> state_ = State::open;
};

// Thread-safe; may outlive the connection and its context. `Source` has ask(PieceHandler) and abandon(), for its
// strand.
template <class Source>
class AsioBody {
 public:
  AsioBody(std::shared_ptr<AsioLoop> loop, std::weak_ptr<Source> source, std::shared_ptr<const BodyEnd> end)
      : loop_(std::move(loop)), source_(std::move(source)), end_(std::move(end)) {}
  AsioBody(const AsioBody&) = delete;
  AsioBody& operator=(const AsioBody&) = delete;
  ~AsioBody() {
    loop_->post(source_, [](Source& source) { source.abandon(); });
  }

  void ask(PieceHandler done) const {
    const BodyEnd::State state = end_->state();
    if (state == BodyEnd::State::ended) return done(std::string());
    if (state == BodyEnd::State::failed) return done(end_->problem());
    if (!loop_->post(source_, [done](Source& source) { source.ask(done); })) done(fail(Errc::transport));
  }

  static AsyncBodyReader reader(std::shared_ptr<AsioLoop> loop, std::weak_ptr<Source> source,
                                std::shared_ptr<const BodyEnd> end) {
    return [body = std::make_shared<const AsioBody>(std::move(loop), std::move(source), std::move(end))](
               PieceHandler done) { body->ask(std::move(done)); };
  }

 private:
  const std::shared_ptr<AsioLoop> loop_;
  const std::weak_ptr<Source> source_;
  const std::shared_ptr<const BodyEnd> end_;
};

// The pieces of a body between the connection and whoever asks for them. For the connection's strand.
class AsioPieces {
 public:
  void add(std::string bytes) { held_.empty() ? held_.swap(bytes) : static_cast<void>(held_.append(bytes)); }
  void end() { isComplete_ = true; }
  // What has come before can be read still.
  void fail(Error problem) { problem_ = std::move(problem); }
  void want(PieceHandler done) { wanted_ = std::move(done); }
  void abandon() { isAbandoned_ = true; }

  [[nodiscard]] std::size_t size() const { return held_.size(); }
  [[nodiscard]] bool isWanted() const { return bool(wanted_); }
  [[nodiscard]] bool isEnded() const { return isComplete_ || problem_; }
  // Nobody will ask again.
  [[nodiscard]] bool isOver() const { return !wanted_ && (isAbandoned_ || told_->state() != BodyEnd::State::open); }
  // What was given of how it ends.
  [[nodiscard]] const std::shared_ptr<BodyEnd>& told() const { return told_; }

  // Whom to give what, if somebody asks and there is something: a piece, the end, or what went wrong.
  [[nodiscard]] std::optional<std::pair<PieceHandler, Result<std::string>>> take() {
    if (!wanted_ || (held_.empty() && !isEnded())) return std::nullopt;
    Result<std::string> piece = std::exchange(held_, {});
    if (piece->empty()) told_->end(problem_);
    if (piece->empty() && problem_) piece = *problem_;
    return std::pair(std::exchange(wanted_, nullptr), std::move(piece));
  }

 private:
  std::string held_;
  bool isComplete_ = false;
  std::optional<Error> problem_;
  PieceHandler wanted_;
  bool isAbandoned_ = false;
  std::shared_ptr<BodyEnd> told_ = std::make_shared<BodyEnd>();
};

}  // namespace ironjar::detail

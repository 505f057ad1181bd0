// The body of a streamed response, as whoever reads it holds it. Part of <ironjar/asio/transport.hpp>.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <ironjar/asio/loop.hpp>
#include <ironjar/http.hpp>

namespace ironjar::detail {

using PieceHandler = std::function<void(Result<std::string>)>;
enum class BodyState { open, ended, failed };

// Thread-safe; may outlive the connection and its context. `Source` has ask(PieceHandler) and abandon(), for its
// strand.
template <class Source>
class AsioBody {
 public:
  AsioBody(std::shared_ptr<AsioLoop> loop, std::weak_ptr<Source> source, std::shared_ptr<std::atomic<BodyState>> state)
      : loop_(std::move(loop)), source_(std::move(source)), state_(std::move(state)) {}
  AsioBody(const AsioBody&) = delete;
  AsioBody& operator=(const AsioBody&) = delete;
  ~AsioBody() {
    loop_->post(source_, [](Source& source) { source.abandon(); });
  }

  void ask(PieceHandler done) const {
    const BodyState state = *state_;
    if (state == BodyState::ended) return done(std::string());
    if (state == BodyState::failed) return done(fail(Errc::transport, "the body has failed before"));
    loop_->post(source_, [done = std::move(done)](Source& source) mutable { source.ask(std::move(done)); });
  }

  static AsyncBodyReader reader(std::shared_ptr<AsioLoop> loop, std::weak_ptr<Source> source,
                                std::shared_ptr<std::atomic<BodyState>> state) {
    return [body = std::make_shared<const AsioBody>(std::move(loop), std::move(source), std::move(state))](
               PieceHandler done) { body->ask(std::move(done)); };
  }

 private:
  const std::shared_ptr<AsioLoop> loop_;
  const std::weak_ptr<Source> source_;
  const std::shared_ptr<std::atomic<BodyState>> state_;
};

}  // namespace ironjar::detail

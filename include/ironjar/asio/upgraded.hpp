// A connection that has left HTTP for another protocol. Part of <ironjar/asio/transport.hpp>.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <ironjar/asio/body.hpp>
#include <ironjar/asio/connection.hpp>
#include <ironjar/asio/deadline.hpp>

namespace ironjar::detail {

// For its strand; its deadline, which never comes, owns it until close(). Reads no more than one piece ahead of who
// asks, and nothing that nobody asks for.
class AsioUpgraded : public std::enable_shared_from_this<AsioUpgraded> {
 public:
  using Written = std::function<void(std::optional<Error>)>;

  // `pieces` has what came behind the head.
  AsioUpgraded(std::shared_ptr<AsioConnection> connection, AsioPieces pieces)
      : strand_(connection->strand()), connection_(std::move(connection)), pieces_(std::move(pieces)) {}
  [[nodiscard]] const Strand& strand() const { return strand_; }

  // Gives the response the ends of this connection, which are for any thread and may outlive it and its context.
  static void begin(const std::shared_ptr<AsioUpgraded>& self, const std::shared_ptr<AsioLoop>& loop,
                    Response& response, std::string protocol) {
    self->deadline_.begin(self, MonotonicTime::max());
    self->connection_->use(self);
    const auto ends = std::make_shared<const Ends>(loop, self);
    response.asyncBodyReader = [ends](PieceHandler done) { ends->read(std::move(done)); };
    response.upgraded = std::make_shared<Upgraded>(
        Upgraded{.protocol = std::move(protocol),
                 .write = [ends](std::string bytes, Written done) { ends->write(std::move(bytes), std::move(done)); },
                 .close = [ends] { ends->close(); }});
  }

  void onReady(bool) {
    send();
    receive();
  }
  void onLate() {}

 private:
  // Whoever is left of these closes the connection.
  class Ends {
   public:
    Ends(std::shared_ptr<AsioLoop> loop, std::weak_ptr<AsioUpgraded> upgraded)
        : loop_(std::move(loop)), upgraded_(std::move(upgraded)) {}
    Ends(const Ends&) = delete;
    Ends& operator=(const Ends&) = delete;
    ~Ends() { close(); }

    void read(const PieceHandler& done) const {
      if (!loop_->post(upgraded_, [done](AsioUpgraded& self) { self.ask(done); })) done(closed());
    }
    void write(std::string bytes, const Written& done) const {
      const auto put = [bytes = std::move(bytes), done](AsioUpgraded& self) { self.put(bytes, done); };
      if (!loop_->post(upgraded_, put)) done(closed());
    }
    void close() const {
      loop_->post(upgraded_, [](AsioUpgraded& self) { self.close(); });
    }

   private:
    const std::shared_ptr<AsioLoop> loop_;
    const std::weak_ptr<AsioUpgraded> upgraded_;
  };

  static constexpr std::size_t step = 32 * 1024;

  void ask(PieceHandler done) {
    pieces_.want(std::move(done));
    if (!deliver()) connection_ ? receive() : failAll(closed());
  }
  void put(std::string bytes, Written done) {
    if (!connection_) return done(closed());
    if (bytes.empty()) {
      connection_->endWriting();
      return done(std::nullopt);
    }
    bytes_ = std::move(bytes);
    sent_ = 0;
    written_ = std::move(done);
    send();
  }
  void close() {
    deadline_.end();
    connection_.reset();
    failAll(fail(Errc::cancelled));
  }

  void send() {
    while (connection_ && written_) {
      const IoResult io = connection_->write(std::string_view(bytes_).substr(sent_, step));
      if (io.step == IoStep::waitToRead || io.step == IoStep::waitToWrite) return connection_->wait(io.step);
      if (io.step != IoStep::done) return std::exchange(written_, nullptr)(broken());
      sent_ += io.size;
      if (sent_ == bytes_.size()) std::exchange(written_, nullptr)(std::nullopt);
    }
  }
  void receive() {
    if (!connection_ || !pieces_.isWanted() || pieces_.isEnded()) return;
    std::array<char, step> buffer;
    const IoResult io = connection_->read(buffer.data(), buffer.size());
    if (io.step == IoStep::waitToRead || io.step == IoStep::waitToWrite) return connection_->wait(io.step);
    if (io.step == IoStep::done) {
      pieces_.add({buffer.data(), io.size});
    } else if (io.step == IoStep::closed) {
      pieces_.end();
    } else {
      pieces_.fail(broken());
    }
    deliver();
  }
  bool deliver() {
    auto given = pieces_.take();
    if (given) given->first(std::move(given->second));
    return given.has_value();
  }
  // What waits, in both directions, gets the error.
  void failAll(const Error& error) {
    pieces_.fail(error);
    deliver();
    if (written_) std::exchange(written_, nullptr)(error);
  }
  static Error closed() { return fail(Errc::transport, "the connection is closed"); }
  static Error broken() { return fail(Errc::transport, "the connection broke"); }

  const Strand strand_;
  AsioDeadline deadline_;
  std::shared_ptr<AsioConnection> connection_;
  AsioPieces pieces_;
  std::string bytes_;  // that are written
  std::size_t sent_ = 0;
  Written written_;
};

}  // namespace ironjar::detail

// A response as it comes, its body in memory or in pieces. Part of <ironjar/asio/transport.hpp>.
#pragma once

#include <cstddef>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include <ironjar/asio/body.hpp>
#include <ironjar/transport_options.hpp>

namespace ironjar::detail {

// Not thread-safe.
class AsioDownload {
 public:
  AsioDownload(const Request& request, const TransportOptions& options)
      : streams_(request.streamsResponse || !request.upgrade.empty()),
        maxHeld_(options.maxBodySize),
        reader_(request.method, {options.maxHeadSize, streams_ ? unlimited : options.maxBodySize}, request.upgrade) {}

  [[nodiscard]] std::optional<Error> read(std::string_view bytes) {
    auto problem = reader_.read(bytes);
    if (!problem || (streams_ && reader_.hasHead())) gather();
    return problem;
  }
  // The peer has closed. `isCut`: its connection broke, so that a body without a length may be a part of one.
  [[nodiscard]] std::optional<Error> end(bool isCut) {
    auto problem = reader_.end();
    if (problem) return problem;
    gather();
    if (isCut && !isRefusal()) return fail(Errc::transport, "the connection broke");
    return std::nullopt;
  }

  [[nodiscard]] bool streams() const { return streams_; }
  [[nodiscard]] bool isComplete() const { return reader_.complete(); }
  [[nodiscard]] bool mayKeep() const { return reader_.mayKeep(); }
  // Whether there is a response to give: whole, or if it streams the head.
  [[nodiscard]] bool hasResponse() const { return response_.has_value(); }
  [[nodiscard]] bool hasSwitched() const { return response_ && response_->status == 101; }
  [[nodiscard]] bool isRefusal() const { return response_ && response_->status >= 400; }
  [[nodiscard]] Response take() { return *std::move(response_); }
  // Whether no more should be held of a body that nobody can ask for yet.
  [[nodiscard]] bool isFull() const { return pieces.size() > maxHeld_; }

  AsioPieces pieces;  // of a body that streams

 private:
  static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

  void gather() {
    if (!streams_) {
      if (reader_.complete()) response_ = reader_.take();
    } else if (response_) {
      pieces.add(reader_.takeBody());
    } else if (reader_.hasHead()) {
      response_ = reader_.takeHead();
      pieces.add(std::exchange(response_->body, {}));
    }
    if (reader_.complete()) pieces.end();
  }

  const bool streams_;
  const std::size_t maxHeld_;
  ResponseReader reader_;
  std::optional<Response> response_;
};

}  // namespace ironjar::detail

// The rule of a Transport about responses that come before the request is sent. Part of checkTransport.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <future>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <ironjar/testing/transport_messages.hpp>

namespace ironjar::testing::detail {

// More than two sockets hold.
inline Request longUpload(std::string url, bool inMemory) {
  constexpr std::size_t size = std::size_t{1} << 20U;
  constexpr std::size_t pieces = 16;
  Request request{.method = "POST", .url = std::move(url)};
  if (inMemory) {
    request.body.assign(pieces * size, 'x');
  } else {
    request.openBody = piecewise(std::vector<Result<std::string>>(pieces, std::string(size, 'x')));
  }
  return request;
}

// Writes `begin` and then `step` without end, as fast as it is taken; with an empty `step` it falls silent. Counts what
// is taken.
class EndlessPeer {
 public:
  enum class Answers { connections, requests };  // what it answers: the first reads nothing

  EndlessPeer(const TransportProbe& probe, std::string begin, std::string step, Answers answers)
      : largest_(probe.options().largest),
        patience_(probe.patience()),
        begin_(std::move(begin)),
        step_(std::move(step)),
        answers_(answers),
        peer_(probe.peer([this](Peer::Connection& connection) { serve(connection); })) {}
  EndlessPeer(const EndlessPeer&) = delete;
  EndlessPeer& operator=(const EndlessPeer&) = delete;
  ~EndlessPeer() { readOn(); }

  [[nodiscard]] int port() const { return peer_.port(); }
  [[nodiscard]] bool isSilent() const { return step_.empty(); }
  [[nodiscard]] bool hasGivenAll() const { return taken_ >= largest_; }
  // Waits until no more is taken; false when all was.
  [[nodiscard]] bool isHeldUp() const {
    std::size_t before = 0;
    do {
      before = taken_;
      std::this_thread::sleep_for(200ms);
    } while (taken_ != before && !hasGivenAll());
    return !hasGivenAll();
  }
  // Of one that is silent: it reads from now on, and so sees that it is left.
  void readOn() {
    if (!readsOn_.exchange(true)) reading_.set_value();
  }
  [[nodiscard]] bool waitUntilClosed(std::chrono::milliseconds patience) const {
    return peer_.waitUntilClosed(patience);
  }

 private:
  void serve(Peer::Connection& connection) {
    if (answers_ == Answers::requests && !connection.readRequest()) return;
    if (!connection.put(begin_)) return;
    if (isSilent()) {
      isToRead_.wait_for(patience_);
      return connection.waitForHangUp(2 * patience_);
    }
    std::string block;
    while (block.size() < std::size_t{64} * 1024) block += step_;
    while (!hasGivenAll() && connection.put(block)) taken_ += block.size();
  }

  const std::size_t largest_;
  const std::chrono::milliseconds patience_;
  const std::string begin_;
  const std::string step_;
  const Answers answers_;
  std::atomic<std::size_t> taken_ = 0;
  std::atomic<bool> readsOn_ = false;
  std::promise<void> reading_;
  const std::shared_future<void> isToRead_{reading_.get_future()};
  Peer peer_;
};

struct EndlessRefusal {
  const char* when;
  const char* begin;
  const char* step;
  Errc code;  // unless it is streamed
};
inline constexpr EndlessRefusal endlessRefusals[] = {
    {"a refusal in chunks without end", "HTTP/1.1 413 Too Large\r\nTransfer-Encoding: chunked\r\n\r\n",
     "8\r\nxxxxxxxx\r\n", Errc::tooLarge},
    {"a refusal up to the end of the connection", "HTTP/1.1 413 Too Large\r\n\r\n", "xxxxxxxx", Errc::tooLarge},
    {"a refusal whose body does not come", "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\n", "", Errc::timeout},
};

// For a request that is to get no answer: 16 MiB have to be made for its body first.
inline std::chrono::milliseconds toBegin(const TransportProbe& probe) {
  return std::max<std::chrono::milliseconds>(5 * probe.options().deadline, 1s);
}

// A server that answers at once, reads nothing, and hangs up or not.
inline void checkEarlyAnswer(TransportProbe& probe) {
  for (const bool hangsUp : {false, true}) {
    const Peer peer = probe.peer([&probe, hangsUp](Peer::Connection& connection) {
      connection.put("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno");
      if (!hangsUp) connection.waitUntilLeft(probe.patience());
    });
    for (const bool inMemory : {false, true}) {
      const std::string when = std::string(inMemory ? "a body in memory" : "a body in pieces") + ", to a server that " +
                               (hangsUp ? "hangs up" : "stays");
      const auto response = probe.answered(longUpload(probe.urlOf(peer.port()), inMemory), when);
      if (response && (response->status != 401 || response->body != "no")) {
        probe.violated(when, "has become another response");
      }
    }
  }
}

// One that answers at once, reads nothing, and whose answer does not end.
inline void checkEndlessRefusal(TransportProbe& probe) {
  for (const EndlessRefusal& one : endlessRefusals) {
    for (const bool inMemory : {false, true}) {
      const std::string when = std::string(one.when) + ", of a body in " + (inMemory ? "memory" : "pieces");
      EndlessPeer peer(probe, one.begin, one.step, EndlessPeer::Answers::connections);
      const Request request = longUpload(probe.urlOf(peer.port()), inMemory);
      if (peer.isSilent()) {
        probe.expectTimeout(request, when, toBegin(probe));
      } else {
        probe.expectError(one.code, request, when);
      }
      if (peer.hasGivenAll()) {
        probe.violated(when, "it took " + std::to_string(probe.options().largest) + " bytes");
      }
      peer.readOn();
      if (!peer.waitUntilClosed(probe.options().grace)) probe.violated(when, "the connection was not closed");
    }
  }
}

inline void checkEarly(TransportProbe& probe) {
  checkEarlyAnswer(probe);
  checkEndlessRefusal(probe);
}

}  // namespace ironjar::testing::detail

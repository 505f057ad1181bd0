// The rules of a Transport about the time of a body that is streamed up. Part of checkTransport.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <ironjar/testing/transport_probe.hpp>

namespace ironjar::testing::detail {

// A body of so many pieces, each after a pause. Holds nothing of the caller's: it may be read for longer.
inline std::function<BodyReader()> slowly(int pieces, std::chrono::milliseconds pause, std::size_t size) {
  return [=] {
    return BodyReader([=, left = std::make_shared<int>(pieces)]() -> Result<std::string> {
      if ((*left)-- <= 0) return std::string();
      std::this_thread::sleep_for(pause);
      return std::string(size, 'x');
    });
  };
}

// Longer than the deadline, and short enough to be waited for.
inline std::chrono::milliseconds idleOf(const TransportProbe& probe) { return 2 * probe.options().deadline; }

// Errc::timeout, not before uploadIdle; the body's reader may take that much longer.
inline void expectIdle(TransportProbe& probe, Request request, std::string_view when,
                       std::chrono::milliseconds reading = 0ms) {
  request.uploadIdle = idleOf(probe);
  const auto begin = std::chrono::steady_clock::now();
  const auto result = probe.reaching(request, when, request.uploadIdle, request.uploadIdle + reading);
  if (!result) return;
  probe.expectError(Errc::timeout, *result, when);
  if (std::chrono::steady_clock::now() - begin < request.uploadIdle) {
    probe.violated(when, "was given up before uploadIdle");
  }
}

inline void checkLongUpload(TransportProbe& probe) {
  constexpr std::size_t size = 1000;
  const auto pause = std::max(probe.options().deadline / 2, 1ms);
  const auto idle = probe.options().grace;
  const auto time = std::max(3 * probe.options().deadline, idle * 3 / 2);
  const int pieces = static_cast<int>(time / pause) + 1;
  const std::string when = "a body that takes longer than the deadline and uploadIdle, each piece of it less";
  const Peer peer = probe.always(answerWith("ok"));
  const Request request{
      .method = "POST", .url = probe.urlOf(peer.port()), .openBody = slowly(pieces, pause, size), .uploadIdle = idle};
  const auto result = probe.reaching(request, when, idle, 3 * time);
  if (!result) return;
  if (!*result || (*result)->status != 200) return probe.violated(when, "was not answered");
  const auto seen = peer.seen();
  const bool isWhole = !seen.empty() && seen.back().body.size() == static_cast<std::size_t>(pieces) * size;
  if (!isWhole) probe.violated(when, "did not arrive whole");
}

inline void checkReaderThatStops(TransportProbe& probe) {
  const auto pause = 2 * idleOf(probe);
  const Peer peer = probe.always(answerWith("ok"));
  const Request request{.method = "POST", .url = probe.urlOf(peer.port()), .openBody = slowly(2, pause, 1)};
  expectIdle(probe, request, "a body whose reader gives nothing for longer than uploadIdle", pause);
}

// Who reads nothing of it, and who reads it and then answers without end.
inline void checkPeersThatStop(TransportProbe& probe) {
  const auto time = probe.patience() + idleOf(probe);
  const Peer deaf = probe.peer([time](Peer::Connection& connection) { connection.waitUntilLeft(time); });
  Request request{.method = "POST", .url = probe.urlOf(deaf.port())};
  request.openBody = slowly(1'000'000, 0ms, std::size_t{64} * 1024);
  expectIdle(probe, request, "a body that the peer stops reading");

  const Peer slow = probe.peer([time](Peer::Connection& connection) {
    if (!connection.readRequest()) return;
    const auto end = std::chrono::steady_clock::now() + time;
    bool isThere = connection.put("HTTP/1.1 200 OK\r\nX-Long: ");
    while (isThere && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(10ms);
      isThere = connection.put("x");
    }
  });
  request.url = probe.urlOf(slow.port());
  request.openBody = slowly(2, 0ms, 1);
  expectIdle(probe, request, "a head that comes slowly behind a body in pieces");
}

inline void checkIdleOfOthers(TransportProbe& probe) {
  const auto time = probe.patience();
  const Peer deaf = probe.peer([time](Peer::Connection& connection) { connection.waitUntilLeft(time); });
  Request request{.method = "POST", .url = probe.urlOf(deaf.port()), .uploadIdle = 10 * time};
  request.body.assign(std::size_t{16} * 1024 * 1024, 'x');
  probe.expectTimeout(request, "uploadIdle with a body in memory");
}

inline void checkUploads(TransportProbe& probe) {
  checkLongUpload(probe);
  checkReaderThatStops(probe);
  checkPeersThatStop(probe);
  checkIdleOfOthers(probe);
}

}  // namespace ironjar::testing::detail

// The rules of a Transport about time and about errors. Part of checkTransport.
#pragma once

#include <arpa/inet.h>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <future>
#include <memory>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <tuple>
#include <unistd.h>
#include <utility>
#include <vector>

#include <ironjar/testing/transport_probe.hpp>

namespace ironjar::testing::detail {

// A port where the kernel drops whoever wants to connect, since too many wait to be accepted; nobody listens there once
// it is closed.
class DeadPort {
 public:
  DeadPort() {
    std::tie(listener_, port_) = listenOnLoopback(0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port_));
    for (int& socket : waiting_) {
      socket = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
      static_cast<void>(::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address));
    }
  }
  DeadPort(const DeadPort&) = delete;
  DeadPort& operator=(const DeadPort&) = delete;
  ~DeadPort() { close(); }

  [[nodiscard]] int port() const { return port_; }
  void close() {
    for (int& socket : waiting_) closeOne(socket);
    closeOne(listener_);
  }

 private:
  static void closeOne(int& socket) {
    if (socket >= 0) ::close(socket);
    socket = -1;
  }

  int listener_ = -1;
  int port_ = 0;
  std::array<int, 4> waiting_{-1, -1, -1, -1};
};

inline void checkSlowPeers(TransportProbe& probe) {
  struct Case {
    std::string when;
    std::string begin;
    std::string step;
  };
  const std::vector<Case> cases = {
      {"no answer", "", ""},
      {"a head that comes slowly", "HTTP/1.1 200 OK\r\nX-Long: ", "x"},
      {"interim responses that come slowly", "", "HTTP/1.1 103 Early Hints\r\n\r\n"},
      {"a body that comes slowly", "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", "x"},
      {"chunks that come slowly", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"},
      {"a body without a length, cut by the deadline", "HTTP/1.1 200 OK\r\n\r\nok", ""},
  };
  for (const Case& one : cases) {
    const Peer peer = probe.peer([&](Peer::Connection& connection) {
      if (!connection.readRequest()) return;
      const auto end = std::chrono::steady_clock::now() + probe.patience();
      bool isThere = connection.put(one.begin);
      if (one.step.empty()) return connection.waitForHangUp(probe.patience());
      while (isThere && std::chrono::steady_clock::now() < end) {
        std::this_thread::sleep_for(10ms);
        isThere = connection.put(one.step);
      }
    });
    probe.expectTimeout({.url = probe.urlOf(peer.port())}, one.when);
  }
}

inline void checkSlowBody(TransportProbe& probe) {
  const Peer peer = probe.always(answerWith("ok"));
  Request slow{.method = "POST", .url = probe.urlOf(peer.port())};
  slow.openBody = [patience = probe.patience()] {
    return [end = std::chrono::steady_clock::now() + patience]() -> Result<std::string> {
      std::this_thread::sleep_for(10ms);
      return std::chrono::steady_clock::now() < end ? std::string("x") : std::string();
    };
  };
  probe.expectTimeout(slow, "a body that is read slowly");
}

inline void checkNoTimeLeft(TransportProbe& probe) {
  const std::string when = "no time left";
  for (const auto time : {0ms, -1000ms}) {
    for (const std::string group : {"", "ada"}) {  // on a new connection, on one that was kept
      const Peer peer = probe.always(answerWith("ok"));
      const Request request{.method = "POST", .url = probe.urlOf(peer.port()), .connectionGroup = group};
      if (!group.empty() && !probe.answered(request, "a request before one without time")) continue;
      const std::size_t before = peer.seen().size();
      const auto result = probe.call(request, when, time);
      if (result) probe.expectError(Errc::unreachable, *result, when);
      if (peer.seen().size() > before) probe.violated(when, "the request was sent");
    }
  }
}

inline void checkNoConnection(TransportProbe& probe) {
  DeadPort port;
  std::promise<void> over;
  std::thread closing([&, isOver = over.get_future()] {
    if (isOver.wait_for(probe.patience()) != std::future_status::ready) port.close();
  });
  probe.expectError(Errc::unreachable, {.url = probe.urlOf(port.port())}, "no connection by the deadline",
                    probe.options().deadline);
  over.set_value();
  closing.join();
}

inline void checkDeadline(TransportProbe& probe) {
  checkSlowPeers(probe);
  checkSlowBody(probe);
  checkNoTimeLeft(probe);
  checkNoConnection(probe);
}

inline void checkErrors(TransportProbe& probe) {
  DeadPort nobody;
  nobody.close();
  probe.expectError(Errc::unreachable, {.url = probe.urlOf(nobody.port())}, "nobody listens");
  for (const char* url : {"nowhere", "http://", "http://exa mple/", "ftp://localhost/"}) {
    probe.expectError(Errc::malformed, {.url = url}, "a URL that is none");
  }
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"the peer hung up without an answer", ""},
      {"the peer hung up within the status line", "HTTP/1.1 200"},
      {"the peer hung up within the body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx"},
      {"the peer hung up within the chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"},
      {"the peer hung up after an interim response", "HTTP/1.1 103 Early Hints\r\n\r\n"},
      {"an answer that is not HTTP", "nonsense\r\n\r\n"},
      {"lengths that contradict each other", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc"},
  };
  for (const auto& [when, bytes] : cases) {
    const Peer peer = probe.once(bytes);
    probe.expectError(Errc::transport, {.method = "POST", .url = probe.urlOf(peer.port()), .body = "x"}, when);
  }
}

// Has a body for the transport, and somebody who reads it, after the transport has said that the deadline had passed.
inline void checkLifetime(TransportProbe& probe) {
  struct Body {
    std::atomic<bool> isOver = false;
    std::atomic<bool> wasReadAfterwards = false;
  };
  const auto body = std::make_shared<Body>();  // for a transport that breaks the rule, too
  std::promise<void> over;
  const Peer peer = probe.peer([&, isOver = std::shared_future(over.get_future())](Peer::Connection& connection) {
    isOver.wait_for(probe.patience());
    connection.waitForHangUp(probe.options().grace);
  });
  Request request{.method = "POST", .url = probe.urlOf(peer.port())};
  request.openBody = [body] {
    return [body]() -> Result<std::string> {
      if (!body->isOver) return std::string(64 * 1024, 'x');
      body->wasReadAfterwards = true;
      return fail(Errc::notAllowed);
    };
  };
  const std::string when = "a body that the peer reads late";
  const auto result = probe.reaching(request, when, probe.options().deadline + probe.options().grace);
  body->isOver = true;
  over.set_value();
  peer.waitUntilClosed(2 * probe.options().grace);
  if (body->wasReadAfterwards) probe.violated(when, "it was read after the transport had returned");
  if (result) probe.expectError(Errc::timeout, *result, when);
}

}  // namespace ironjar::testing::detail

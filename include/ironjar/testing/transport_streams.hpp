// The rule of a Transport about bodies that are read as they come. Part of checkTransport.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <ironjar/http1.hpp>
#include <ironjar/testing/transport_early.hpp>

namespace ironjar::testing::detail {

// What a peer does only once the transport has given what came before. Thread-safe.
class PeerSteps {
 public:
  explicit PeerSteps(std::chrono::milliseconds patience) : patience_(patience) {}

  void allow(std::size_t step) {
    const std::lock_guard lock(mutex_);
    allowed_ = step + 1;
    changed_.notify_all();
  }
  // Goes on without leave when that does not come.
  void wait(std::size_t step) {
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, patience_, [&] { return allowed_ > step; })) return;
    if (!unallowed_) unallowed_ = step;
  }
  // The first step that was taken without leave.
  [[nodiscard]] std::optional<std::size_t> unallowed() const {
    const std::lock_guard lock(mutex_);
    return unallowed_;
  }

 private:
  const std::chrono::milliseconds patience_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t allowed_ = 0;
  std::optional<std::size_t> unallowed_;
};

// A response's body as it is read; the reader goes with it.
class BodyProbe {
 public:
  BodyProbe(TransportProbe& probe, std::string when, const Response& response)
      : probe_(probe), when_(std::move(when)), reader_(response.bodyReader) {}

  [[nodiscard]] Result<std::string> next() {
    try {
      if (reader_) return reader_();
    } catch (...) {
      return fail(Errc::malformed, "it threw");
    }
    return std::string();
  }
  // Whether these are the bytes that come next, in as many pieces as may be.
  bool expect(std::string_view bytes) {
    std::string got;
    while (got.size() < bytes.size()) {
      const Result<std::string> piece = next();
      if (!piece || piece->empty()) return violated("the reader gave " + describe(piece) + " in place of a piece");
      got += *piece;
    }
    return got == bytes || violated("the reader gave other bytes than were sent");
  }
  void expectPiece() {
    const Result<std::string> piece = next();
    if (!piece || piece->empty()) violated("the reader gave " + describe(piece) + " in place of a piece");
  }
  void expectEnd() {
    for (const char* again : {"", ", asked again"}) {
      const Result<std::string> piece = next();
      if (piece && piece->empty()) continue;
      violated("the reader gave " + describe(piece) + " in place of the end" + again);
      return;
    }
  }
  // From `least` up to `bytes`, which begin with it, then Errc::transport for good.
  void expectCut(std::string_view least, std::string_view bytes) {
    std::string got;
    Result<std::string> piece = next();
    for (; piece && !piece->empty(); piece = next()) got += *piece;
    if (!got.starts_with(least) || !bytes.starts_with(got)) {
      violated("the reader gave " + std::to_string(got.size()) + " other bytes before " + describe(piece));
    }
    for (const char* again : {"", ", asked again"}) {
      if (piece || piece.error().code != Errc::transport) {
        violated("the reader gave " + describe(piece) + " in place of Errc::transport" + again);
        return;
      }
      piece = next();
    }
  }

 private:
  static std::string describe(const Result<std::string>& piece) {
    if (!piece) return "Errc::" + std::string(nameOf(piece.error().code));
    return piece->empty() ? "its end" : std::to_string(piece->size()) + " bytes";
  }
  bool violated(const std::string& seen) {
    probe_.violated(when_, seen);
    return false;
  }

  TransportProbe& probe_;
  const std::string when_;
  const BodyReader reader_;
};

inline const std::string chunkedHead = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

// Whole bodies, by a transport that streams or not. Returns whether it does.
inline bool checkStreamedWhole(TransportProbe& probe) {
  struct Case {
    std::string when;
    std::string bytes;
    std::string body;
    std::string method = "GET";
    bool hangsUp = false;
  };
  const std::string ok = answerWith("ok");
  const std::vector<Case> cases = {
      {"a streamed body", ok, "ok"},
      {"a streamed body in chunks", chunkedHead + "1\r\no\r\n1;x=y\r\nk\r\n0\r\nX-Trailer: 1\r\n\r\n", "ok"},
      {"a streamed body up to the end of the connection", "HTTP/1.1 200 OK\r\n\r\nok", "ok", "GET", true},
      {"a streamed body of no bytes", answerWith(""), ""},
      {"a streamed body of no chunks", chunkedHead + "0\r\n\r\n", ""},
      {"a streamed answer to HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "", "HEAD"},
      {"204, streamed", "HTTP/1.1 204 No Content\r\n\r\n", "", "POST"},
      {"304, streamed", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", ""},
  };
  bool streams = false;
  for (const Case& one : cases) {
    const Peer peer = one.hangsUp ? probe.once(one.bytes) : probe.always(one.bytes);
    for (const std::string& when : {one.when, one.when + ", in its group again"}) {
      Request request{.method = one.method, .url = probe.urlOf(peer.port())};
      request.streamsResponse = true;
      request.connectionGroup = "ada";
      const auto response = probe.answered(request, when);
      if (!response) continue;
      if (response->asyncBodyReader) probe.violated(when, "it has the reader of an asynchronous transport");
      if (response->bodyReader && !response->body.empty()) probe.violated(when, "it has a body and a reader");
      streams = streams || response->bodyReader;
      BodyProbe body(probe, when, *response);
      if (!response->bodyReader) {
        if (response->body != one.body) probe.violated(when, "has another body than was sent");
      } else if (body.expect(one.body)) {
        body.expectEnd();
      }
    }
  }
  return streams;
}

// The head, and each piece, before the peer has sent what comes next.
inline void checkPieces(TransportProbe& probe) {
  struct Case {
    std::string when;
    std::string head;
    bool isChunked;
    bool endsByItself;
  };
  const std::vector<std::string> pieces = {"one", "two and more", "three"};
  const std::vector<Case> cases = {
      {"a body in pieces", "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n", false, true},
      {"a body in chunks", chunkedHead, true, false},
      {"a body up to the end of the connection", "HTTP/1.1 200 OK\r\n\r\n", false, false},
  };
  for (const Case& one : cases) {
    PeerSteps steps(probe.patience());
    const Peer peer = probe.peer([&](Peer::Connection& connection) {
      if (!connection.readRequest()) return;
      connection.put(one.head);
      for (std::size_t i = 0; i < pieces.size(); ++i) {
        steps.wait(i);
        connection.put(one.isChunked ? chunkOf(pieces[i]) : pieces[i]);
      }
      steps.wait(pieces.size());
      if (one.isChunked) connection.put(chunkOf(""));
    });
    Request request{.url = probe.urlOf(peer.port())};
    request.streamsResponse = true;
    const auto response = probe.answered(request, one.when);
    if (!response) continue;
    BodyProbe body(probe, one.when, *response);
    bool isRight = true;
    for (std::size_t i = 0; isRight && i < pieces.size(); ++i) {
      steps.allow(i);
      isRight = body.expect(pieces[i]);
    }
    if (!one.endsByItself) steps.allow(pieces.size());
    if (isRight) body.expectEnd();
    steps.allow(pieces.size());
    const auto early = steps.unallowed();
    if (early) {
      probe.violated(one.when, *early == 0 ? "the response was not given when its head was there"
                                           : "a piece, or the end, was not given before the peer went on");
    }
  }
}

// A body that the peer does not send to its end is never one that has ended.
inline void checkCutBodies(TransportProbe& probe) {
  struct Case {
    std::string when;
    std::string head;
    std::string piece;  // as it is sent, with `one` in it
    std::string rest;
    std::string body;
  };
  const std::string length = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";
  const std::vector<Case> cases = {
      {"a body that is shorter than its length", length, "one", "", "one"},
      {"chunks without the last one", chunkedHead, "3\r\none\r\n", "", "one"},
      {"a chunk that is cut", chunkedHead, "3\r\none\r\n", "5\r\ntw", "onetw"},
      {"a chunk without a size", chunkedHead, "3\r\none\r\n", "no\r\ntwo\r\n0\r\n\r\n", "one"},
      {"a chunk that is longer than its size", chunkedHead, "3\r\none\r\n", "3\r\ntwo!\r\n0\r\n\r\n", "onetwo"},
  };
  for (const Case& one : cases) {
    for (const bool waits : {true, false}) {
      PeerSteps steps(probe.patience());
      const Peer peer = probe.peer([&](Peer::Connection& connection) {
        if (!connection.readRequest()) return;
        connection.put(one.head);
        steps.wait(0);
        if (!waits) return static_cast<void>(connection.put(one.piece + one.rest));
        connection.put(one.piece);
        steps.wait(1);
        connection.put(one.rest);
      });
      const std::string when = one.when + (waits ? "" : ", all at once");
      Request request{.url = probe.urlOf(peer.port())};
      request.streamsResponse = true;
      const auto response = probe.answered(request, when);
      if (!response) continue;
      BodyProbe body(probe, when, *response);
      steps.allow(0);
      if (!waits) {
        body.expectCut("one", one.body);
      } else if (body.expect("one")) {
        steps.allow(1);
        body.expectCut("", std::string_view(one.body).substr(3));
      }
      steps.allow(1);
    }
  }
}

// The peer waits while nobody reads, and is left when nobody can read.
inline void checkHeldUp(TransportProbe& probe, const std::string& when, EndlessPeer& peer, Response response) {
  {
    BodyProbe body(probe, when, response);  // has a copy of the reader
    response = {};
    if (!peer.isHeldUp()) {
      probe.violated(when, "it took " + std::to_string(probe.options().largest) + " bytes that nobody had asked for");
    } else if (!peer.isSilent()) {
      body.expectPiece();
    }
  }
  peer.readOn();
  if (!peer.waitUntilClosed(probe.options().grace)) {
    probe.violated(when, "the connection was not closed when the reader had gone");
  }
}

inline void checkUnread(TransportProbe& probe) {
  struct Case {
    std::string when;
    std::string begin;
    std::string step;
  };
  const std::vector<Case> cases = {
      {"chunks that nobody reads", chunkedHead, "8\r\nxxxxxxxx\r\n"},
      {"a body that nobody reads", "HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n", "xxxxxxxx"},
      {"a body that does not come", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", ""},
  };
  for (const Case& one : cases) {
    EndlessPeer peer(probe, one.begin, one.step, EndlessPeer::Answers::requests);
    Request request{.url = probe.urlOf(peer.port())};
    request.streamsResponse = true;
    if (auto response = probe.answered(request, one.when)) checkHeldUp(probe, one.when, peer, *std::move(response));
  }
}

// A connection whose body was let go before its end is not used again.
inline void checkLetGo(TransportProbe& probe) {
  const std::string when = "a body that is let go before its end";
  std::atomic<bool> isFirst = true;
  const Peer peer = probe.peer([&](Peer::Connection& connection) {
    while (connection.readRequest()) {
      if (!isFirst.exchange(false)) {
        connection.put(answerWith("ok"));
        continue;
      }
      connection.put("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx");
      connection.waitForHangUp(2 * probe.patience());
    }
  });
  Request request{.url = probe.urlOf(peer.port()), .connectionGroup = "ada"};
  request.streamsResponse = true;
  if (const auto response = probe.answered(request, when)) {
    static_cast<void>(BodyProbe(probe, when, *response).expect("x"));
  }
  if (!peer.waitUntilClosed(probe.options().grace)) probe.violated(when, "its connection was not closed");
  const auto next = probe.answered(request, "the request after " + when);
  if (next && BodyProbe(probe, "the request after " + when, *next).expect("ok") &&
      peer.seen().front().connection == peer.seen().back().connection) {
    probe.violated(when, "its connection was used again");
  }
}

// A server that refuses a body which it does not read, by a response that does not end.
inline void checkStreamedRefusals(TransportProbe& probe) {
  for (const EndlessRefusal& one : endlessRefusals) {
    for (const bool inMemory : {false, true}) {
      const std::string when = std::string(one.when) + ", streamed, of a body in " + (inMemory ? "memory" : "pieces");
      EndlessPeer peer(probe, one.begin, one.step, EndlessPeer::Answers::connections);
      Request request = longUpload(probe.urlOf(peer.port()), inMemory);
      request.streamsResponse = true;
      auto response = probe.answered(request, when);
      if (!response) continue;
      if (response->status != 413) probe.violated(when, "has become status " + std::to_string(response->status));
      checkHeldUp(probe, when, peer, *std::move(response));
    }
  }
}

// The head must be there by the deadline; its body may come later.
class BodyBehindDeadline {
 public:
  explicit BodyBehindDeadline(TransportProbe& probe)
      : time_(probe.options().grace),
        steps_(TransportProbe::enough),
        peer_(probe.peer([this](Peer::Connection& connection) {
          if (!connection.readRequest() || !connection.put("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")) return;
          steps_.wait(0);
          connection.put("ok");
        })) {
    Request request{.url = probe.urlOf(peer_.port())};
    request.streamsResponse = true;
    const auto response = probe.call(request, when_, time_);
    if (response && *response) body_.emplace(probe, when_, **response);
    if (response && !*response) probe.violated(when_, "an error in place of a response");
  }
  void check() {
    std::this_thread::sleep_until(begin_ + time_ + 50ms);
    steps_.allow(0);
    if (body_ && body_->expect("ok")) body_->expectEnd();
  }

 private:
  const char* const when_ = "a body that comes behind the deadline";
  const std::chrono::milliseconds time_;
  const Deadline begin_ = std::chrono::steady_clock::now();
  PeerSteps steps_;
  const Peer peer_;
  std::optional<BodyProbe> body_;
};

inline void checkStreams(TransportProbe& probe) {
  if (!checkStreamedWhole(probe)) return;
  BodyBehindDeadline behind(probe);
  checkPieces(probe);
  checkCutBodies(probe);
  checkUnread(probe);
  checkLetGo(probe);
  checkStreamedRefusals(probe);
  behind.check();
}

}  // namespace ironjar::testing::detail

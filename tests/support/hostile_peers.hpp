// What a hostile or a broken peer can do to a transport over sockets, TCP and TLS: Sockets::make(options) makes one.
#pragma once

#include "raw_server.hpp"
#include "support.hpp"

#include <atomic>
#include <future>
#include <sys/ioctl.h>

#include <ironjar/http.hpp>
#include <ironjar/testing/transport_deadlines.hpp>

namespace support::hostile {

using namespace ironjar;
using namespace std::chrono_literals;

inline Deadline in(std::chrono::milliseconds time) { return std::chrono::steady_clock::now() + time; }

template <class Condition>
bool within(std::chrono::milliseconds limit, Condition condition) {
  const Deadline deadline = in(limit);
  while (!condition() && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(1ms);
  return condition();
}

inline std::string answer(const std::string& body, const std::string& fields = "") {
  return "HTTP/1.1 200 OK\r\n" + fields + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}
inline const std::string ok = answer("ok");

// The first request is answered with `first`, all others with "ok", on every connection anew.
inline std::function<void(Peer&)> firstly(std::vector<std::string> writes, std::atomic<int>* answered = nullptr) {
  return [writes = std::move(writes), answered](Peer& peer) {
    for (bool first = true; !peer.readRequest().empty(); first = false) {
      for (const std::string& piece : first ? writes : std::vector<std::string>{ok}) peer.put(piece);
      if (answered) ++*answered;
    }
  };
}

inline Request request(const RawServer& server, const std::string& group) {
  return {.url = server.origin() + "/", .connectionGroup = group};
}

template <class Sockets>
void leavings() {
  const Certificate certificate;
  const std::string evil = answer("EVIL");
  const std::vector<std::vector<std::string>> leavings = {
      {ok + evil},  // in one record
      {ok, evil},   // in two
      {ok + "x"},
      {answer("ok", "Connection: close\r\n") + evil},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n" + evil},
      {"HTTP/1.1 304 Not Modified\r\n\r\n" + evil},
      {"HTTP/1.1 204 No Content\r\n\r\n", evil}};
  for (const Certificate* tls : {static_cast<const Certificate*>(nullptr), &certificate}) {
    for (const auto& writes : leavings) {
      for (const bool share : {false, true}) {
        std::atomic<int> answered = 0;
        const RawServer server(firstly(writes, &answered), tls);
        const Transport transport = Sockets::make({.shareAmongGroups = share, .caCertFile = certificate.file.string()});
        REQUIRE(transport(request(server, "ada"), in(5s)));
        REQUIRE(within(5s, [&] { return answered > 0; }));
        std::this_thread::sleep_for(5ms);  // what sharing asks for: that the leavings have come
        const auto bobs = transport(request(server, share ? "bob" : "ada"), in(5s));
        REQUIRE(bobs);
        CHECK(bobs->body != "EVIL");
        CHECK(server.connections() == 2);
      }
    }
  }
}

template <class Sockets>
void lateAnswers() {
  const Certificate certificate;
  for (const Certificate* tls : {static_cast<const Certificate*>(nullptr), &certificate}) {
    // Answers each request once more as soon as the next one is on the way.
    const RawServer server(
        [](Peer& peer) {
          std::string owed;
          for (std::string head; !(head = peer.readRequest()).empty();) {
            const std::string body = head.substr(head.find("X-User: ") + 8, 3);
            if (!owed.empty()) peer.put(owed);
            peer.put(answer(body));
            owed = answer(body);
          }
        },
        tls);
    const Transport transport = Sockets::make({.caCertFile = certificate.file.string()});
    for (int i = 0; i < 20; ++i) {
      for (const std::string user : {"ada", "bob", "eve"}) {
        Request asked = request(server, user);
        asked.headers = {{"X-User", user}};
        const auto response = transport(asked, in(5s));
        if (response) CHECK(response->body == user);
      }
    }
  }
}

template <class Sockets>
void nothingKept() {
  const Transport transport = Sockets::make({.maxBodySize = 10});
  const std::vector<std::pair<std::string, std::optional<Errc>>> answers = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nx", Errc::timeout},
      {"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n", Errc::tooLarge},
      {"nonsense\r\n\r\n", Errc::transport},
      {"HTTP/1.1 103 Hints\r\n\r\n", Errc::timeout},
      {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", std::nullopt}};
  for (const auto& [text, error] : answers) {
    const RawServer server(firstly({text}));
    CHECK(errorOf(transport(request(server, "ada"), in(error == Errc::timeout ? 1s : 5s))) == error);
    CHECK(within(5s, [&] { return server.open() == 0; }));
  }
  const RawServer server(firstly({ok}));
  REQUIRE(transport(request(server, ""), in(5s)));
  CHECK(within(5s, [&] { return server.open() == 0; }));
}

template <class Sockets>
void spellings() {
  const RawServer server(firstly({ok}));
  const std::string port = ":" + std::to_string(server.port());
  {
    const Transport transport = Sockets::make({.idleTimeout = 60s});
    for (unsigned spelling = 0; spelling < 256; ++spelling) {
      std::string host = "localhost";
      for (unsigned i = 0; i < 8; ++i) host[i] = static_cast<char>((spelling >> i & 1U) != 0 ? host[i] - 32 : host[i]);
      REQUIRE(transport({.url = "http://" + host + port, .connectionGroup = "ada"}, in(5s)));
    }
    CHECK(server.connections() == 1);
  }
  const Transport few = Sockets::make({.maxIdle = 5, .idleTimeout = 60s});
  for (int i = 0; i < 50; ++i) REQUIRE(few(request(server, "user" + std::to_string(i)), in(5s)));
  CHECK(within(5s, [&] { return server.open() <= 5; }));
  const int before = server.connections();
  REQUIRE(few(request(server, "user49"), in(5s)));  // those used last are kept
  CHECK(server.connections() == before);

  const RawServer other(firstly({ok}));
  const Transport shortly = Sockets::make({.idleTimeout = 50ms});
  for (int i = 0; i < 5; ++i) REQUIRE(shortly(request(other, "user" + std::to_string(i)), in(5s)));
  CHECK(within(5s, [&] { return other.open() == 0; }));  // nobody asks meanwhile
}

template <class Sockets>
void groupSize() {
  std::atomic<int> waiting = 0;
  const RawServer server([&](Peer& peer) {
    while (!peer.readRequest().empty()) {
      ++waiting;
      for (const auto end = in(10s); waiting < 8 && std::chrono::steady_clock::now() < end;) {
        std::this_thread::sleep_for(1ms);
      }
      peer.put(ok);
    }
  });
  const Transport transport = Sockets::make({.maxIdlePerGroup = 3, .idleTimeout = 60s});
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] { static_cast<void>(transport(request(server, "ada"), in(20s))); });
  for (std::thread& thread : threads) thread.join();
  CHECK(within(5s, [&] { return server.open() == 3; }));
}

template <class Sockets>
void endlessPeers() {
  const Certificate certificate;
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::vector<std::pair<std::string, std::string>> attacks = {
      {"HTTP/1.1 200 ", "xxxxxxxx"},
      {"HTTP/1.1 200 OK\r\n", "X-Many: 1\r\n"},
      {"HTTP/1.1 200 OK\r\nX-Long: ", "xxxxxxxx"},
      {"", "HTTP/1.1 100 Continue\r\n\r\n"},
      {"", "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"},
      {chunked, "00000000"},
      {chunked + "1;", "xxxxxxxx"},
      {chunked + "0\r\n", "X-Many: 1\r\n"}};
  for (const Certificate* tls : {static_cast<const Certificate*>(nullptr), &certificate}) {
    for (const auto& attack : attacks) {
      const std::string& begin = attack.first;
      CAPTURE(begin);
      std::string block;
      while (block.size() < 10'000) block += attack.second;
      std::atomic<std::size_t> sent = 0;
      const RawServer server(
          [&](Peer& peer) {
            static_cast<void>(peer.readRequest());
            peer.put(begin);
            while (peer.put(block)) sent += block.size();
          },
          tls);
      const Transport transport = Sockets::make({.caCertFile = certificate.file.string()});
      CHECK(errorOf(transport(request(server, "ada"), in(20s))) == Errc::transport);
      CHECK(sent < 16 * 1024 * 1024);  // most of it in the buffers of two sockets
    }
  }
}

// Until a peer has sent all that two sockets hold.
inline void waitUntilFull(int socket) {
  int held = 0;
  int before = -1;
  for (const auto end = in(8s); (held != before || held == 0) && std::chrono::steady_clock::now() < end;) {
    before = held;
    std::this_thread::sleep_for(200ms);
    if (::ioctl(socket, FIONREAD, &held) != 0) return;
  }
}

// A TLS record that comes in two parts while the request cannot be written on.
template <class Sockets>
void earlyAnswerInParts() {
  const Certificate certificate;
  const std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  SSL_CTX_use_certificate(context.get(), certificate.x509.get());
  SSL_CTX_use_PrivateKey(context.get(), certificate.key.get());
  const Transport transport = Sockets::make({.caCertFile = certificate.file.string()});
  for (const bool streams : {false, true, false, true}) {  // the socket may take some more by itself
    std::promise<void> answered;
    const RawServer server([&, isAnswered = answered.get_future().share()](Peer& peer) {
      const std::shared_ptr<SSL> ssl(SSL_new(context.get()), SSL_free);
      if (SSL_set_fd(ssl.get(), peer.socket()) != 1 || SSL_accept(ssl.get()) != 1) return;
      waitUntilFull(peer.socket());
      BIO* const out = BIO_new(BIO_s_mem());
      SSL_set0_wbio(ssl.get(), out);
      const std::string text = "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno";
      static_cast<void>(SSL_write(ssl.get(), text.data(), static_cast<int>(text.size())));
      std::string record(BIO_ctrl_pending(out), '\0');
      static_cast<void>(BIO_read(out, record.data(), static_cast<int>(record.size())));
      peer.put(std::string_view(record).substr(0, 20));
      std::this_thread::sleep_for(100ms);  // until that has been read
      peer.put(std::string_view(record).substr(20));
      isAnswered.wait_for(10s);  // and reads nothing until then
      peer.waitForHangUp();
    });
    const std::string url = "https://localhost:" + std::to_string(server.port());
    const Request large{.method = "POST", .url = url, .body = std::string(20'000'000, 'x'), .streamsResponse = streams};
    {
      const auto response = transport(large, in(8s));
      CHECK(errorOf(response) == std::nullopt);
      if (response) CHECK(response->status == 413);
    }
    answered.set_value();
  }
}

template <class Sockets>
void longStatusLine() {
  for (const std::size_t size : {60'000U, 10'000'000U}) {
    const RawServer server(firstly({"HTTP/1.1 200 " + std::string(size, 'a') + "\r\nContent-Length: 2\r\n\r\nok"}));
    const auto response = Sockets::make()(request(server, ""), in(20s));
    CHECK(errorOf(response) == (size > 64 * 1024 ? std::optional(Errc::transport) : std::nullopt));
  }
}

template <class Sockets>
void certainlyNotSent() {
  const Certificate certificate;
  const Transport transport = Sockets::make({.caCertFile = certificate.file.string()});
  const auto errorAt = [&](const std::string& url, std::chrono::milliseconds time) {
    return errorOf(transport({.url = url}, in(time)));
  };
  const RawServer silent([](Peer& peer) { peer.waitForHangUp(); });
  const std::string port = ":" + std::to_string(silent.port());
  CHECK(errorAt("http://127.0.0.1" + port, -1ms) == Errc::unreachable);
  CHECK(errorAt("http://127.0.0.1" + port, 1s) == Errc::timeout);
  CHECK(errorAt("http://" + std::string(64, 'x') + ".invalid", 5s) == Errc::unreachable);
  CHECK(errorAt("http://127.0.0.1:1", 5s) == Errc::unreachable);
  CHECK(errorAt("https://127.0.0.1" + port, 100ms) == Errc::unreachable);  // the handshake hangs
  CHECK(errorAt("https://localhost" + port, 100ms) == Errc::unreachable);
  const RawServer hangsUp([](Peer&) {});
  CHECK(errorAt("https://localhost:" + std::to_string(hangsUp.port()), 5s) == Errc::unreachable);
  const RawServer plain(firstly({ok}));
  CHECK(errorAt("https://localhost:" + std::to_string(plain.port()), 200ms) == Errc::unreachable);
  const RawServer tls(firstly({ok}), &certificate);
  CHECK(errorAt("https://127.0.0.1:" + std::to_string(tls.port()), 5s) == Errc::unreachable);  // another's name
  CHECK(errorOf(Sockets::make()({.url = tls.origin()}, in(5s))) == Errc::unreachable);         // unknown authority
  CHECK(errorOf(Sockets::make({.caCertFile = "/nowhere"})({.url = tls.origin()}, in(5s))) == Errc::unreachable);
  CHECK(transport({.url = tls.origin()}, in(5s))->body == "ok");
}

template <class Sockets>
void silentAddress() {
  const ironjar::testing::detail::DeadPort port;
  const auto begin = std::chrono::steady_clock::now();
  const Request asked{.url = "http://127.0.0.1:" + std::to_string(port.port())};
  CHECK(errorOf(Sockets::make({.connectTimeout = 50ms})(asked, in(10s))) == Errc::unreachable);
  CHECK(std::chrono::steady_clock::now() - begin < 5s);
}

template <class Sockets>
void afterTheFirstByte() {
  const RawServer hangsUp([](Peer& peer) { static_cast<void>(peer.readRequest()); });
  CHECK(errorOf(Sockets::make()(request(hangsUp, "ada"), in(5s))) == Errc::transport);
  std::atomic<bool> over = false;
  const RawServer deaf([&](Peer&) {
    while (!over) std::this_thread::sleep_for(1ms);
  });
  const Request large{.method = "POST", .url = deaf.origin(), .body = std::string(20'000'000, 'x')};
  CHECK(errorOf(Sockets::make()(large, in(1s))) == Errc::timeout);
  over = true;
}

}  // namespace support::hostile

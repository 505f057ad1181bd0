// WebSockets at a Beast site whose proxy asks an API over sockets, and the bytes on either side.
#pragma once

#include "asio.hpp"
#include "beast_site.hpp"
#include "raw_server.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <ironjar/asio.hpp>
#include <openssl/evp.h>
#include <openssl/sha.h>

namespace support {

using namespace ironjar;

inline const SessionJar jar({.cookieName = "sid", .passwords = password});
inline constexpr std::chrono::seconds patience{10};

inline std::string fieldIn(const std::string& head, const std::string& name) {
  const std::size_t at = head.find("\r\n" + name + ": ");
  if (at == std::string::npos) return {};
  const std::size_t begin = at + name.size() + 4;
  return head.substr(begin, head.find("\r\n", begin) - begin);
}

// RFC 6455 section 4.2.2.
inline std::string acceptFor(const std::string& head) {
  const std::string text = fieldIn(head, "Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  unsigned char hash[SHA_DIGEST_LENGTH];
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), hash);
  std::string accept(28, '\0');
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(accept.data()), hash, sizeof hash);
  return accept;
}
inline std::string grantOf(const std::string& head, const std::string& rest = {}) {
  return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
         acceptFor(head) + "\r\n\r\n" + rest;
}
inline void echo(Peer& peer, const std::string& head) {
  peer.put(grantOf(head, head.substr(head.find("\r\n\r\n") + 4)));
  for (std::string bytes = peer.get(); !bytes.empty(); bytes = peer.get()) peer.put(bytes);
}

// A site whose /api is an API's that takes its provider's tokens and then does as told with the connection.
class WebSocketWorld {
 public:
  using Behaviour = std::function<void(Peer&, const std::string& head)>;

  explicit WebSocketWorld(Behaviour behaviour = echo, WebSocketOptions webSockets = {},
                          const Certificate* certificate = nullptr)
      : behaviour_(std::move(behaviour)), api_([this](Peer& peer) { serve(peer); }, certificate) {
    const TransportOptions trusting{.caCertFile = certificate != nullptr ? certificate->file.string() : ""};
    FetchOptions options = fetchOptions(upstream);
    options.allowedOrigins = {api_.origin()};
    options.allowHttpOnLoopback = true;
    options.asyncTransport = [sockets = asioTransport(loop_.executor(), trusting), api = api_.origin(),
                              others = onThreads(upstream.transport(), 1)](const Request& request, Deadline deadline,
                                                                           std::stop_token stop, ResponseHandler done) {
      const auto& transport = request.url.starts_with(api) ? sockets : others;
      transport(request, deadline, std::move(stop), std::move(done));
    };
    fetcher.emplace(std::move(options));
    proxy_.emplace("/api", jar, *fetcher, api_.origin(), ProxyOptions{.webSockets = webSockets});
    site.emplace([this](BeastRequest& request) -> boost::asio::awaitable<BeastAnswer> {
      if (proxy_->matches(request)) co_return co_await proxy_->answer(request);
      co_return Response{.status = 404};
    });
  }

  void signIn(std::optional<TimePoint> end = {}) {
    Session session;
    TokenSet tokens = upstream.provider.login();
    if (end) tokens.expiresAt = *end;
    session.setTokens(tokens);
    const std::string line = jar.commit(session)->front();
    cookie = line.substr(0, line.find(';'));
  }
  [[nodiscard]] std::string handshake(const std::string& origin = "Origin: http://localhost\r\n",
                                      const std::string& more = {}) const {
    const std::string own = cookie.empty() ? "" : "Cookie: " + cookie + "\r\n";
    return BeastSite::text("GET", "/api/feed",
                           own + "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
                               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + origin + more);
  }
  // The head of the answer, and what came with it.
  static std::string headOf(const RawClient& client) {
    std::string all;
    while (all.find("\r\n\r\n") == std::string::npos) {
      const std::string more = client.receiveSome(patience);
      if (more.empty()) break;
      all += more;
    }
    return all;
  }
  static std::string receive(const RawClient& client, std::size_t size) {
    std::string all;
    while (all.size() < size) {
      const std::string more = client.receiveSome(patience);
      if (more.empty()) break;
      all += more;
    }
    return all;
  }
  // Opens one.
  std::unique_ptr<RawClient> open(const std::string& more = {}) {
    auto client = std::make_unique<RawClient>(site->port());
    client->send(handshake() + more);
    const std::string head = headOf(*client);
    REQUIRE(head.starts_with("HTTP/1.1 101 "));
    return client;
  }
  [[nodiscard]] std::vector<std::string> heads() const {
    const std::lock_guard lock(mutex_);
    return heads_;
  }
  // Whether the API's connections end, too.
  [[nodiscard]] bool isQuiet() const {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (api_.open() > 0 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    return api_.open() == 0;
  }
  void stopLoop() { loop_.stop(); }

  Upstream upstream;
  std::string cookie;
  std::optional<Fetcher> fetcher;

 private:
  void serve(Peer& peer) {
    const std::string head = peer.readRequest();
    {
      const std::lock_guard lock(mutex_);
      heads_.push_back(head);
    }
    const std::string token = fieldIn(head, "Authorization");
    if (!token.starts_with("Bearer ") || !upstream.provider.userOf(token.substr(7))) {
      peer.put("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    behaviour_(peer, head);
  }

  const Behaviour behaviour_;
  mutable std::mutex mutex_;
  std::vector<std::string> heads_;
  RawServer api_;  // goes after those that connect to it
  Loop loop_;
  std::optional<BeastProxy> proxy_;

 public:
  std::optional<BeastSite> site;
};

}  // namespace support

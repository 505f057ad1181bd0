// A Beast server on a thread of its own, and a client that speaks to it.
#pragma once

#include "raw.hpp"
#include "support.hpp"
#include "upstream.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <ironjar/beast.hpp>
#include <ironjar/http1.hpp>

namespace support {

class BeastSite {
 public:
  using Handler = std::function<boost::asio::awaitable<ironjar::BeastAnswer>(ironjar::BeastRequest&)>;

  explicit BeastSite(Handler handler, ironjar::BeastOptions options = {})
      : acceptor_(io, {boost::asio::ip::address_v4::loopback(), 0}) {
    boost::asio::co_spawn(io, ironjar::listenBeast(acceptor_, std::move(handler), std::move(options)),
                          boost::asio::detached);
    thread_ = std::thread([this] { io.run(); });
  }
  BeastSite(const BeastSite&) = delete;
  BeastSite& operator=(const BeastSite&) = delete;
  ~BeastSite() {
    io.stop();
    thread_.join();
  }

  [[nodiscard]] int port() const { return acceptor_.local_endpoint().port(); }

  // On a connection of its own, with these cookies.
  ironjar::Response send(std::string_view method, std::string_view target, std::string_view fields = {},
                         std::string_view body = {}) {
    const RawClient client(port());
    client.send(text(method, target, fields, body));
    return read(client, method);
  }
  // As a browser would: the cookies that are set are sent from then on.
  ironjar::Response visit(std::string_view method, std::string_view target, std::string_view fields = {},
                          std::string_view body = {}) {
    const std::string own = cookie.empty() ? std::string(fields) : "Cookie: " + cookie + "\r\n" + std::string(fields);
    ironjar::Response response = send(method, target, own, body);
    if (const auto set = ironjar::findHeader(response.headers, "Set-Cookie")) {
      cookie = set->substr(0, set->find(';'));
      if (cookie.ends_with('=')) cookie.clear();
    }
    return response;
  }

  static std::string text(std::string_view method, std::string_view target, std::string_view fields = {},
                          std::string_view body = {}) {
    std::string out = std::string(method) + " " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n";
    out.append(fields);
    if (!body.empty() || method == "POST") out += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    return out.append("\r\n").append(body);
  }
  // One response; status 0 when none comes.
  static ironjar::Response read(const RawClient& client, std::string_view method = "GET") {
    ironjar::ResponseReader reader(method, {.maxBodySize = std::size_t{64} << 20U});
    while (!reader.complete()) {
      const std::string more = client.receiveSome(std::chrono::seconds{10});
      if (more.empty()) {
        if (reader.end()) return {};
        break;
      }
      if (reader.read(more)) return {};
    }
    return reader.take();
  }

  boost::asio::io_context io{1};
  std::string cookie;

 private:
  boost::asio::ip::tcp::acceptor acceptor_;
  std::thread thread_;
};

// FetchOptions of an upstream in this process, asked without blocking: it answers on threads of its own.
inline ironjar::FetchOptions asyncFetchOptions(Upstream& upstream) {
  ironjar::FetchOptions options = fetchOptions(upstream);
  options.asyncTransport = ironjar::onThreads(upstream.transport(), 2);
  return options;
}

}  // namespace support

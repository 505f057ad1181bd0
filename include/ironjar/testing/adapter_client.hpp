// A browser of few lines, which sends what it is told, byte for byte. Part of checkAdapter.
#pragma once

#include <arpa/inet.h>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <map>
#include <netinet/in.h>
#include <poll.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <vector>

#include <ironjar/cookie.hpp>
#include <ironjar/http1.hpp>

namespace ironjar::testing::detail {

// A connection to a port of this machine.
class AdapterClient {
 public:
  explicit AdapterClient(int port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval patience{.tv_sec = 20, .tv_usec = 0};
    static_cast<void>(::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience));
    isOpen_ = ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  AdapterClient(const AdapterClient&) = delete;
  AdapterClient& operator=(const AdapterClient&) = delete;
  ~AdapterClient() { ::close(socket_); }

  void send(std::string_view bytes) {
    while (isOpen_ && !bytes.empty()) {
      const ssize_t size = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      isOpen_ = size > 0;
      bytes.remove_prefix(isOpen_ ? static_cast<std::size_t>(size) : 0);
    }
  }
  void sendNoMore() { static_cast<void>(::shutdown(socket_, SHUT_WR)); }

  // What comes next; empty at the end, or when nothing comes in that time.
  std::string receive(std::chrono::milliseconds patience) {
    pollfd watched{.fd = socket_, .events = POLLIN, .revents = 0};
    int ready = 0;
    while ((ready = ::poll(&watched, 1, static_cast<int>(patience.count()))) < 0 && errno == EINTR) continue;
    if (ready <= 0) return {};
    std::string bytes(64 * 1024, '\0');
    const ssize_t size = ::recv(socket_, bytes.data(), bytes.size(), 0);
    hasEnded_ = size <= 0;
    bytes.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return bytes;
  }
  // Everything, up to the end, to a silence, or to 1 MiB.
  std::string receiveAll(std::chrono::milliseconds patience) {
    std::string all;
    for (std::string more = receive(patience); !more.empty() && all.size() < 1024 * 1024; more = receive(patience)) {
      all += more;
    }
    return all;
  }
  // Whether the server was seen to have closed the connection.
  [[nodiscard]] bool hasEnded() const { return hasEnded_; }
  // The next response; status 0 when none comes, or one that is none.
  Response response(std::string_view method) {
    ResponseReader reader(method, {.maxBodySize = std::size_t{64} << 20U});
    while (!reader.complete()) {
      const std::string more = receive(std::chrono::seconds{20});
      const auto problem = more.empty() ? reader.end() : reader.read(more);
      if (problem) return {};
      if (more.empty()) break;
    }
    return reader.take();
  }

 private:
  int socket_;
  bool isOpen_ = false;
  bool hasEnded_ = false;
};

// Keeps cookies by their names, as a browser does for one host.
class AdapterVisitor {
 public:
  explicit AdapterVisitor(int port) : port_(port) {}

  // On a connection of its own. `fields` are lines that end with CRLF.
  Response visit(const std::string& method, std::string_view target, std::string_view fields = {},
                 std::string_view body = {}) {
    std::string lines(fields);
    const std::string cookies = header();
    if (!cookies.empty()) lines += "Cookie: " + cookies + "\r\n";
    Response response = send(method, target, lines, body);
    for (const auto& [name, value] : response.headers) {
      const auto cookie = isSetCookie(name) ? parseSetCookie(value) : fail(Errc::malformed);
      if (!cookie) continue;
      cookies_[cookie->name] = cookie->value;
      if (cookie->options.maxAge <= std::chrono::seconds{0} && cookie->options.maxAge) cookies_.erase(cookie->name);
    }
    return response;
  }
  Response get(std::string_view target) { return visit("GET", target); }
  // From a page of the site itself.
  Response post(std::string_view target, std::string_view body = {}) {
    return visit("POST", target, "Sec-Fetch-Site: same-origin\r\n", body);
  }
  // Without cookies of its own, and keeping none.
  Response send(const std::string& method, std::string_view target, std::string_view fields,
                std::string_view body = {}) {
    AdapterClient client(port_);
    client.send(text(method, target, fields, body));
    return client.response(method);
  }

  static std::string text(const std::string& method, std::string_view target, std::string_view fields = {},
                          std::string_view body = {}) {
    std::string out = method + " " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n" + std::string(fields);
    if (!body.empty() || method == "POST") out += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    return out.append("\r\n").append(body);
  }
  static bool isSetCookie(std::string_view name) {
    return findHeader({{std::string(name), ""}}, "Set-Cookie").has_value();
  }

  [[nodiscard]] std::string header() const {
    std::vector<CookiePair> pairs;
    for (const auto& [name, value] : cookies_) pairs.push_back({name, value});
    return joinCookies(pairs);
  }
  [[nodiscard]] bool hasCookies() const { return !cookies_.empty(); }

 private:
  int port_;
  std::map<std::string, std::string> cookies_;
};

}  // namespace ironjar::testing::detail

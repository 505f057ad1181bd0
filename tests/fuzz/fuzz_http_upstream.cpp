// Raw bytes as a server's answer to the transport: it ends by its deadline, within its memory, with a response that is
// safe to pass on or a typed error. The peer is a thread on a loopback socket; 0x1e in the input is a flush.
#include "listener.hpp"

#include <ironjar/httplib/transport.hpp>

using namespace ironjar;

namespace {

constexpr std::size_t maxBody = 64 * 1024;

// Answers each connection with the input of the moment, and hangs up.
class Peer {
 public:
  explicit Peer(std::string answer) : answer_(std::move(answer)) {}
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(listener_.port()) + "/"; }

 private:
  void serve(int connection) const {
    char buffer[4096];
    std::string request;
    while (request.find("\r\n\r\n") == std::string::npos) {
      const ssize_t got = ::recv(connection, buffer, sizeof buffer, 0);
      if (got <= 0) break;
      request.append(buffer, static_cast<std::size_t>(got));
    }
    for (std::size_t begin = 0; begin < answer_.size();) {
      const std::size_t end = std::min(answer_.find('\x1e', begin), answer_.size());
      if (::send(connection, answer_.data() + begin, end - begin, MSG_NOSIGNAL) < 0) break;
      begin = end + 1;
    }
    ::shutdown(connection, SHUT_WR);
    while (::recv(connection, buffer, sizeof buffer, 0) > 0) continue;
  }

  std::string answer_;
  fuzz::Listener listener_{[this](int connection) { serve(connection); }};
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace std::chrono_literals;
  static const Transport transport = httplibTransport({.maxBodySize = maxBody});
  fuzz::Input input(data, size);
  const bool head = input.byte() == 'H';
  const Peer peer(std::string(input.rest()));
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  const Result<Response> got =
      transport({.method = head ? "HEAD" : "GET", .url = peer.url(), .freshConnection = true}, deadline);
  fuzz::require(std::chrono::steady_clock::now() < deadline + 5s, "it ends by its deadline");
  if (!got) {
    fuzz::requireError(got, {Errc::transport, Errc::timeout, Errc::tooLarge});
    return 0;
  }
  fuzz::require(got->status >= 200 && got->status <= 999, "a final status");
  fuzz::require(got->body.size() <= maxBody, "a body within its limit");
  for (const auto& [name, value] : got->headers) {
    fuzz::require(std::none_of(value.begin(), value.end(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; }),
                  "no field that would split what it is passed on in");
    fuzz::require(std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < '\x7f' && c != ':'; }),
                  "nor a name");
  }
  return 0;
}

// What the tests of the transports on libcurl share.
#pragma once

#include "support/raw_server.hpp"
#include "support/support.hpp"

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <functional>
#include <future>
#include <string>
#include <utility>
#include <vector>

#include <ironjar/curl.hpp>
#include <ironjar/testing/check_transport.hpp>

namespace support {

using namespace std::chrono_literals;

// The servers write, by OpenSSL, to sockets that the other side may have closed.
inline const auto brokenPipesBefore = std::signal(SIGPIPE, SIG_IGN);

inline ironjar::Deadline in(std::chrono::milliseconds time) { return std::chrono::steady_clock::now() + time; }

// Both, as one that blocks. A server's end waits for those who keep a connection to it: not for long, unless it is
// said.
inline std::vector<std::pair<std::string, ironjar::Transport>> curlTransports(ironjar::TransportOptions options = {}) {
  if (options.idleTimeout == ironjar::TransportOptions().idleTimeout) options.idleTimeout = 300ms;
  return {{"blocking", ironjar::curlTransport(options)},
          {"asynchronous", ironjar::blocking(ironjar::asyncCurlTransport(options))}};
}

// Whom an asynchronous transport answers.
class Asked {
 public:
  [[nodiscard]] ironjar::ResponseHandler done() {
    return [this](ironjar::Result<ironjar::Response> result) {
      if (calls_++ == 0) promise_.set_value(std::move(result));
    };
  }
  [[nodiscard]] bool isThere(std::chrono::milliseconds within = 10s) const {
    return future_.wait_for(within) == std::future_status::ready;
  }
  [[nodiscard]] ironjar::Result<ironjar::Response> get() const {
    return isThere() ? future_.get() : ironjar::Result<ironjar::Response>(ironjar::fail(ironjar::Errc::cancelled, "-"));
  }
  [[nodiscard]] int calls() const { return calls_; }

 private:
  std::promise<ironjar::Result<ironjar::Response>> promise_;
  std::shared_future<ironjar::Result<ironjar::Response>> future_ = promise_.get_future();
  std::atomic<int> calls_ = 0;
};

// What has come, in a word.
inline std::string wordOf(const ironjar::Result<ironjar::Response>& response) {
  return response ? std::to_string(response->status) + " " + response->body
                  : std::string(nameOf(response.error().code));
}

// Waits for what another thread brings about.
inline bool eventually(const std::function<bool()>& isSo, std::chrono::milliseconds within = 10s) {
  for (const auto until = in(within); std::chrono::steady_clock::now() < until;) {
    if (isSo()) return true;
    std::this_thread::sleep_for(2ms);
  }
  return isSo();
}

inline std::size_t entriesOf(const char* folder) {
  const std::filesystem::directory_iterator entries(folder);
  return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}
inline std::size_t threads() { return entriesOf("/proc/self/task"); }
inline std::size_t descriptors() { return entriesOf("/proc/self/fd"); }

// The next pieces of a blocking body, up to its end or error.
inline std::string readAll(const ironjar::BodyReader& reader) {
  std::string body;
  while (true) {
    const auto piece = reader();
    if (!piece) return body + "|" + std::string(nameOf(piece.error().code));
    if (piece->empty()) return body;
    body += *piece;
  }
}

}  // namespace support

// A transport of few lines that has one fault: the control of checkTransport. Without one it still reads nothing before
// all is sent.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <ironjar/httplib/transport.hpp>

namespace support {

enum class Fault {
  none,
  takesLeavings,        // reads what came after a response as the next one
  passesContentLength,  // the request's own
  keepsForAnybody,      // connections of all groups are one
  keepsForFresh,        // and a fresh one may be an old one
  takesInterim,         // for the response
  isBoundless
};

class FaultyTransport {
 public:
  [[nodiscard]] static ironjar::Transport make(Fault fault) {
    return
        [transport = std::make_shared<FaultyTransport>(fault)](
            const ironjar::Request& request, ironjar::Deadline deadline) { return transport->send(request, deadline); };
  }
  explicit FaultyTransport(Fault fault) : fault_(fault) {}

  ironjar::Result<ironjar::Response> send(const ironjar::Request& request, ironjar::Deadline deadline) {
    const auto target = ironjar::readTarget(request.url);
    if (!target) return target.error();
    auto head = ironjar::requestHead(request, *target, ironjar::AfterResponse::keepConnection);
    if (!head) return head.error();
    const auto length = ironjar::findHeader(request.headers, "content-length");
    if (length && fault_ == Fault::passesContentLength) {
      head->insert(head->size() - 2, "Content-Length: " + std::string(*length) + "\r\n");
    }
    const auto body = bodyOf(request);
    if (!body) return body.error();
    const std::string key = keyOf(request, *target);
    Kept kept = take(key);
    if (!kept.connection) {
      auto socket = ironjar::detail::connectTo(target->host, target->port, std::chrono::seconds{2}, deadline);
      if (!socket) return socket.error();
      kept.connection = std::make_unique<ironjar::detail::Connection>(*std::move(socket));
    }
    kept.connection->beginRequest();
    if (auto problem = write(*kept.connection, *head + *body, deadline)) return *problem;
    return receive(request, std::move(kept), key, deadline);
  }

 private:
  struct Kept {
    std::unique_ptr<ironjar::detail::Connection> connection;
    std::string left;  // what has come after the last response
  };

  [[nodiscard]] std::string keyOf(const ironjar::Request& request, const ironjar::HttpTarget& target) const {
    if (fault_ == Fault::keepsForAnybody) return request.freshConnection ? "" : target.origin;
    if (request.freshConnection && fault_ != Fault::keepsForFresh) return "";
    return request.connectionGroup.empty() ? "" : target.origin + request.connectionGroup;
  }
  Kept take(const std::string& key) {
    const std::lock_guard lock(mutex_);
    const auto found = kept_.find(key);
    if (found == kept_.end()) return {};
    Kept kept = std::move(found->second);
    kept_.erase(found);
    if (fault_ != Fault::takesLeavings && (!kept.left.empty() || !kept.connection->isQuiet())) return {};
    return kept;
  }

  static std::optional<ironjar::Error> write(ironjar::detail::Connection& peer, std::string_view bytes,
                                             ironjar::Deadline deadline) {
    while (!bytes.empty()) {
      const auto done = peer.writeSome(bytes, deadline);
      if (!done) return done.error();
      if (*done == 0) std::this_thread::sleep_for(std::chrono::milliseconds{1});
      if (std::chrono::steady_clock::now() >= deadline) return ironjar::fail(ironjar::Errc::timeout);
      bytes.remove_prefix(*done);
    }
    return std::nullopt;
  }

  static ironjar::Result<std::string> bodyOf(const ironjar::Request& request) {
    auto body = ironjar::readBody(request);
    if (!body || !request.openBody || body->empty()) {
      return body && request.openBody ? ironjar::Result<std::string>("0\r\n\r\n") : body;
    }
    std::ostringstream chunked;
    chunked << std::hex << body->size() << "\r\n" << *body << "\r\n0\r\n\r\n";
    return chunked.str();
  }

  // Byte for byte, so that what comes after the response is known; that is too slow for one without an end.
  ironjar::Result<ironjar::Response> receive(const ironjar::Request& request, Kept kept, const std::string& key,
                                             ironjar::Deadline deadline) {
    char buffer[16 * 1024];
    ironjar::ResponseLimits limits{.maxBodySize = std::size_t{256} * 1024};
    if (fault_ == Fault::isBoundless) limits = {std::size_t{1} << 40U, std::size_t{1} << 40U};
    const std::size_t step = fault_ == Fault::isBoundless ? sizeof buffer : 1;
    ironjar::ResponseReader reader(request.method, limits);
    std::string bytes = std::exchange(kept.left, {});
    while (true) {
      std::size_t used = 0;
      for (; used < bytes.size() && !reader.complete(); used += step) {
        if (auto problem = reader.read(std::string_view(bytes).substr(used, step))) return *problem;
        if (fault_ == Fault::takesInterim && bytes.substr(0, used + 1).ends_with("100 Continue\r\n\r\n")) {
          return ironjar::Response{.status = 100};
        }
      }
      bytes.erase(0, used);
      if (reader.complete()) break;
      const auto got = kept.connection->read(buffer, sizeof buffer, deadline);
      if (!got) return got.error();
      if (*got == 0) {
        if (auto problem = reader.end()) return *problem;
      }
      bytes.append(buffer, *got);
    }
    kept.left = bytes;
    if (!key.empty() && reader.mayKeep()) {
      const std::lock_guard lock(mutex_);
      kept_.insert_or_assign(key, std::move(kept));
    }
    return reader.take();
  }

  const Fault fault_;
  std::mutex mutex_;
  std::map<std::string, Kept> kept_;
};

}  // namespace support

// A Transport over sockets, for programs that have cpp-httplib: connections kept per login, verified TLS, one deadline
// for everything, limits on heads and bodies.
//
// Example:
//   const ironjar::Transport transport = ironjar::httplibTransport({.maxHeadSize = 16 * 1024});
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <ironjar/http1.hpp>
#include <ironjar/httplib/connection.hpp>

namespace ironjar {

struct HttplibTransportOptions {
  std::chrono::milliseconds connectTimeout{2000};  // for each address of the host; again for the TLS handshake
  std::size_t maxHeadSize = 64 * 1024;             // of a response; for all that frames its body, too
  std::size_t maxBodySize = 8 * 1024 * 1024;       // of a response
  std::size_t maxIdle = 256;                       // kept connections in all; the one idle longest goes first
  std::size_t maxIdlePerGroup = 4;                 // and for one origin and Request::connectionGroup
  std::chrono::milliseconds idleTimeout{4000};     // below the 5 s after which many servers close theirs
  // Keeps connections for whoever comes next, whatever the request's connectionGroup. Saves a handshake per login, and
  // trusts the API with its users: one that answers twice, or answers a request that was given up, gives one user's
  // answer to another. What has come when a connection is taken is noticed; what comes a moment later is not.
  bool shareAmongGroups = false;
  std::string caCertFile = {};  // PEM; empty: the system's authorities
};

namespace detail {

// What the application's code throws is an error of the body's; a transport does not throw.
inline Result<std::string> read(const BodyReader& next) {
  try {
    return next();
  } catch (...) {
    return fail(Errc::malformed, "the body's reader threw an exception");
  }
}
inline BodyReader beginBody(const Request& request) {
  try {
    return request.openBody ? request.openBody() : nullptr;
  } catch (...) {
    return nullptr;
  }
}

// The kept connections. Closes those that have been idle for long enough, whether anybody asks or not.
class IdleConnections {
 public:
  using Pointer = std::unique_ptr<Connection>;

  IdleConnections(std::size_t maxAll, std::size_t maxPerKey, std::chrono::milliseconds timeout)
      : maxAll_(maxAll), maxPerKey_(maxPerKey), timeout_(timeout), sweeper_([this] { sweep(); }) {}
  IdleConnections(const IdleConnections&) = delete;
  IdleConnections& operator=(const IdleConnections&) = delete;
  ~IdleConnections() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_one();
    sweeper_.join();
  }

  // One that nothing has come from since it was kept, or none.
  [[nodiscard]] Pointer take(const std::string& key) {
    while (true) {
      List taken;  // one; closed after the lock is gone if it is of no use
      {
        const std::lock_guard lock(mutex_);
        const auto found = byKey_.find(key);
        if (found == byKey_.end()) return nullptr;
        move(taken, found->second.back());
      }
      Idle& idle = taken.front();
      if (std::chrono::steady_clock::now() < idle.until && idle.connection->isQuiet()) {
        return std::move(idle.connection);
      }
    }
  }

  void give(std::string key, Pointer connection) {
    List given;
    given.push_back({std::move(key), std::move(connection), std::chrono::steady_clock::now() + timeout_});
    List surplus;  // closed after the lock is gone
    const std::lock_guard lock(mutex_);
    std::vector<List::iterator>& ofKey = byKey_[given.front().key];
    ofKey.push_back(given.begin());
    idle_.splice(idle_.end(), given);
    if (ofKey.size() > maxPerKey_) move(surplus, ofKey.front());
    if (idle_.size() > maxAll_) move(surplus, idle_.begin());
    if (idle_.size() == 1) changed_.notify_one();
  }

  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return idle_.size();
  }

 private:
  struct Idle {
    std::string key;
    Pointer connection;
    Deadline until;
  };
  using List = std::list<Idle>;

  // Under the lock.
  void move(List& to, List::iterator which) {
    const auto found = byKey_.find(which->key);
    std::vector<List::iterator>& ofKey = found->second;
    ofKey.erase(std::find(ofKey.begin(), ofKey.end(), which));
    if (ofKey.empty()) byKey_.erase(found);
    to.splice(to.end(), idle_, which);
  }

  void sweep() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      List late;
      while (!idle_.empty() && idle_.front().until <= std::chrono::steady_clock::now()) move(late, idle_.begin());
      if (!late.empty()) {
        lock.unlock();
        late.clear();
        lock.lock();
      } else if (idle_.empty()) {
        changed_.wait(lock);
      } else {
        changed_.wait_until(lock, Deadline(idle_.front().until));
      }
    }
  }

  const std::size_t maxAll_;
  const std::size_t maxPerKey_;
  const std::chrono::milliseconds timeout_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  List idle_;  // the one idle longest is in front
  std::map<std::string, std::vector<List::iterator>> byKey_;
  bool stopping_ = false;
  std::thread sweeper_;
};

// One request and its response. What has come while the request is being sent is read between its pieces, since a
// server may answer before it has read all of it (RFC 9112 section 9.5): with the response complete nothing more is
// sent.
class Exchange {
 public:
  Exchange(Connection& peer, ResponseReader reader, Deadline deadline)
      : peer_(peer), reader_(std::move(reader)), deadline_(deadline) {
    peer_.beginRequest();
  }

  using Problem = std::optional<Error>;
  // The response is complete then.
  [[nodiscard]] Problem send(std::string head, const Request& request, const BodyReader& body) {
    Problem problem = body ? writeChunks(head, body) : writeWhole(std::move(head), request.body);
    hasSentAll_ = !problem && !reader_.complete();
    // A server that closes with a part of the request unread breaks the connection behind its answer, which can be read
    // all the same. OpenSSL wants no more I/O after a write that failed; but its two directions are apart (RFC 8446
    // section 6.1), and there is no other way to what came before.
    if (isBroken_ && !receive()) return std::nullopt;
    return problem ? problem : receive();
  }
  [[nodiscard]] bool mayKeep() const { return hasSentAll_ && reader_.mayKeep(); }
  [[nodiscard]] Response take() { return reader_.take(); }

 private:
  static constexpr std::size_t step = 16 * 1024;

  // One write where it costs little: one packet instead of two.
  Problem writeWhole(std::string head, const std::string& body) {
    const bool together = body.size() <= step;
    if (together) head.append(body);
    auto problem = write(head);
    return problem || together ? problem : write(body);
  }

  // RFC 9112 section 7.1.
  Problem writeChunks(const std::string& head, const BodyReader& next) {
    if (auto problem = write(head)) return problem;
    while (!reader_.complete()) {
      const Result<std::string> piece = detail::read(next);
      if (!piece) return piece.error();
      // A peer that takes all must not let a slow reader outrun the deadline.
      if (std::chrono::steady_clock::now() >= deadline_) {
        return fail(Errc::timeout, "the request was not sent by the deadline");
      }
      if (piece->empty()) return write("0\r\n\r\n");
      std::array<char, 2 * sizeof(std::size_t)> size{};
      char* const end = std::to_chars(size.data(), size.data() + size.size(), piece->size(), 16).ptr;
      std::string chunk(size.data(), end);
      if (auto problem = write(chunk.append("\r\n").append(*piece).append("\r\n"))) return problem;
    }
    return std::nullopt;
  }

  Problem write(std::string_view bytes) {
    while (!bytes.empty()) {
      if (hasBegun_) {
        if (auto problem = receiveAtOnce()) return problem;
        if (reader_.complete()) return std::nullopt;
      }
      const Result<std::size_t> done = peer_.writeSome(bytes.substr(0, step), deadline_);
      if (!done) {
        isBroken_ = done.error().code == Errc::transport;
        return done.error();
      }
      hasBegun_ = true;
      bytes.remove_prefix(*done);
    }
    return std::nullopt;
  }

  Problem receiveAtOnce() {
    const auto got = peer_.readAtOnce(buffer_.data(), buffer_.size());
    if (!got) return got.error();
    return *got ? take(**got) : std::nullopt;
  }

  Problem receive() {
    while (!reader_.complete()) {
      const Result<std::size_t> got = peer_.read(buffer_.data(), buffer_.size(), deadline_);
      if (!got) return got.error();
      // A peer that never lets the socket run dry must not outrun the deadline.
      if (std::chrono::steady_clock::now() >= deadline_) {
        return fail(Errc::timeout, "no complete response by the deadline");
      }
      if (auto problem = take(*got)) return problem;
    }
    return std::nullopt;
  }

  Problem take(std::size_t size) { return size == 0 ? reader_.end() : reader_.read({buffer_.data(), size}); }

  Connection& peer_;
  ResponseReader reader_;
  const Deadline deadline_;
  std::array<char, step> buffer_;
  bool hasBegun_ = false;  // to send
  bool isBroken_ = false;  // while it was being sent
  bool hasSentAll_ = false;
};

class HttplibTransport {
 public:
  explicit HttplibTransport(HttplibTransportOptions options)
      : options_(std::move(options)),
        idle_(options_.maxIdle, options_.shareAmongGroups ? options_.maxIdle : options_.maxIdlePerGroup,
              options_.idleTimeout) {}

  Result<Response> send(const Request& request, Deadline deadline) {
    const Result<HttpTarget> target = readTarget(request.url);
    if (!target) return target.error();
    const std::string key = request.freshConnection ? std::string() : keyOf(request, *target);
    const auto after = key.empty() ? AfterResponse::closeConnection : AfterResponse::keepConnection;
    Result<std::string> head = requestHead(request, *target, after);
    if (!head) return std::move(head).error();
    const BodyReader body = detail::beginBody(request);
    if (request.openBody && !body) return fail(Errc::malformed, "the body cannot be read again");

    IdleConnections::Pointer connection = key.empty() ? nullptr : idle_.take(key);
    if (!connection) {
      Result<IdleConnections::Pointer> opened = open(*target, deadline);
      if (!opened) return std::move(opened).error();
      connection = *std::move(opened);
    }
    if (std::chrono::steady_clock::now() >= deadline) return unreachable("no time left to send the request");
    Exchange exchange(*connection, ResponseReader(request.method, {options_.maxHeadSize, options_.maxBodySize}),
                      deadline);
    if (auto problem = exchange.send(*std::move(head), request, body)) return *std::move(problem);
    if (!key.empty() && exchange.mayKeep()) idle_.give(key, std::move(connection));
    return exchange.take();
  }

 private:
  // Which kept connections a request may use; empty: none.
  [[nodiscard]] std::string keyOf(const Request& request, const HttpTarget& target) const {
    if (options_.shareAmongGroups) return target.origin;
    return request.connectionGroup.empty() ? std::string() : target.origin + '\n' + request.connectionGroup;
  }

  Result<IdleConnections::Pointer> open(const HttpTarget& target, Deadline deadline) {
#ifndef CPPHTTPLIB_OPENSSL_SUPPORT
    if (target.https) return fail(Errc::unsupported, "httplib is compiled without OpenSSL");
#endif
    Result<Socket> socket = connectTo(target, options_.connectTimeout, deadline);
    if (!socket) return std::move(socket).error();
    auto connection = std::make_unique<Connection>(*std::move(socket));
#ifdef CPPHTTPLIB_OPENSSL_SUPPORT
    const Deadline until = std::min(deadline, std::chrono::steady_clock::now() + options_.connectTimeout);
    if (target.https) {
      if (auto problem = connection->startTls(tls_.get(), target, until)) return *std::move(problem);
    }
#endif
    return connection;
  }

  const HttplibTransportOptions options_;
#ifdef CPPHTTPLIB_OPENSSL_SUPPORT
  TlsContext tls_{options_.caCertFile};
#endif
  IdleConnections idle_;
};

}  // namespace detail

// Keeps to the contract of Transport, with every version of httplib: of it only the build's OpenSSL is used, so that
// neither its limits nor its bugs as a client matter. Thread-safe; copies share the connections. Resolving a host's
// name is the one step that a deadline cannot cut short. Ignores SIGPIPE for the process, if nobody handles it, when it
// first uses TLS. Content codings are neither asked for nor undone; User-Agent and Accept are set where the request has
// none. A peer may answer, and close, before it has read all of a request.
// Link OpenSSL's libssl where httplib has CPPHTTPLIB_OPENSSL_SUPPORT; without it, https is Errc::unsupported.
[[nodiscard]] inline Transport httplibTransport(HttplibTransportOptions options = {}) {
  return [transport = std::make_shared<detail::HttplibTransport>(std::move(options))](
             const Request& request, Deadline deadline) { return transport->send(request, deadline); };
}

}  // namespace ironjar

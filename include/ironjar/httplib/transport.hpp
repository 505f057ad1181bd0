// A Transport over sockets, for programs that have cpp-httplib: connections kept per login, verified TLS, one deadline
// for everything, limits on heads and bodies.
//
// Example:
//   const ironjar::Transport transport = ironjar::httplibTransport({.maxHeadSize = 16 * 1024});
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <ironjar/httplib/exchange.hpp>
#include <ironjar/transport_options.hpp>

namespace ironjar {
namespace detail {

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

class HttplibTransport : public std::enable_shared_from_this<HttplibTransport> {
 public:
  explicit HttplibTransport(TransportOptions options)
      : options_(std::move(options)), idle_(options_.maxIdle, maxIdlePerKey(options_), options_.idleTimeout) {}

  Result<Response> send(const Request& request, Deadline deadline) {
    const Result<HttpTarget> target = readTarget(request.url);
    if (!target) return target.error();
    std::string key = connectionKey(options_, request, *target);
    const auto after = key.empty() ? AfterResponse::closeConnection : AfterResponse::keepConnection;
    Result<std::string> head = requestHead(request, *target, after);
    if (!head) return std::move(head).error();
    const BodyReader body = detail::beginBody(request);
    if (hasStreamedBody(request) && !body) return fail(Errc::malformed, "the body cannot be read again");

    IdleConnections::Pointer connection = key.empty() ? nullptr : idle_.take(key);
    if (!connection) {
      Result<IdleConnections::Pointer> opened = open(*target, deadline);
      if (!opened) return std::move(opened).error();
      connection = *std::move(opened);
    }
    if (std::chrono::steady_clock::now() >= deadline) return unreachable("no time left to send the request");
    if (request.streamsResponse) {
      const auto call = std::make_shared<Call>(std::move(connection), std::move(key), request, options_, deadline);
      return stream(call, *std::move(head), request, body);
    }
    Call call(std::move(connection), std::move(key), request, options_, deadline);
    if (auto problem = call.exchange.send(*std::move(head), request, body)) return *std::move(problem);
    finish(call);
    return call.exchange.take();
  }

 private:
  // A connection and what is being exchanged over it.
  struct Call {
    Call(IdleConnections::Pointer over, std::string of, const Request& request, const TransportOptions& options,
         Deadline deadline)
        : key(std::move(of)),
          connection(std::move(over)),
          exchange(*connection, ResponseReader(request.method, limitsOf(request, options)), deadline,
                   request.streamsResponse ? std::optional(options.maxBodySize) : std::nullopt) {}

    std::string key;
    IdleConnections::Pointer connection;
    Exchange exchange;
    std::optional<Error> problem = {};  // of the streamed body
  };

  // Of a body that is streamed no more is held than what one read brings.
  static ResponseLimits limitsOf(const Request& request, const TransportOptions& options) {
    constexpr std::size_t none = std::numeric_limits<std::size_t>::max();
    return {options.maxHeadSize, request.streamsResponse ? none : options.maxBodySize};
  }

  // The connection is kept, where it may be, or closed.
  void finish(Call& call) {
    const bool mayKeep = !call.key.empty() && call.exchange.mayKeep();
    if (mayKeep) return idle_.give(std::move(call.key), std::move(call.connection));
    call.connection.reset();
  }

  Result<Response> stream(const std::shared_ptr<Call>& call, std::string head, const Request& request,
                          const BodyReader& body) {
    if (auto problem = call->exchange.send(std::move(head), request, body)) return *std::move(problem);
    if (call->exchange.isComplete()) finish(*call);
    Response response = call->exchange.take();
    response.bodyReader = [self = shared_from_this(), call] { return self->next(*call); };
    return response;
  }
  Result<std::string> next(Call& call) {
    if (call.problem) return *call.problem;
    Result<std::string> piece = call.exchange.next(std::chrono::steady_clock::now() + options_.streamIdle);
    if (!piece) {
      call.problem = piece.error();
      call.connection.reset();
    } else if (call.connection && call.exchange.isComplete()) {
      finish(call);
    }
    return piece;
  }

  Result<IdleConnections::Pointer> open(const HttpTarget& target, Deadline deadline) {
#ifndef CPPHTTPLIB_OPENSSL_SUPPORT
    if (target.https) return fail(Errc::unsupported, "httplib is compiled without OpenSSL");
#endif
    const bool isProxied = target.https && proxy_;
    const HttpTarget& peer = isProxied ? *proxy_ : target;
    Result<Socket> socket = connectTo(peer.host, peer.port, options_.connectTimeout, deadline);
    if (!socket) return std::move(socket).error();
    auto connection = std::make_unique<Connection>(*std::move(socket));
    const Deadline until = std::min(deadline, std::chrono::steady_clock::now() + options_.connectTimeout);
    if (isProxied) {
      if (auto problem = tunnel(*connection, target, until)) return *std::move(problem);
    }
#ifdef CPPHTTPLIB_OPENSSL_SUPPORT
    if (target.https) {
      if (auto problem = connection->startTls(tls_.get(), target, until)) return *std::move(problem);
    }
#endif
    return connection;
  }

  // RFC 9110 section 9.3.6. Whatever fails, nothing has been sent to the target.
  [[nodiscard]] std::optional<Error> tunnel(Connection& proxy, const HttpTarget& target, Deadline until) const {
    const std::string host = target.host.find(':') == std::string::npos ? target.host : '[' + target.host + ']';
    std::string head =
        "CONNECT " + host + ':' + target.port + " HTTP/1.1\r\nHost: " + host + ':' + target.port + "\r\n";
    const std::string& credentials = options_.proxyAuthorization;
    if (!credentials.empty()) head.append("Proxy-Authorization: ").append(credentials).append("\r\n");
    head.append("\r\n");
    // The answer ends with its head, as a HEAD's does.
    Exchange exchange(proxy, ResponseReader("HEAD", {options_.maxHeadSize, 0}), until);
    if (auto problem = exchange.send(std::move(head), {}, nullptr)) {
      return unreachable("the proxy: " + std::string(describe(problem->code)));
    }
    const int status = exchange.take().status;
    if (status >= 200 && status <= 299) return std::nullopt;
    return unreachable("the proxy answered " + std::to_string(status));
  }

  const TransportOptions options_;
  const std::optional<HttpTarget> proxy_ = proxyOf(options_);
#ifdef CPPHTTPLIB_OPENSSL_SUPPORT
  TlsClientContext tls_{{options_.caCertFile, options_.clientCertFile, options_.clientKeyFile}, "TransportOptions"};
#endif
  IdleConnections idle_;
};

}  // namespace detail

// Keeps to the contract of Transport, with every version of httplib: of it only the build's OpenSSL is used, so that
// neither its limits nor its bugs as a client matter. Thread-safe; copies share the connections. Resolving a host's
// name is the one step that a deadline cannot cut short. Content codings are neither asked for nor undone; User-Agent
// and Accept are set where the request has none. A peer may answer, and close, before it has read all of a request;
// with Request::streamsResponse the response then comes at its head when it refuses (400 and above), any other when the
// request is sent, until when maxBodySize bounds what comes of its body. A reader of a body holds the transport.
// Link OpenSSL's libssl where httplib has CPPHTTPLIB_OPENSSL_SUPPORT; without it, https is Errc::unsupported. Throws
// std::invalid_argument for a client certificate and key that cannot be read or do not belong together, a `proxy` that
// is no http URL of a host, and credentials with a line break in them.
[[nodiscard]] inline Transport httplibTransport(TransportOptions options = {}) {
  return [transport = std::make_shared<detail::HttplibTransport>(std::move(options))](
             const Request& request, Deadline deadline) { return transport->send(request, deadline); };
}

}  // namespace ironjar

// From a host's name to a connected socket. Part of <ironjar/asio/transport.hpp>.
#pragma once

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/basic_resolver.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <ironjar/asio/loop.hpp>
#include <ironjar/http.hpp>

namespace ironjar::detail {

using AsioEndpoint = asio::ip::tcp::endpoint;

// The two families in turn, that of the first address first (RFC 8305 section 4).
inline std::vector<AsioEndpoint> inTurn(const std::vector<AsioEndpoint>& found) {
  std::vector<AsioEndpoint> first;
  std::vector<AsioEndpoint> second;
  for (const AsioEndpoint& endpoint : found) {
    (endpoint.protocol() == found.front().protocol() ? first : second).push_back(endpoint);
  }
  std::vector<AsioEndpoint> endpoints;
  for (std::size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
    if (i < first.size()) endpoints.push_back(first[i]);
    if (i < second.size()) endpoints.push_back(second[i]);
  }
  return endpoints;
}

// Resolves a name and connects to whichever of its addresses answers first. The next one is tried when one has failed,
// or has not answered for a quarter of a second (RFC 8305 section 5): one that is dead costs no more.
// For its strand. Goes on for as long as its owner holds it; the resolver's thread may do so longer.
class AsioConnecting : public std::enable_shared_from_this<AsioConnecting> {
 public:
  // Errc::unreachable when no address has answered: each has the timeout.
  using Done = std::function<void(Result<AsioSocket>)>;

  AsioConnecting(const Strand& strand, std::chrono::milliseconds timeout, Done done)
      : timeout_(timeout), strand_(strand), resolver_(strand), delay_(strand), done_(std::move(done)) {}

  void begin(const std::string& host, const std::string& port) {
    AsioError isName;
    const auto address = asio::ip::make_address(host, isName);
    if (!isName) return begin({AsioEndpoint(address, static_cast<asio::ip::port_type>(std::stoul(port)))});
    resolver_.async_resolve(host, port, Resolver::numeric_service,
                            [weak = weak_from_this()](AsioError problem, const Resolver::results_type& results) {
                              const auto self = weak.lock();
                              if (!self) return;
                              if (problem) return self->finish(unreachable("the host's name has no address"));
                              self->begin(inTurn({results.begin(), results.end()}));
                            });
  }
  void begin(std::vector<AsioEndpoint> endpoints) {
    endpoints_ = std::move(endpoints);
    connectToNext();
  }

  [[nodiscard]] static Error unreachable(std::string what) { return fail(Errc::unreachable, std::move(what)); }

 private:
  using Resolver = asio::ip::basic_resolver<asio::ip::tcp, Strand>;
  struct Attempt {
    explicit Attempt(const Strand& strand) : socket(strand), end(strand) {}
    AsioSocket socket;
    AsioTimer end;
  };

  void connectToNext() {
    if (next_ == endpoints_.size()) {
      if (attempts_.empty()) finish(unreachable("no connection to any of the host's addresses"));
      return;
    }
    const auto attempt = std::make_shared<Attempt>(strand_);
    attempts_.push_back(attempt);
    const std::weak_ptr<Attempt> own = attempt;
    attempt->socket.async_connect(endpoints_[next_++], [weak = weak_from_this(), own](AsioError problem) {
      if (const auto self = weak.lock()) self->end(own.lock(), !problem);
    });
    attempt->end.expires_after(timeout_);
    attempt->end.async_wait([weak = weak_from_this(), own](AsioError problem) {
      const auto self = weak.lock();
      if (self && !problem) self->end(own.lock(), false);
    });
    delay_.expires_after(std::chrono::milliseconds{250});
    delay_.async_wait([weak = weak_from_this()](AsioError problem) {
      const auto self = weak.lock();
      if (self && !problem && self->done_) self->connectToNext();
    });
  }

  void end(const std::shared_ptr<Attempt>& attempt, bool isConnected) {
    if (!attempt || !done_) return;
    std::erase(attempts_, attempt);
    if (isConnected) return finish(std::move(attempt->socket));
    attempt->end.cancel();
    connectToNext();
  }

  void finish(Result<AsioSocket> result) {
    attempts_.clear();
    delay_.cancel();
    std::exchange(done_, nullptr)(std::move(result));  // its owner may let it go
  }

  const std::chrono::milliseconds timeout_;
  const Strand strand_;
  Resolver resolver_;
  AsioTimer delay_;  // until the next address is tried though others have not answered
  Done done_;        // until it has been called
  std::vector<AsioEndpoint> endpoints_;
  std::size_t next_ = 0;
  std::vector<std::shared_ptr<Attempt>> attempts_;
};

}  // namespace ironjar::detail

// An asynchronous transport on Boost.Asio: connections kept per login, verified TLS, one deadline for everything,
// limits on heads and bodies, bodies streamed both ways.
//
// Example:
//   boost::asio::io_context io;
//   const ironjar::AsyncTransport transport = ironjar::asioTransport(io.get_executor(), {.maxHeadSize = 16 * 1024});
//   const ironjar::Request items{.url = "https://api.example.com/items"};  // which lives until it is answered
//   transport(items, std::chrono::steady_clock::now() + std::chrono::seconds(10), {},
//             [](const ironjar::Result<ironjar::Response>& answer) {
//               std::cout << (answer ? answer->body : answer.error().detail) << '\n';
//             });
//   io.run();
#pragma once

#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <utility>

#include <ironjar/asio/exchange.hpp>

namespace ironjar {
namespace detail {

class AsioTransport {
 public:
  AsioTransport(asio::any_io_executor executor, TransportOptions options)
      : executor_(std::move(executor)), shared_(std::make_shared<AsioShared>(executor_, std::move(options))) {}

  void send(const Request& request, Deadline deadline, const std::stop_token& stop, ResponseHandler done) const {
    Result<AsioTask> task = taskOf(request);
    if (!task) {
      return shared_->loop->run(
          [&] { asio::post(executor_, [done = std::move(done), error = std::move(task).error()] { done(error); }); });
    }
    const std::weak_ptr<AsioConnection> kept =
        task->key.empty() ? std::weak_ptr<AsioConnection>() : shared_->idle->take(task->key);
    shared_->loop->run([&] {
      std::shared_ptr<AsioConnection> connection = kept.lock();
      const Strand strand = connection ? connection->strand() : Strand(executor_);
      auto exchange = std::make_shared<AsioExchange>(shared_, strand, *std::move(task), deadline, std::move(done));
      asio::post(strand, [exchange = std::move(exchange), connection = std::move(connection), &request,
                          stop]() mutable { exchange->begin(request, std::move(connection), stop); });
    });
  }

 private:
  [[nodiscard]] Result<AsioTask> taskOf(const Request& request) const {
    Result<HttpTarget> target = readTarget(request.url);
    if (!target) return std::move(target).error();
    AsioTask task{.target = *std::move(target)};
    const bool isUpgrade = !request.upgrade.empty();
    if (!isUpgrade) task.key = connectionKey(shared_->opener.options, request, task.target);
    const auto after = isUpgrade          ? AfterResponse::switchProtocols
                       : task.key.empty() ? AfterResponse::closeConnection
                                          : AfterResponse::keepConnection;
    Result<std::string> head = requestHead(request, task.target, after);
    if (!head) return std::move(head).error();
    task.head = *std::move(head);
    return task;
  }
  const asio::any_io_executor executor_;
  const std::shared_ptr<AsioShared> shared_;
};

}  // namespace detail

// Keeps to the contract of AsyncTransport and so of Transport (<ironjar/http.hpp>). What it calls, `done` and the
// readers of bodies, it calls on the executor, each request's on a strand of its own; what they throw leaves the
// executor's run(). A reader of openBody blocks one of the executor's threads, so bring openAsyncBody.
//
// Thread-safe; copies share the connections. Requests in flight go on when the last copy is gone. The executor's
// context may be stopped, or go first: then all is dropped, `done` uncalled, and what is asked later too. An executor
// that is a strand itself must not outlive its context. A context that runs out of work does so once the kept
// connections have been idle for idleTimeout, or the last copy is gone.
//
// With Request::streamsResponse the response comes at its head, and always with asyncBodyReader; a head that comes
// before the request is sent whole is given at once if it is a refusal (400 and above), and ends the sending, else when
// the request is sent. Of a body that is streamed at most 32 KiB are read ahead, and no limit counts.
//
// With Request::upgrade, a response with status 101 that switches to that protocol has asyncBodyReader and `upgraded`:
// the connection's two directions, read one piece of 32 KiB at most ahead of who asks, without a deadline.
//
// Names are resolved by the context's resolver, one at a time; who waits for one is answered at the deadline, but a
// context that goes waits for it. Content codings are neither asked for nor undone; User-Agent and Accept are set where
// the request has none. A peer may answer, and close, before it has read all of a request.
//
// Link OpenSSL's libssl; Boost 1.81 or later, headers only. Throws std::invalid_argument for an empty executor, a
// client certificate and key that cannot be read or do not belong together, a `proxy` that is no http URL of a host,
// and credentials with a line break in them.
[[nodiscard]] inline AsyncTransport asioTransport(boost::asio::any_io_executor executor,
                                                  TransportOptions options = {}) {
  if (!executor) throw std::invalid_argument("ironjar: asioTransport: an executor is needed");
  return [transport = std::make_shared<const detail::AsioTransport>(std::move(executor), std::move(options))](
             const Request& request, Deadline deadline, const std::stop_token& stop, ResponseHandler done) {
    transport->send(request, deadline, stop, std::move(done));
  };
}

}  // namespace ironjar

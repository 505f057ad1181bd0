// asyncCurlTransport: an engine and its thread.
#include "curl/engine.hpp"

namespace ironjar {
namespace detail {
namespace {

Error unreachable(std::string what) { return fail(Errc::unreachable, std::move(what)); }

// What the copies of one transport share.
class Running {
 public:
  Running(TransportOptions options, Lookup lookup)
      : engine_(std::make_shared<Engine>(std::move(options), std::move(lookup))),
        thread_([engine = engine_] { engine->run(); }) {}
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() {
    engine_->stop();
    thread_.get_id() == std::this_thread::get_id() ? thread_.detach() : thread_.join();
  }
  [[nodiscard]] Engine& engine() const { return *engine_; }

 private:
  const std::shared_ptr<Engine> engine_;
  std::thread thread_;
};

// The body's reader, if it is not in memory.
Result<AsyncBodyReader> openBody(Engine& engine, const Request& request) {
  AsyncBodyReader body;
  if (!request.openAsyncBody && !request.openBody) return body;
  try {
    if (request.openAsyncBody) {
      body = request.openAsyncBody();
    } else if (BodyReader reader = request.openBody()) {
      body = engine.onThreads(std::move(reader));
    }
  } catch (...) {  // NOLINT(bugprone-empty-catch): there is no body then
  }
  if (!body) return fail(Errc::malformed, "the body cannot be read again");
  return body;
}

void send(Engine& engine, const Request& request, Deadline deadline, const std::stop_token& stop,
          const ResponseHandler& done) {
  if (stop.stop_requested()) return completeSafely<Result<Response>>(done, fail(Errc::cancelled));
  Result<HttpTarget> target = readTarget(request.url);
  if (!target) return completeSafely<Result<Response>>(done, std::move(target).error());
  if (auto problem = Transfer::check(request)) return completeSafely<Result<Response>>(done, *std::move(problem));
  Result<AsyncBodyReader> body = openBody(engine, request);
  if (!body) return completeSafely<Result<Response>>(done, std::move(body).error());
  if (std::chrono::steady_clock::now() >= deadline) {
    return completeSafely<Result<Response>>(done, unreachable("no time left to send the request"));
  }
  engine.start(
      std::make_shared<Job>(request, *std::move(target), engine.setup(), deadline, stop, done, *std::move(body)));
}

}  // namespace

AsyncTransport makeAsyncCurlTransport(TransportOptions options, Lookup lookup) {
  const auto running = std::make_shared<Running>(std::move(options), std::move(lookup));
  return [running](const Request& request, Deadline deadline, const std::stop_token& stop,
                   const ResponseHandler& done) { send(running->engine(), request, deadline, stop, done); };
}

}  // namespace detail

AsyncTransport asyncCurlTransport(TransportOptions options) {
  return detail::makeAsyncCurlTransport(std::move(options), detail::systemLookup);
}

}  // namespace ironjar

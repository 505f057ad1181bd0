// From blocking transports to asynchronous ones, and back.
#include "base/completion.hpp"
#include "base/timer.hpp"
#include "base/worker_pool.hpp"
#include "http/sending.hpp"

#include <atomic>
#include <stdexcept>

#include <ironjar/http.hpp>

namespace ironjar {
namespace {

using Piece = Result<std::string>;

constexpr std::size_t maxQueue = 10'000;

Error gone() { return fail(Errc::transport, "the transport has gone"); }

// What the copies of one transport share.
struct Threads {
  Threads(Transport blockingTransport, std::size_t count)
      : transport(std::move(blockingTransport)), pool(count, maxQueue) {}
  const Transport transport;
  detail::Timer timer;
  detail::WorkerPool pool;  // last: its threads use the above
};

// A transport of the application's, and its readers, may throw.
template <class Function>
auto safely(const Function& function) -> decltype(function()) {
  try {
    return function();
  } catch (...) {
    return fail(Errc::transport, "the transport threw an exception");
  }
}

AsyncBodyReader onThreads(BodyReader reader, const std::shared_ptr<Threads>& threads) {
  return detail::readingOn(
      std::move(reader), [threads](std::function<void()> read) { return threads->pool.post(std::move(read)); },
      [](const BodyReader& one) { return safely(one); });
}

// One request, queued or being sent: its response, the end of its time or its cancellation, whichever comes first. It
// has a copy of the request, since the transport may go on with it after a cancellation.
class Sending : public std::enable_shared_from_this<Sending> {
 public:
  Sending(const Request& request, Deadline deadline, ResponseHandler done)
      : request_(request), deadline_(deadline), done_(std::move(done), gone()) {}

  void begin(const std::shared_ptr<Threads>& threads, const std::stop_token& stop) {
    const std::weak_ptr<Sending> weak = weak_from_this();
    late_ = threads->timer.at(deadline_, [weak] {
      if (const auto self = weak.lock()) self->isLate();
    });
    const bool isQueued = threads->pool.post([self = shared_from_this(), &threads = *threads,
                                              owner = std::weak_ptr(threads)] { self->run(threads, owner); });
    if (!isQueued) done_.complete(fail(Errc::overloaded, "no thread can be had for the request"));
    onStop_.emplace(stop, [weak] {
      if (const auto self = weak.lock()) self->done_.complete(fail(Errc::cancelled));
    });
  }

 private:
  void isLate() {
    if (!hasBegun_) done_.complete(fail(Errc::unreachable, "no thread was free for the request in time"));
  }

  // Runs while there are threads; `done_` may be the last to hold them.
  void run(Threads& threads, const std::weak_ptr<Threads>& owner) {
    hasBegun_ = true;
    if (late_) threads.timer.cancel(*late_);
    if (done_.isCompleted()) return;
    Result<Response> response = safely([&] { return threads.transport(request_, deadline_); });
    const auto shared = owner.lock();
    if (response && response->bodyReader && shared) {
      response->asyncBodyReader = onThreads(std::exchange(response->bodyReader, nullptr), shared);
    }
    done_.complete(std::move(response));
  }

  const Request request_;
  const Deadline deadline_;
  detail::Once<Result<Response>> done_;
  std::optional<detail::Timer::Ticket> late_;
  std::atomic<bool> hasBegun_ = false;
  std::optional<std::stop_callback<std::function<void()>>> onStop_;
};

}  // namespace

Transport blocking(AsyncTransport transport) {
  return [transport = std::move(transport)](const Request& request, Deadline deadline) {
    const auto send = [&](const ResponseHandler& done) { transport(request, deadline, {}, done); };
    auto response = detail::waitFor<Result<Response>>(send, gone());
    if (response && response->asyncBodyReader) {
      response->bodyReader = [reader = std::exchange(response->asyncBodyReader, nullptr)] {
        return detail::waitFor<Piece>(reader, gone());
      };
    }
    return response;
  };
}

AsyncTransport onThreads(Transport transport, std::size_t threads) {
  if (!transport || threads == 0) throw std::invalid_argument("ironjar: onThreads: a transport and threads are needed");
  const auto shared = std::make_shared<Threads>(std::move(transport), threads);
  return [shared](const Request& request, Deadline deadline, const std::stop_token& stop, const ResponseHandler& done) {
    if (stop.stop_requested()) return done(fail(Errc::cancelled));
    const auto sending = std::make_shared<Sending>(request, deadline, done);
    sending->begin(shared, stop);
  };
}

}  // namespace ironjar

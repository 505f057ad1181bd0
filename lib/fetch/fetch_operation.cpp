#include "fetch/fetch_operation.hpp"

#include "base/completion.hpp"
#include "http/sending.hpp"

namespace ironjar::detail {

FetchOperation::FetchOperation(Fetch fetch, AsyncTransport transport, std::shared_ptr<Timer> timer,
                               std::stop_token stop, ResponseHandler done)
    : fetch_(std::move(fetch)),
      transport_(std::make_shared<const AsyncTransport>(std::move(transport))),
      timer_(std::move(timer)),
      stop_(std::move(stop)),
      done_(std::move(done)) {}

void FetchOperation::begin() { go(fetch_->begin()); }

void FetchOperation::go(Fetch::Step step) {
  if (auto* end = std::get_if<Fetch::Return>(&step)) return finish(std::move(end->result));
  if (stop_.stop_requested()) return finish(fail(Errc::cancelled));
  if (const auto* sent = std::get_if<Fetch::Send>(&step)) {
    const auto transport = transport_;  // finish() lets it go, perhaps before it has returned
    send(*transport, *sent->request, sent->deadline, stop_, [self = shared_from_this()](Result<Response> response) {
      self->go(self->fetch_->answered(std::move(response)));
    });
  } else if (const auto* wait = std::get_if<Fetch::Wait>(&step)) {
    waitUntil(wait->until);
  } else {
    fetch_->startRefresh(stop_, [self = shared_from_this()](Fetch::Step next) { self->go(std::move(next)); });
  }
}

void FetchOperation::waitUntil(Deadline until) {
  struct Pause {
    explicit Pause(Completion<bool> over) : once(std::move(over), false) {}
    Once<bool> once;
    std::optional<std::stop_callback<std::function<void()>>> onStop = {};
  };
  const auto pause = std::make_shared<Pause>([self = shared_from_this()](bool) { self->go(self->fetch_->waited()); });
  const auto timer = timer_;
  pause->onStop.emplace(stop_, [weak = std::weak_ptr(pause)] {
    if (const auto stopped = weak.lock()) stopped->once.complete(false);
  });
  if (!timer->at(until, [pause] { pause->once.complete(true); })) pause->once.complete(false);
}

// Lets go of all that is held first: who has waited for the end may destroy it.
void FetchOperation::finish(Result<Response> result) {
  const ResponseHandler done = std::move(done_);
  fetch_.reset();
  transport_.reset();
  timer_.reset();
  completeSafely(done, std::move(result));
}

}  // namespace ironjar::detail

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

void FetchOperation::begin() {
  next([this] { return fetch_->begin(); });
}

// The application's code runs in each step: its clock, its body's function. What it throws ends the fetch.
template <class Step>
void FetchOperation::next(const Step& step) {
  try {
    go(step());
  } catch (...) {
    if (done_) finish(fail(Errc::malformed, "the application's code threw an exception"));
  }
}

void FetchOperation::go(Fetch::Step step) {
  if (auto* end = std::get_if<Fetch::Return>(&step)) return finish(std::move(end->result));
  if (stop_.stop_requested()) return finish(fail(Errc::cancelled));
  if (const auto* sent = std::get_if<Fetch::Send>(&step)) {
    const auto transport = transport_;  // finish() lets it go, perhaps before it has returned
    send(*transport, *sent->request, sent->deadline, stop_, [self = shared_from_this()](Result<Response> response) {
      self->next([&] { return self->fetch_->answered(std::move(response)); });
    });
  } else if (const auto* wait = std::get_if<Fetch::Wait>(&step)) {
    waitUntil(wait->until);
  } else {
    fetch_->startRefresh(stop_, [self = shared_from_this()](Fetch::Step refreshed) {
      self->next([&] { return std::move(refreshed); });
    });
  }
}

void FetchOperation::waitUntil(Deadline until) {
  const std::stop_token stop = stop_;
  struct Pause {
    explicit Pause(Completion<bool> over) : once(std::move(over), false) {}
    Once<bool> once;
    std::optional<std::stop_callback<std::function<void()>>> onStop = {};
  };
  const auto pause = std::make_shared<Pause>(
      [self = shared_from_this()](bool) { self->next([&] { return self->fetch_->waited(); }); });
  // From here on another thread may go on. No reference to the timer is held, since the last one waits for its thread.
  if (!timer_->at(until, [pause] { pause->once.complete(true); })) return pause->once.complete(false);
  pause->onStop.emplace(stop, [weak = std::weak_ptr(pause)] {
    if (const auto stopped = weak.lock()) stopped->once.complete(false);
  });
}

// Lets go of all that is held first: who has waited for the end may destroy it.
void FetchOperation::finish(Result<Response> result) {
  const ResponseHandler done = std::exchange(done_, nullptr);
  timer_.reset();  // before the Fetcher: nobody but that waits for its thread
  fetch_.reset();
  transport_.reset();
  completeSafely(done, std::move(result));
}

}  // namespace ironjar::detail

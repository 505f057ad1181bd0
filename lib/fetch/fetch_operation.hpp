// performFetch on completions: drives the steps of a Fetch with an asynchronous transport.
#pragma once

#include "base/timer.hpp"

#include <memory>
#include <optional>
#include <stop_token>

#include <ironjar/fetch.hpp>

namespace ironjar::detail {

// Holds itself while something is on its way for it. One thing is at a time: whatever completes it goes on, alone.
class FetchOperation : public std::enable_shared_from_this<FetchOperation> {
 public:
  FetchOperation(Fetch fetch, AsyncTransport transport, std::shared_ptr<Timer> timer, std::stop_token stop,
                 ResponseHandler done);

  void begin();

 private:
  template <class Step>
  void next(const Step& step);
  void go(Fetch::Step step);
  void waitUntil(Deadline until);
  void finish(Result<Response> result);

  std::optional<Fetch> fetch_;
  std::shared_ptr<const AsyncTransport> transport_;
  std::shared_ptr<Timer> timer_;
  const std::stop_token stop_;
  ResponseHandler done_;
};

}  // namespace ironjar::detail

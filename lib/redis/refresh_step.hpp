// The steps of a refresh over Redis: each goes on once, and ends the refresh where there is no memory for it.
#pragma once

#include "redis/refresh_operation.hpp"

#include <utility>

namespace ironjar::detail {

// notAsked: this process made no call, so its circuit breaker must not count a failure of the provider.
[[nodiscard]] inline RefreshAnswer notAsked(Error why) {
  return {.tokens = std::move(why), .endpoint = EndpointState::notAsked};
}

template <class T, class Handler>
Completion<Result<T>> RefreshOperation::step(Handler handler) {
  const auto own = [self = shared_from_this(), handler = std::move(handler)](Result<T> result) {
    if (!self->isOver_) self->safely([&] { handler(std::move(result)); });
  };
  return exactlyOnce<Result<T>>(own, Error{Errc::overloaded, {}});
}

template <class Handler>
void RefreshOperation::safely(const Handler& handler) noexcept {
  try {
    handler();
  } catch (...) {
    finish(brought_ ? RefreshAnswer{.tokens = std::move(*brought_)} : notAsked({Errc::overloaded, {}}));
  }
}

}  // namespace ironjar::detail

// One call to a token endpoint, shared by the table's entry and everybody who waits for it.
#pragma once

#include <condition_variable>
#include <optional>

#include <ironjar/coordinator.hpp>

namespace ironjar::detail {

struct InFlightRefresh {
  std::condition_variable completed;
  std::optional<Result<TokenSet>> result;  // nothing yet
  std::size_t waiters = 0;
  bool loggedOut = false;  // meanwhile: what it brings is nobody's
  RevokeCall revoke;
};

}  // namespace ironjar::detail

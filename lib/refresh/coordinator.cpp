#include "base/completion.hpp"

#include <ironjar/coordinator.hpp>

namespace ironjar {

Result<NewTokens> RefreshCoordinator::refresh(std::string_view client, const TokenSet& rejected,
                                              const RefreshCall& call, Deadline deadline,
                                              const RefreshContext& context) {
  const auto start = [&](RefreshHandler done) {
    startRefresh(client, rejected, call, deadline, context, std::move(done));
  };
  return detail::waitFor<Result<NewTokens>>(start, fail(Errc::refreshFailed, "the coordinator has gone"));
}

}  // namespace ironjar

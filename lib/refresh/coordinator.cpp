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

void RefreshCoordinator::startEnd(std::string_view client, const TokenSet& tokens, const RevokeCall& revoke,
                                  const Logout& logout, std::function<void()> done) {
  const auto once = detail::exactlyOnce<bool>([done = std::move(done)](bool) { done(); }, false);
  end(client, tokens, revoke, logout);
  once(true);
}

}  // namespace ironjar

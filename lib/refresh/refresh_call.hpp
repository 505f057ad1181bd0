// Calls of either kind, whatever they do: the application brings them.
#pragma once

#include "base/completion.hpp"

#include <ironjar/token_endpoint.hpp>

namespace ironjar::detail {

// The answer of a call that blocks. One that throws has failed.
[[nodiscard]] RefreshAnswer ask(const BlockingRefresh& call, const TokenSet& tokens);
// Begins a call that does not block. `done` is called once, also when the call throws, never calls it or calls it
// twice.
void startAsking(const AsyncRefresh& call, const TokenSet& tokens, Completion<RefreshAnswer> done);
// The answer of such a call. Blocks until it has come, or `givesUp` says that it is not waited for any more.
[[nodiscard]] RefreshAnswer waitForAnswer(const AsyncRefresh& call, const TokenSet& tokens,
                                          const std::function<bool()>& givesUp);

}  // namespace ironjar::detail

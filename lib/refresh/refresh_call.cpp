#include "refresh/refresh_call.hpp"

namespace ironjar::detail {
namespace {

RefreshAnswer threw() { return {.tokens = fail(Errc::refreshFailed, "asking for tokens threw an exception")}; }
RefreshAnswer dropped() { return {.tokens = fail(Errc::refreshFailed, "the call for tokens was dropped")}; }

}  // namespace

RefreshAnswer ask(const BlockingRefresh& call, const TokenSet& tokens) {
  try {
    return call(tokens);
  } catch (...) {
    return threw();
  }
}

void startAsking(const AsyncRefresh& call, const TokenSet& tokens, Completion<RefreshAnswer> done) {
  const auto once = exactlyOnce(std::move(done), dropped());
  try {
    call(tokens, once);
  } catch (...) {
    once(threw());
  }
}

}  // namespace ironjar::detail

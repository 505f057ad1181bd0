#include "refresh/refresh_call.hpp"

namespace ironjar::detail {
namespace {

constexpr std::chrono::milliseconds betweenQuestions{50};

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

RefreshAnswer waitForAnswer(const AsyncRefresh& call, const TokenSet& tokens, const std::function<bool()>& givesUp) {
  struct Told {
    std::mutex mutex;
    std::condition_variable isThere;
    std::optional<RefreshAnswer> answer;
  };
  const auto told = std::make_shared<Told>();
  startAsking(call, tokens, [told](RefreshAnswer answer) {
    const std::lock_guard lock(told->mutex);
    told->answer = std::move(answer);
    told->isThere.notify_one();
  });
  std::unique_lock lock(told->mutex);
  while (!told->isThere.wait_for(lock, betweenQuestions, [&] { return told->answer.has_value(); })) {
    if (givesUp()) return {.tokens = fail(Errc::refreshFailed, "the answer was not waited for")};
  }
  return *std::move(told->answer);
}

}  // namespace ironjar::detail

// A schedule drives single flight, one step at a time: requests come with one of their login's tokens, give up, calls
// begin and are answered or fail, users sign out, time passes. The provider is strict: a refresh token that it gets
// twice is a broken invariant. No thread runs, so a schedule always goes the same way.
#include "fuzz.hpp"
#include "refresh/single_flight.hpp"

#include <array>
#include <deque>
#include <map>
#include <set>

using namespace ironjar;
using namespace std::chrono_literals;
using detail::SingleFlight;

namespace {

constexpr std::size_t logins = 3;
constexpr std::size_t maxSteps = 2000;

class Schedule {
 public:
  void run(fuzz::Input& steps) {
    for (std::size_t taken = 0; !steps.empty() && taken < maxSteps; ++taken) {
      step(steps.byte());
      check();
    }
    while (!calls_.empty()) proceed(0, 0);
    fuzz::require(flights_.stats(now_).waiters == 0, "nobody waits for ever");
    fuzz::require(answered_ + left_ == requests_, "every request has got one answer, or has left");
  }

 private:
  struct Call {
    std::size_t login;
    SingleFlight::Call call;
    bool hasBegun = false;
  };

  void step(std::uint8_t code) {
    const std::size_t login = code / 8U % logins;
    switch (code % 8U) {
      case 0:
      case 1:
        return request(login, code / 24U);
      case 2:
        return leave(code / 8U);
      case 3:
      case 4:
        return proceed(code / 8U % 4U, code / 32U);
      case 5:
        return advance(std::array{1s, 30s, 61s, 601s}[code / 8U % 4U]);
      case 6:
        return look(login, code / 24U);
      default:
        return signOut(login, code / 24U);
    }
  }

  static TokenSet tokens(std::size_t login, std::size_t generation) {
    const std::string name = std::to_string(login) + "-" + std::to_string(generation);
    return {.accessToken = "at-" + name, .refreshToken = "rt-" + name};
  }
  // One that the login's browser may have: the newest, or one of those before.
  TokenSet held(std::size_t login, std::size_t back) const {
    return tokens(login, generation_[login] - std::min(generation_[login], back % 4));
  }

  void request(std::size_t login, std::size_t back) {
    const TokenSet with = held(login, back);
    const std::size_t number = requests_++;
    auto decision = flights_.request(
        "c", with, {}, [this, with, number](const Result<NewTokens>& result) { answer(number, with, result); }, now_);
    if (const auto* known = std::get_if<Result<NewTokens>>(&decision)) return answer(number, with, *known);
    auto& waiting = std::get<SingleFlight::Waiting>(decision);
    if (waiting.leads) calls_.push_back({login, waiting.call});
    waiting_.emplace(number, std::move(waiting));
  }

  void answer(std::size_t number, const TokenSet& with, const Result<NewTokens>& result) {
    fuzz::require(hasAnswer_.insert(number).second, "a request is answered once");
    ++answered_;
    waiting_.erase(number);
    if (result) fuzz::require(result->tokens.accessToken != with.accessToken, "newer tokens than those refused");
    if (!result) {
      fuzz::requireError(result, {Errc::loginRequired, Errc::refreshFailed, Errc::overloaded});
    }
  }

  void leave(std::size_t which) {
    if (waiting_.empty()) return;
    const auto leaver = std::next(waiting_.begin(), static_cast<std::ptrdiff_t>(which % waiting_.size()));
    fuzz::require(flights_.leave(leaver->second), "who waits may leave");
    waiting_.erase(leaver);
    ++left_;
  }

  // A call begins, or the provider answers one that has.
  void proceed(std::size_t which, std::size_t outcome) {
    if (calls_.empty()) return;
    const auto at = calls_.begin() + static_cast<std::ptrdiff_t>(which % calls_.size());
    if (!at->hasBegun) {
      at->hasBegun = flights_.start(at->call, now_);
      if (at->hasBegun) return spend(at->call->spent.refreshToken);
      calls_.erase(at);
      return;
    }
    const Call call = *at;
    calls_.erase(at);
    inFlight_.erase(call.call->spent.refreshToken);
    RefreshAnswer answer{.tokens = fail(Errc::refreshFailed), .retryAfter = Seconds{5}};
    if (outcome % 4 == 1) answer = {.tokens = loginOver(RefreshEnd::invalidGrant)};
    if (outcome % 4 != 1 && outcome % 4 != 2) {
      spent_[call.call->spent.refreshToken] = now_;
      answer = {.tokens = tokens(call.login, ++generation_[call.login])};
    }
    const auto orphaned = flights_.complete(call.call, answer, now_);
    fuzz::require(orphaned.has_value() == call.call->loggedOut.has_value(), "who signed out leaves nothing behind");
  }

  void spend(const std::string& refreshToken) {
    fuzz::require(inFlight_.insert(refreshToken).second, "at most one call for a token at a time");
    // What is known is forgotten after keepUnconfirmed at the latest; then a token of old is one attempt (R29, R32).
    const auto before = spent_.find(refreshToken);
    fuzz::require(before == spent_.end() || now_ - before->second >= 600s, "a refresh token is spent once");
  }

  void advance(Seconds time) { now_ += time; }
  void look(std::size_t login, std::size_t back) {
    const auto newest = flights_.newest("c", held(login, back), RefreshCoordinator::From::cookie, {}, now_);
    if (!newest) fuzz::requireError(newest, {Errc::loginRequired});
  }
  void signOut(std::size_t login, std::size_t back) {
    const TokenSet with = held(login, back);
    const auto toRevoke = flights_.end("c", with, {}, {}, now_);
    static_cast<void>(toRevoke.has_value());
    const auto newest = flights_.newest("c", with, RefreshCoordinator::From::cookie, {}, now_);
    const bool isOver = !newest || !*newest;  // nothing newer is handed out
    fuzz::require(isOver, "signed out is signed out");
  }

  void check() {
    fuzz::require(flights_.stats(now_).waiters == waiting_.size(), "a place is taken by who waits, and nobody else");
  }

  MonotonicTime now_{std::chrono::hours{1}};
  std::array<std::size_t, logins> generation_{};
  std::set<std::string> inFlight_;
  std::map<std::string, MonotonicTime> spent_;
  std::deque<Call> calls_;
  std::map<std::size_t, SingleFlight::Waiting> waiting_;
  std::set<std::size_t> hasAnswer_;
  std::size_t requests_ = 0;
  std::size_t answered_ = 0;
  std::size_t left_ = 0;
  SingleFlight flights_{LocalCoordinatorOptions()};
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input steps(data, size);
  Schedule().run(steps);
  return 0;
}

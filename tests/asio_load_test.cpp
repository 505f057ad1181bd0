// Fetches, refreshes and logins mixed, cancelled, late and lost at random, while Fetchers come and go. IRONJAR_LOAD=250
// makes it a million.
#include "support/support.hpp"
#include "support/upstream.hpp"

#include <atomic>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdlib>
#include <map>
#include <mutex>
#include <random>

#include <ironjar/asio/fetch.hpp>

namespace asio_load_test {

using namespace ironjar;
using namespace std::chrono_literals;
namespace asio = boost::asio;
using asio::awaitable;
using support::fetchOptions;
using support::get;
using support::sessionWith;
using support::Upstream;

namespace {

// What browsers hold, and who asks for them.
class Crowd {
 public:
  Crowd() {
    options_.asyncTransport = onThreads(upstream.transport(), 3);
    for (std::size_t i = 0; i < held_.size(); ++i) held_[i] = upstream.provider.login(nameOf(i));
    change();
  }

  // A new Fetcher: the one before goes, with what is under way.
  void change() {
    const std::lock_guard lock(mutex_);
    fetcher_ = std::make_shared<const Fetcher>(options_);
  }
  [[nodiscard]] TokenSet heldBy(std::size_t user) const {
    const std::lock_guard lock(mutex_);
    return held_[user];
  }
  void hold(std::size_t user, const TokenSet& tokens) {
    const std::lock_guard lock(mutex_);
    held_[user] = tokens;
  }
  [[nodiscard]] std::shared_ptr<const Fetcher> fetcher() const {
    const std::lock_guard lock(mutex_);
    return fetcher_;
  }
  static std::string wrongIn(const Response& response, std::size_t user) {
    const bool isOwn = response.status == 200 && response.body == nameOf(user);
    // Tokens that are expired again before the retry: its 401 is the response. What came by the chain is no retry, so
    // that there may be a third attempt.
    const bool isRefused = response.status == 401 && response.trace.attempts >= 2;
    if (isOwn || isRefused) return {};
    return "for " + nameOf(user) + ": " + std::to_string(response.status) + ' ' + response.body + " after " +
           std::to_string(response.trace.attempts) + " attempts";
  }
  static std::string nameOf(std::size_t user) { return "user-" + std::to_string(user); }

  awaitable<void> operate(unsigned seed);

  static constexpr std::size_t users = 40;
  Upstream upstream;
  std::atomic<int> told = 0;
  std::atomic<int> served = 0;
  std::atomic<int> cancelled = 0;
  std::map<std::string, int> wrong;

 private:
  // `wrongAnswer` is empty where the answer is right.
  template <class T>
  void count(const Result<T>& result, bool isHasty, const std::string& wrongAnswer = {}) {
    ++told;
    const Errc error = result ? Errc{} : result.error().code;
    const bool isLate = error == Errc::timeout || error == Errc::unreachable || error == Errc::refreshFailed;
    if (error == Errc::cancelled || (isHasty && isLate)) {
      ++cancelled;
    } else if (result && wrongAnswer.empty()) {
      ++served;
    } else {
      const std::lock_guard lock(mutex_);
      ++wrong[result ? wrongAnswer : std::string(ironjar::nameOf(error)) + ": " + result.error().detail];
    }
  }

  FetchOptions options_ = fetchOptions(upstream);
  mutable std::mutex mutex_;
  std::vector<TokenSet> held_{users};
  std::shared_ptr<const Fetcher> fetcher_;
};

awaitable<void> Crowd::operate(unsigned seed) {
  std::minstd_rand random(seed);
  const auto strand = co_await asio::this_coro::executor;
  const std::size_t user = random() % users;
  const unsigned kind = random() % 16;
  const bool isLost = random() % 8 == 0;  // the browser does not get the answer
  const auto signal = std::make_shared<asio::cancellation_signal>();
  if (random() % 4 == 0) {
    const auto timer = std::make_shared<asio::steady_timer>(strand, std::chrono::microseconds(random() % 400));
    timer->async_wait([signal, timer](const auto&) { signal->emit(asio::cancellation_type::terminal); });
  }
  const auto token = [&] { return asio::bind_cancellation_slot(signal->slot(), asio::use_awaitable); };
  const bool isHasty = random() % 16 == 0;
  const auto time = isHasty ? std::chrono::microseconds(random() % 400) : std::chrono::seconds(60);
  const std::optional<Deadline> deadline = std::chrono::steady_clock::now() + time;
  if (kind == 0) {
    Headers fields = {{"grant_type", "authorization_code"}, {"code", upstream.provider.authorize(nameOf(user))}};
    const auto tokens =
        co_await asyncRequestTokens(options_.asyncTransport, options_.tokenEndpoint, std::move(fields), token());
    count(tokens, false);
    if (tokens) hold(user, *tokens);
    co_return;
  }
  Session session = sessionWith(heldBy(user));
  if (kind < 4) {
    auto operation = asyncRefresh(*fetcher(), session, token(), deadline);
    const auto refreshed = co_await std::move(operation);
    count(refreshed, isHasty);
  } else {
    auto operation = asyncFetch(*fetcher(), session, get(), token(), deadline);
    const auto response = co_await std::move(operation);
    count(response, isHasty, response ? wrongIn(*response, user) : "");
  }
  if (const auto tokens = session.tokens(); tokens && !isLost) hold(user, *tokens);
}

}  // namespace

TEST_CASE(
    "operations of all kinds, cancelled and lost at random: each is told once, no login is lost, no token spent "
    "twice") {
  const char* const factor = std::getenv("IRONJAR_LOAD");
  const unsigned many = 4000U * static_cast<unsigned>(factor == nullptr ? 1 : std::max(1, std::atoi(factor)));
  Crowd crowd;
  for (unsigned begun = 0; begun < many;) {
    asio::thread_pool pool(3);
    for (unsigned i = 0; i < 400; ++i, ++begun) {
      if (i % 100 == 0) crowd.upstream.provider.expireAccessTokens();
      if (i % 150 == 0) crowd.change();
      asio::co_spawn(asio::make_strand(pool), crowd.operate(begun + 1), asio::detached);
    }
    pool.join();
  }
  CHECK(crowd.told == static_cast<int>(many));
  for (const auto& [what, times] : crowd.wrong) MESSAGE(times, " times ", what);
  CHECK(crowd.wrong.empty());
  CHECK(crowd.served > crowd.cancelled);
  CHECK(crowd.cancelled > static_cast<int>(many / 50));
  CHECK(crowd.upstream.provider.counts().reuses == 0);
  crowd.upstream.provider.expireAccessTokens();
  for (std::size_t user = 0; user < Crowd::users; ++user) {
    Session session = sessionWith(crowd.heldBy(user));
    const auto response = crowd.fetcher()->performFetch(session, get());
    REQUIRE(response);
    CHECK(response->body == Crowd::nameOf(user));
  }
}

}  // namespace asio_load_test

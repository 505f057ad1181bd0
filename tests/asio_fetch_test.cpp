// performFetch by Asio's completion tokens, over a transport that a test answers.
#include "support/support.hpp"
#include "support/upstream.hpp"

#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <thread>

#include <ironjar/asio/fetch.hpp>

namespace asio_fetch_test {

using namespace ironjar;
using namespace std::chrono_literals;
namespace asio = boost::asio;
using support::errorOf;
using support::fetchOptions;
using support::get;
using support::sessionWith;
using support::Upstream;

namespace {

AsyncTransport atOnce(Transport transport) {
  return [transport = std::move(transport)](const Request& request, Deadline deadline, const std::stop_token&,
                                            const ResponseHandler& done) { done(transport(request, deadline)); };
}

// An upstream whose token endpoint or API is answered when a test says so.
struct Site {
  explicit Site(const char* held = nullptr) {
    FetchOptions options = fetchOptions(upstream);
    options.asyncTransport = [this, held, now = atOnce(upstream.transport())](const Request& request, Deadline deadline,
                                                                              const std::stop_token& stop,
                                                                              const ResponseHandler& done) {
      if (held == nullptr || !request.url.starts_with(held)) return now(request, deadline, stop, done);
      waiting.push_back({request, done});
      stops.push_back(
          std::make_unique<std::stop_callback<std::function<void()>>>(stop, [done] { done(fail(Errc::cancelled)); }));
    };
    fetcher.emplace(options);
  }
  void answer() {
    auto held = std::move(waiting);
    waiting.clear();
    for (const auto& [request, done] : held)
      done(upstream.transport()(request, std::chrono::steady_clock::now() + 10s));
  }

  Upstream upstream;
  std::optional<Fetcher> fetcher;
  std::vector<std::pair<Request, ResponseHandler>> waiting;
  std::vector<std::unique_ptr<std::stop_callback<std::function<void()>>>> stops;
};

// An allocator that counts.
template <class T>
struct Counting {
  using value_type = T;
  explicit Counting(std::atomic<int>& live_) : live(&live_) {}
  template <class U>
  Counting(const Counting<U>& other) : live(other.live) {}  // NOLINT: as allocators must
  T* allocate(std::size_t count) {
    ++*live;
    return std::allocator<T>().allocate(count);
  }
  void deallocate(T* at, std::size_t count) {
    --*live;
    std::allocator<T>().deallocate(at, count);
  }
  friend bool operator==(const Counting&, const Counting&) = default;
  std::atomic<int>* live;
};

}  // namespace

TEST_CASE("awaited, with a refresh on the way") {
  Site site;
  asio::io_context io;
  Session session = sessionWith(site.upstream.provider.login());
  const std::string before = session.tokens()->accessToken;
  site.upstream.provider.expireAccessTokens();
  bool isDone = false;
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> {
        const auto thread = std::this_thread::get_id();
        const Result<Response> response = co_await asyncFetch(*site.fetcher, session, get(), asio::use_awaitable);
        CHECK(response->status == 200);
        CHECK(response->trace.attempts == 2);
        CHECK(session.tokens()->accessToken != before);
        CHECK(session.changed());
        CHECK(std::this_thread::get_id() == thread);
        isDone = true;
      },
      asio::detached);
  io.run();
  CHECK(isDone);
}

TEST_CASE("a callback, never called within asyncFetch; a future; and deferred") {
  Site site;
  asio::io_context io;
  Session session = sessionWith(site.upstream.provider.login());
  int called = 0;
  asyncFetch(*site.fetcher, session, get(), asio::bind_executor(io, [&](const Result<Response>& response) {
    CHECK(response->status == 200);
    ++called;
  }));
  CHECK(called == 0);
  auto later = asyncFetch(*site.fetcher, session, get(), asio::deferred);
  std::move(later)(asio::bind_executor(io, [&](const Result<Response>& response) {
    CHECK(response->status == 200);
    ++called;
  }));
  io.run();
  CHECK(called == 2);
  CHECK(asyncFetch(*site.fetcher, session, get(), asio::use_future).get()->status == 200);
}

TEST_CASE("fetches for one session at a time, one refresh") {
  Site site(nullptr);
  asio::io_context io;
  Session session = sessionWith(site.upstream.provider.login());
  site.upstream.provider.expireAccessTokens();
  bool isDone = false;
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> {
        using namespace asio::experimental::awaitable_operators;
        const auto [one, other] = co_await (asyncFetch(*site.fetcher, session, get(), asio::use_awaitable) &&
                                            asyncFetch(*site.fetcher, session, get("/more"), asio::use_awaitable));
        CHECK(one->status == 200);
        CHECK(other->status == 200);
        isDone = true;
      },
      asio::detached);
  io.run();
  CHECK(isDone);
  CHECK(site.upstream.provider.counts().tokenCalls == 1);
  CHECK(site.fetcher->performFetch(session, get())->trace.attempts == 1);
}

TEST_CASE("a login that is over ends the session, but not one that was signed in meanwhile") {
  for (const bool signsIn : {false, true}) {
    CAPTURE(signsIn);
    Site site(support::api);
    asio::io_context io;
    Session session = sessionWith({.accessToken = "unknown", .refreshToken = "unknown"});
    bool isDone = false;
    asyncFetch(*site.fetcher, session, get(), asio::bind_executor(io, [&](const Result<Response>& response) {
      CHECK(errorOf(response) == Errc::loginRequired);
      isDone = true;
    }));
    if (signsIn) session.setTokens(site.upstream.provider.login());
    site.answer();
    io.run();
    CHECK(isDone);
    CHECK(session.destroyed() == !signsIn);
  }
}

TEST_CASE("each operation can be cancelled by itself, of any type") {
  for (const auto type :
       {asio::cancellation_type::terminal, asio::cancellation_type::partial, asio::cancellation_type::total}) {
    Site site(support::api);
    asio::io_context io;
    Session session = sessionWith(site.upstream.provider.login());
    asio::cancellation_signal signal;
    std::vector<std::string> ends;
    const auto tell = [&](const Result<Response>& response) {
      ends.push_back(response ? std::to_string(response->status) : std::string(nameOf(response.error().code)));
    };
    asyncFetch(*site.fetcher, session, get(),
               asio::bind_cancellation_slot(signal.slot(), asio::bind_executor(io, tell)));
    asyncFetch(*site.fetcher, session, get(), asio::bind_executor(io, tell));
    signal.emit(type);
    io.poll();
    CHECK(ends == std::vector<std::string>{"cancelled"});
    site.answer();
    io.run();
    CHECK(ends == std::vector<std::string>{"cancelled", "200"});
    signal.emit(type);  // there is nothing to be cancelled any more
  }
}

TEST_CASE("cancelling one fetch leaves the refresh to the others") {
  Site site;
  FetchOptions options = site.fetcher->options();
  std::vector<std::pair<Request, ResponseHandler>> asked;
  const AsyncTransport now = options.asyncTransport;
  options.coordinator = nullptr;
  options.asyncTransport = [&, now](const Request& request, Deadline deadline, const std::stop_token& stop,
                                    const ResponseHandler& done) {
    if (request.url != site.upstream.provider.tokenUrl()) return now(request, deadline, stop, done);
    asked.emplace_back(request, done);
  };
  const Fetcher fetcher(options);
  asio::io_context io;
  const TokenSet tokens = site.upstream.provider.login();
  site.upstream.provider.expireAccessTokens();
  Session one = sessionWith(tokens), other = sessionWith(tokens);
  asio::cancellation_signal signal;
  std::vector<std::string> ends;
  const auto tell = [&](const Result<Response>& response) {
    ends.push_back(response ? std::to_string(response->status) : std::string(nameOf(response.error().code)));
  };
  asyncFetch(fetcher, one, get(), asio::bind_cancellation_slot(signal.slot(), asio::bind_executor(io, tell)));
  asyncFetch(fetcher, other, get(), asio::bind_executor(io, tell));
  signal.emit(asio::cancellation_type::terminal);
  io.poll();
  REQUIRE(asked.size() == 1);
  asked[0].second(site.upstream.transport()(asked[0].first, std::chrono::steady_clock::now() + 10s));
  io.run();
  CHECK(ends == std::vector<std::string>{"cancelled", "200"});
}

TEST_CASE("the associated allocator is used for what leads to the handler, and given all back before it is called") {
  Site site(support::api);
  asio::io_context io;
  Session session = sessionWith(site.upstream.provider.login());
  std::atomic<int> live = 0;
  bool isDone = false;
  asyncFetch(*site.fetcher, session, get(),
             asio::bind_allocator(Counting<char>(live), asio::bind_executor(io, [&](const Result<Response>&) {
                                    isDone = true;
                                    CHECK(live == 0);
                                  })));
  CHECK(live == 0);
  site.answer();
  CHECK(live > 0);
  io.run();
  CHECK(isDone);
  CHECK(live == 0);
}

TEST_CASE("a body's function that throws ends the fetch, at once or at the second try") {
  for (const int good : {0, 1}) {
    CAPTURE(good);
    Site site;
    asio::io_context io;
    Session session = sessionWith(site.upstream.provider.login());
    site.upstream.provider.expireAccessTokens();
    Request upload{.method = "POST", .url = get().url};
    upload.openBody = [left = good]() mutable -> BodyReader {
      if (left-- == 0) throw std::runtime_error("theirs");
      return [] { return std::string(); };
    };
    bool isDone = false;
    asyncFetch(*site.fetcher, session, upload, asio::bind_executor(io, [&](const Result<Response>& response) {
      CHECK(errorOf(response) == Errc::malformed);
      isDone = true;
    }));
    io.run();
    CHECK(isDone);
  }
}

TEST_CASE("a context that goes takes along what waits, and what comes later disturbs nobody") {
  Site site(support::api);
  const auto held = std::make_shared<int>(0);
  {
    asio::io_context io;
    asio::co_spawn(
        io,
        [&site, held]() -> asio::awaitable<void> {
          Session session = sessionWith(site.upstream.provider.login());
          const auto response = co_await asyncFetch(*site.fetcher, session, get(), asio::use_awaitable);
          FAIL_CHECK("it goes on: " << response.has_value());
        },
        asio::detached);
    io.poll();
    CHECK(held.use_count() == 2);
  }
  CHECK(held.use_count() == 1);
  site.answer();
}

TEST_CASE("many threads, many fetches, cancelled at random: each is told once") {
  Upstream upstream;
  FetchOptions options = fetchOptions(upstream);
  options.asyncTransport = onThreads(upstream.transport(), 3);
  options.coordinator = std::make_shared<LocalCoordinator>(LocalCoordinatorOptions{.maxWaitersPerToken = 1000});
  const Fetcher fetcher(options);
  const TokenSet tokens = upstream.provider.login();
  upstream.provider.expireAccessTokens();
  asio::thread_pool pool(3);
  std::atomic<int> told = 0;
  constexpr int count = 600;
  for (int i = 0; i < count; ++i) {
    asio::co_spawn(
        asio::make_strand(pool),
        [&, i]() -> asio::awaitable<void> {
          Session session = sessionWith(tokens);
          const auto strand = co_await asio::this_coro::executor;
          asio::cancellation_signal signal;
          if (i % 3 == 0) asio::post(strand, [&signal] { signal.emit(asio::cancellation_type::terminal); });
          const Result<Response> response = co_await asyncFetch(
              fetcher, session, get(), asio::bind_cancellation_slot(signal.slot(), asio::use_awaitable));
          if (response ? response->status == 200 : response.error().code == Errc::cancelled) ++told;
        },
        asio::detached);
  }
  pool.join();
  CHECK(told == count);
}

TEST_CASE("an operation that nobody ends is an error when the last who could has gone") {
  boost::asio::io_context io;
  std::vector<Errc> codes;
  const auto told = [&](const Result<int>& result) { codes.push_back(result ? Errc{} : result.error().code); };
  std::function<void(Result<int>)> kept;
  for (const bool isKept : {false, true}) {
    detail::asioOperation<Result<int>>(
        detail::AsioAlone(),
        [&kept, isKept](detail::AsioAlone&, std::function<void(Result<int>)> done, const std::stop_token&) {
          if (isKept) kept = std::move(done);
        },
        boost::asio::bind_executor(io, told));
  }
  io.poll();
  CHECK(codes == std::vector{Errc::transport});
  kept(7);
  kept = nullptr;
  io.run();
  CHECK(codes == std::vector{Errc::transport, Errc{}});
}

}  // namespace asio_fetch_test

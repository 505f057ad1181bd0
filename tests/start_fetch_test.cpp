// performFetch on completions.
#include "support/support.hpp"
#include "support/upstream.hpp"

#include <future>
#include <thread>

#include <ironjar/dpop.hpp>
#include <ironjar/testing/clock.hpp>

namespace start_fetch_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::bearer;
using support::errorOf;
using support::fetchOptions;
using support::get;
using support::sessionWith;
using support::Upstream;

namespace {

Deadline soon() { return std::chrono::steady_clock::now() + 10s; }

class Told {
 public:
  [[nodiscard]] ResponseHandler handler() {
    return [this](Result<Response> result) {
      if (times_++ == 0) promise_.set_value(std::move(result));
    };
  }
  [[nodiscard]] int times() const { return times_; }
  [[nodiscard]] Result<Response> wait() {
    auto future = promise_.get_future();
    if (future.wait_for(20s) != std::future_status::ready) return fail(Errc::unsupported, "it hangs");
    return future.get();
  }

 private:
  std::atomic<int> times_ = 0;
  std::promise<Result<Response>> promise_;
};

// Requests that wait until a test answers them.
class Wire {
 public:
  [[nodiscard]] AsyncTransport transport() {
    return [this](const Request& request, Deadline, const std::stop_token& stop, ResponseHandler done) {
      requests.push_back(request);
      const auto sent = std::make_shared<ResponseHandler>(std::move(done));
      sent_.push_back(sent);
      const auto cancel = [sent] {
        if (const auto waits = std::exchange(*sent, nullptr)) waits(fail(Errc::cancelled));
      };
      stops_.push_back(std::make_unique<std::stop_callback<std::function<void()>>>(stop, cancel));
    };
  }
  void answer(Response response) { take()(std::move(response)); }
  void drop() { take() = nullptr; }
  [[nodiscard]] std::size_t waiting() const { return sent_.size(); }

  std::vector<Request> requests;

 private:
  ResponseHandler take() {
    const auto first = sent_.front();
    sent_.erase(sent_.begin());
    return std::exchange(*first, nullptr);
  }
  std::vector<std::shared_ptr<ResponseHandler>> sent_;
  std::vector<std::unique_ptr<std::stop_callback<std::function<void()>>>> stops_;
};

AsyncTransport atOnce(Transport transport) {
  return [transport = std::move(transport)](const Request& request, Deadline deadline, const std::stop_token&,
                                            const ResponseHandler& done) { done(transport(request, deadline)); };
}

// The token endpoint alone, on the thread that asks.
FetchOptions withoutThreads(Upstream& upstream) {
  FetchOptions options = fetchOptions(upstream);
  options.asyncTransport = atOnce(options.transport);
  options.transport = nullptr;
  return options;
}

Result<Response> started(const Fetcher& fetcher, Session& session, const Request& request,
                         const AsyncTransport& transport) {
  Told told;
  startFetch(fetcher, session, request, transport, told.handler());
  Result<Response> result = told.wait();
  CHECK(told.times() == 1);
  return result;
}

}  // namespace

TEST_CASE("a spent token is refreshed and the request sent again, as by performFetch") {
  for (const bool hasThreads : {true, false}) {
    CAPTURE(hasThreads);
    Upstream upstream;
    const Fetcher fetcher(hasThreads ? fetchOptions(upstream) : withoutThreads(upstream));
    Session session = sessionWith(upstream.provider.login());
    CHECK(started(fetcher, session, get(), atOnce(upstream.transport()))->trace.attempts == 1);
    upstream.provider.expireAccessTokens();
    const auto response = started(fetcher, session, get(), atOnce(upstream.transport()));
    REQUIRE(response);
    CHECK(response->status == 200);
    CHECK(response->trace.attempts == 2);
    CHECK(response->trace.refreshedBy == RefreshedBy::self);
    CHECK(session.changed());
    upstream.provider.expireAccessTokens();
    const auto blockingResponse = fetcher.performFetch(session, get());
    REQUIRE(blockingResponse);
    CHECK(blockingResponse->trace.attempts == 2);
    CHECK(upstream.provider.counts().tokenCalls == 2);
  }
}

TEST_CASE("a thousand fetches wait for one refresh, without a thread") {
  Upstream upstream;
  Wire provider;
  FetchOptions options = fetchOptions(upstream);
  options.asyncTransport = provider.transport();
  options.coordinator =
      std::make_shared<LocalCoordinator>(LocalCoordinatorOptions{.maxWaiters = 2000, .maxWaitersPerToken = 2000});
  const Fetcher fetcher(options);
  const TokenSet tokens = upstream.provider.login();
  upstream.provider.expireAccessTokens();
  std::vector<Session> sessions(1000, sessionWith(tokens));
  std::vector<Told> told(sessions.size());
  for (std::size_t i = 0; i < sessions.size(); ++i) {
    startFetch(fetcher, sessions[i], get(), atOnce(upstream.transport()), told[i].handler());
  }
  CHECK(provider.waiting() == 1);
  CHECK(options.coordinator->stats().waiters == 1000);
  provider.answer(*upstream.transport()(provider.requests.front(), soon()));
  for (Told& each : told) CHECK(each.wait()->status == 200);
  CHECK(upstream.provider.counts().tokenCalls == 1);
}

TEST_CASE("what cannot be sent is told at once") {
  Upstream upstream;
  const Fetcher fetcher(fetchOptions(upstream));
  Session session = sessionWith(upstream.provider.login());
  CHECK(errorOf(started(fetcher, session, {.url = "https://elsewhere.example/"}, atOnce(upstream.transport()))) ==
        Errc::notAllowed);
}

TEST_CASE("a transport that throws, drops its request or answers twice") {
  Upstream upstream;
  const Fetcher fetcher(fetchOptions(upstream));
  Session session = sessionWith(upstream.provider.login());
  const Request post{.method = "POST", .url = get().url};
  const AsyncTransport throws = [](const auto&...) { throw std::runtime_error("theirs"); };
  CHECK(errorOf(started(fetcher, session, post, throws)) == Errc::transport);
  const AsyncTransport drops = [](const auto&...) {};
  CHECK(errorOf(started(fetcher, session, post, drops)) == Errc::transport);
  const AsyncTransport twice = [](const Request&, Deadline, const std::stop_token&, const ResponseHandler& done) {
    done(Response{.status = 200});
    done(Response{.status = 401});
    throw std::runtime_error("theirs");
  };
  CHECK(started(fetcher, session, post, twice)->status == 200);
}

TEST_CASE("cancelling ends a fetch whatever it waits for; its refresh goes on for the others") {
  Upstream upstream;
  Wire apiWire, provider;
  FetchOptions options = fetchOptions(upstream);
  options.asyncTransport = provider.transport();
  options.settleDelay = 1h;
  options.timeout = Seconds{7200};
  const Fetcher fetcher(options);
  const TokenSet tokens = upstream.provider.login();
  Session one = sessionWith(tokens), other = sessionWith(tokens);
  std::stop_source stop;
  Told told, others;

  SUBCASE("before it begins") {
    stop.request_stop();
    startFetch(fetcher, one, get(), apiWire.transport(), told.handler(), {.stop = stop.get_token()});
    CHECK(apiWire.requests.empty());
  }
  SUBCASE("the API") {
    startFetch(fetcher, one, get(), apiWire.transport(), told.handler(), {.stop = stop.get_token()});
    CHECK(apiWire.waiting() == 1);
    CHECK(told.times() == 0);
  }
  SUBCASE("the refresh, or the pause after it") {
    const bool waits = [&] {
      bool result = false;
      SUBCASE("the refresh") { result = false; }
      SUBCASE("the pause after it") { result = true; }
      return result;
    }();
    startFetch(fetcher, one, get(), apiWire.transport(), told.handler(), {.stop = stop.get_token()});
    startFetch(fetcher, other, get(), apiWire.transport(), others.handler());
    apiWire.answer({.status = 401});
    apiWire.answer({.status = 401});
    REQUIRE(provider.waiting() == 1);
    const auto answer = [&] { provider.answer(*upstream.transport()(provider.requests.front(), soon())); };
    if (waits) answer();
    CHECK(told.times() == 0);
    stop.request_stop();
    CHECK(errorOf(told.wait()) == Errc::cancelled);
    if (!waits) answer();
    CHECK(other.tokens()->accessToken != tokens.accessToken);
    CHECK(others.times() == 0);
    CHECK(told.times() == 1);
    return;
  }
  stop.request_stop();
  CHECK(errorOf(told.wait()) == Errc::cancelled);
  CHECK(told.times() == 1);
  CHECK(one.tokens()->accessToken == tokens.accessToken);
}

TEST_CASE("a settleDelay passes without a thread") {
  Upstream upstream;
  FetchOptions options = withoutThreads(upstream);
  options.settleDelay = 5ms;
  const Fetcher fetcher(options);
  Session session = sessionWith(upstream.provider.login());
  upstream.provider.expireAccessTokens();
  CHECK(started(fetcher, session, get(), atOnce(upstream.transport()))->status == 200);
}

TEST_CASE("the Fetcher may go while its fetches are under way, and whoever is told may destroy everything") {
  Upstream upstream;
  Wire provider, apiWire;
  FetchOptions options = fetchOptions(upstream);
  options.asyncTransport = provider.transport();
  options.coordinator = nullptr;
  auto fetcher = std::make_unique<Fetcher>(options);
  options = {};
  auto session = std::make_unique<Session>(sessionWith(upstream.provider.login()));
  upstream.provider.expireAccessTokens();
  Told told;
  const auto destroys = [&](Result<Response> result) {
    session.reset();
    fetcher.reset();
    told.handler()(std::move(result));
  };
  startFetch(*fetcher, *session, get(), apiWire.transport(), destroys);
  apiWire.answer({.status = 401});
  const auto refreshed = [&] { provider.answer(*upstream.transport()(provider.requests.front(), soon())); };
  SUBCASE("while it asks the API") {
    refreshed();
    fetcher.reset();
    apiWire.answer({.status = 200});
    CHECK(told.wait()->status == 200);
  }
  SUBCASE("while it waits for a refresh") {
    fetcher.reset();
    refreshed();
    apiWire.answer({.status = 200});
    CHECK(told.wait()->status == 200);
  }
  SUBCASE("when the provider's transport goes") {
    fetcher.reset();
    provider.drop();
    CHECK(errorOf(told.wait()) == Errc::refreshFailed);
  }
  SUBCASE("by who is told") {
    refreshed();
    apiWire.drop();
    apiWire.drop();  // a GET is sent twice
    CHECK(errorOf(told.wait()) == Errc::transport);
  }
  CHECK(told.times() == 1);
}

TEST_CASE("a deadline of the fetch's own ends its wait for a refresh") {
  Upstream upstream;
  Wire provider;
  FetchOptions options = fetchOptions(upstream);
  options.asyncTransport = provider.transport();
  const Fetcher fetcher(options);
  Session session = sessionWith(upstream.provider.login());
  upstream.provider.expireAccessTokens();
  Told told;
  startFetch(fetcher, session, get(), atOnce(upstream.transport()), told.handler(),
             {.deadline = std::chrono::steady_clock::now() + 20ms});
  CHECK(errorOf(told.wait()) == Errc::refreshFailed);
}

TEST_CASE("a body that comes without blocking is begun again for the second try") {
  Upstream upstream;
  const Fetcher fetcher(withoutThreads(upstream));
  Session session = sessionWith(upstream.provider.login());
  upstream.provider.expireAccessTokens();
  int begun = 0;
  const Request upload{.method = "POST", .url = get().url, .openAsyncBody = [&]() -> AsyncBodyReader {
                         ++begun;
                         const auto left = std::make_shared<int>(3);
                         return [left](const auto& done) { done(std::string((*left)-- > 0 ? "x" : "")); };
                       }};
  std::vector<std::string> bodies;
  const AsyncTransport transport = atOnce([&](const Request& request, Deadline deadline) -> Result<Response> {
    bodies.push_back(*readBody(request));
    Request whole = request;
    whole.openAsyncBody = nullptr;
    whole.body = bodies.back();
    return upstream.transport()(whole, deadline);
  });
  CHECK(started(fetcher, session, upload, transport)->status == 200);
  CHECK(begun == 2);
  CHECK(bodies == std::vector<std::string>{"xxx", "xxx"});
}

TEST_CASE("refreshing without a request, without blocking") {
  Upstream upstream;
  const Fetcher fetcher(withoutThreads(upstream));
  Session session = sessionWith(upstream.provider.login());
  std::vector<Result<RefreshedBy>> told;
  const auto tell = [&](const Result<RefreshedBy>& by) { told.push_back(by); };
  fetcher.startRefresh(session, tell);
  Session nobody;
  fetcher.startRefresh(nobody, tell);
  REQUIRE(told.size() == 2);
  CHECK(told[0].value() == RefreshedBy::self);
  CHECK(errorOf(told[1]) == Errc::loginRequired);
}

TEST_CASE("startRequestTokens tells its outcome once, whatever the transport does") {
  const TokenEndpoint endpoint{.url = "https://id.example/token", .clientAuth = publicClient("web")};
  const Response tokens{.status = 200, .body = R"({"access_token":"a","token_type":"Bearer"})"};
  std::vector<std::string> told;
  const auto outcomes = [&](const AsyncTransport& transport, TokenRequestOptions options = {}) {
    told.clear();
    startRequestTokens(
        transport, endpoint, {{"grant_type", "authorization_code"}, {"code", "c"}},
        [&](const Result<TokenSet>& got) {
          told.push_back(got ? got->accessToken : std::string(nameOf(got.error().code)));
        },
        std::move(options));
    return told;
  };
  using All = std::vector<std::string>;
  const auto answers = [&](const Request& request, Deadline, const std::stop_token&, const ResponseHandler& done) {
    CHECK(request.body.find("code=c") != std::string::npos);
    done(tokens);
  };
  CHECK(outcomes(answers) == All{"a"});
  CHECK(outcomes([&](const auto&, auto, const auto&, const ResponseHandler& done) {
          done(tokens), done(fail(Errc::timeout));
        }) == All{"a"});
  CHECK(outcomes([](const auto&, auto, const auto&, const ResponseHandler&) {}) ==
        All{std::string(nameOf(Errc::transport))});
  CHECK(outcomes([](const auto&, auto, const auto&, const ResponseHandler&) { throw std::runtime_error("x"); }) ==
        All{std::string(nameOf(Errc::transport))});
  CHECK(outcomes([](const auto&, auto, const auto&, const ResponseHandler& done) { done(Response{.status = 503}); }) ==
        All{std::string(nameOf(Errc::refreshFailed))});
  CHECK(outcomes(answers, {.dpopKey = "no key"}) == All{std::string(nameOf(Errc::loginRequired))});

  // A proof that wants a nonce is made again, once.
  int asked = 0;
  const auto wantsNonce = [&](const Request&, Deadline, const std::stop_token&, const ResponseHandler& done) {
    ++asked;
    done(Response{.status = 400,
                  .headers = {{"DPoP-Nonce", "n" + std::to_string(asked)}},
                  .body = R"({"error":"use_dpop_nonce"})"});
  };
  CHECK(outcomes(wantsNonce, {.dpopKey = generateDpopKey()}).size() == 1);
  CHECK(asked == 2);
}

}  // namespace start_fetch_test

// Bodies that are sent again after a refresh, and those that cannot be.
#include "support/support.hpp"
#include "support/upstream.hpp"

#include <thread>

namespace fetch_body_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::errorOf;
using support::Upstream;

namespace {

// A reader of `text` in pieces of three bytes.
BodyReader readerOf(std::string text) {
  return [text = std::move(text), at = std::size_t{0}]() mutable -> Result<std::string> {
    std::string piece = text.substr(at, 3);
    at += piece.size();
    return piece;
  };
}

// A spent session at an API that writes down the bodies it gets.
struct Api {
  Api() : fetcher(support::fetchOptions(upstream)) {
    session.setTokens(upstream.provider.login());
    upstream.provider.expireAccessTokens();
  }
  Result<Response> post(std::function<BodyReader()> openBody) {
    return fetcher.performFetch(
        session, {.method = "POST", .url = std::string(support::api) + "/items", .openBody = std::move(openBody)});
  }
  std::vector<std::string> bodies() const {
    std::vector<std::string> all;
    for (const Request& request : upstream.api.seen()) all.push_back(request.body);
    return all;
  }

  Upstream upstream;
  Fetcher fetcher;
  Session session;
};

// What a transport was told of time.
struct Asked {
  std::chrono::milliseconds uploadIdle{};
  Deadline deadline;
};

}  // namespace

TEST_CASE("R11 a body that can be opened again is sent again, byte for byte, however large") {
  Api api;
  const std::string text = std::string("a\0b", 3) + std::string(2'000'000, 'x');
  int opened = 0;
  const auto response = api.post([&] {
    ++opened;
    return readerOf(text);
  });
  CHECK(response->status == 200);
  CHECK(opened == 2);
  CHECK(api.bodies() == std::vector<std::string>{text, text});
  CHECK_FALSE(response->trace.retryable);
}

TEST_CASE("R10 a stream is sent once: the tokens are fresh, the 401 is marked, and the next POST succeeds") {
  Api api;
  const TokenSet spent = api.session.tokens().value();
  BodyReader stream = readerOf("only once");
  const auto response = api.post([&] { return std::exchange(stream, nullptr); });
  CHECK(response->status == 401);
  CHECK(response->trace.attempts == 1);
  CHECK(response->trace.retryable);
  CHECK(api.bodies() == std::vector<std::string>{"only once"});
  CHECK(api.session.tokens()->refreshToken != spent.refreshToken);
  CHECK(api.session.changed());

  BodyReader next = readerOf("the next");
  const auto again = api.post([&] { return std::exchange(next, nullptr); });
  CHECK(again->status == 200);
  CHECK(again->trace.attempts == 1);
  CHECK(api.upstream.provider.counts().tokenCalls == 1);
}

TEST_CASE("a body that has been sent is let go before tokens are refreshed, and before it is opened again") {
  Api api;
  std::weak_ptr<int> held;  // such as a file that is open, or locked
  bool heldMeanwhile = false;
  FetchOptions options = support::fetchOptions(api.upstream);
  options.transport = [&, send = options.transport](const Request& request, Deadline deadline) {
    if (request.url == api.upstream.provider.tokenUrl()) heldMeanwhile = !held.expired();
    return send(request, deadline);
  };
  api.fetcher = Fetcher(std::move(options));
  const auto response = api.post([&]() -> BodyReader {
    if (!held.expired()) return nullptr;
    const auto file = std::make_shared<int>();
    held = file;
    return [file, next = readerOf("one at a time")] { return next(); };
  });
  CHECK(response->status == 200);
  CHECK(api.bodies() == std::vector<std::string>(2, "one at a time"));
  CHECK_FALSE(heldMeanwhile);
}

TEST_CASE("a body that fails while it is read, or cannot be opened at all, is the caller's error") {
  Api api;
  const auto broken = api.post([] { return [] { return Result<std::string>(fail(Errc::transport, "upload cut")); }; });
  CHECK(errorOf(broken) == Errc::transport);
  CHECK(errorOf(api.post([] { return BodyReader(); })) == Errc::malformed);
  CHECK(api.upstream.provider.counts().tokenCalls == 0);
  CHECK_FALSE(api.session.destroyed());
}

TEST_CASE("a body that is streamed up moves its deadline on by the timeout, no other one does, nor past a limit") {
  Upstream upstream;
  std::vector<Asked> asked;
  FetchOptions options = support::fetchOptions(upstream);
  options.timeout = Seconds{20};
  options.transport = [&](const Request& request, Deadline deadline) {
    asked.push_back({request.uploadIdle, deadline});
    return Response{.status = 200};
  };
  const Fetcher fetcher(std::move(options));
  Session session;
  session.setTokens(upstream.provider.login());
  const Request whole{.method = "POST", .url = std::string(support::api) + "/items", .uploadIdle = 1h};
  Request stream = whole;
  stream.openBody = [] { return readerOf("in pieces"); };
  Request asyncStream = whole;
  asyncStream.openAsyncBody = [] { return [](const auto& done) { done(std::string()); }; };
  const auto ask = [&](const Request& request, std::optional<Deadline> limit = std::nullopt) {
    CHECK(fetcher.performFetch(session, request, limit));
    return asked.back();
  };

  CHECK(ask(whole).uploadIdle == 0ms);
  CHECK(ask(stream).uploadIdle == 20s);
  CHECK(ask(asyncStream).uploadIdle == 20s);
  const Deadline now = std::chrono::steady_clock::now();
  CHECK(ask(stream).deadline < now + 1h);
  for (const Deadline limit : {now + 10s, now + 2h}) {
    CHECK(ask(stream, limit).uploadIdle == 0ms);
    CHECK(ask(stream, limit).deadline == limit);
    CHECK(ask(whole, limit).deadline <= limit);
  }
  CHECK(ask(whole, now + 2h).deadline < now + 1h);
}

TEST_CASE("once an upload is answered its refresh and its next try have their own time, up to a limit") {
  Api api;
  const Request stream{.method = "POST", .url = std::string(support::api) + "/items", .openBody = [] {
                         return readerOf("however long it took");
                       }};
  const Request whole{.method = "POST", .url = stream.url};
  const Deadline limit = std::chrono::steady_clock::now() + 10s;
  struct Case {
    const Request& request;
    std::optional<Deadline> limit;
    bool isLater;
  };
  for (const Case& one : {Case{stream, {}, true}, Case{whole, {}, false}, Case{stream, limit, false}}) {
    CAPTURE(one.isLater);
    Fetch fetch = api.fetcher.fetch(api.session, one.request, one.limit);
    Fetch::Step step = fetch.begin();
    REQUIRE(std::holds_alternative<Fetch::Send>(step));
    const Deadline first = std::get<Fetch::Send>(step).deadline;
    step = fetch.answered(Response{.status = 401});
    REQUIRE(std::holds_alternative<Fetch::Refresh>(step));
    step = fetch.refresh();
    REQUIRE(std::holds_alternative<Fetch::Send>(step));
    CHECK((std::get<Fetch::Send>(step).deadline > first) == one.isLater);
    CHECK(std::get<Fetch::Send>(step).request->uploadIdle == (one.isLater ? api.fetcher.options().timeout : 0s));
    step = fetch.answered(Response{.status = 200});
    CHECK(std::get<Fetch::Return>(step).result->trace.attempts == 2);
  }
}

TEST_CASE("a 401 to an upload that took longer than the timeout is refreshed, answered and marked") {
  Api api;
  FetchOptions options = support::fetchOptions(api.upstream);
  options.timeout = Seconds{3};
  options.transport = [&, send = options.transport](const Request& request, Deadline deadline) {
    if (hasStreamedBody(request)) std::this_thread::sleep_for(3100ms);
    return send(request, deadline);
  };
  api.fetcher = Fetcher(std::move(options));
  CHECK(api.post([] { return readerOf("again"); })->status == 200);
  CHECK(api.bodies() == std::vector<std::string>(2, "again"));

  api.upstream.provider.expireAccessTokens();
  BodyReader stream = readerOf("only once");
  const auto response = api.post([&] { return std::exchange(stream, nullptr); });
  CHECK(response->status == 401);
  CHECK(response->trace.retryable);
  CHECK(api.upstream.provider.counts().tokenCalls == 2);
}

TEST_CASE("readBody reads a body whichever way a request has it") {
  CHECK(readBody({.url = "", .body = "text"}).value() == "text");
  CHECK(readBody({.url = "", .openBody = [] { return readerOf("in pieces"); }}).value() == "in pieces");
  CHECK(readBody({.url = "", .openBody = [] { return readerOf(""); }}).value() == "");
}

}  // namespace fetch_body_test

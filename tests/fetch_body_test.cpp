// Bodies that are sent again after a refresh, and those that cannot be.
#include "support/support.hpp"
#include "support/upstream.hpp"

using namespace ironjar;
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

TEST_CASE("readBody reads a body whichever way a request has it") {
  CHECK(readBody({.url = "", .body = "text"}).value() == "text");
  CHECK(readBody({.url = "", .openBody = [] { return readerOf("in pieces"); }}).value() == "in pieces");
  CHECK(readBody({.url = "", .openBody = [] { return readerOf(""); }}).value() == "");
}

// What performFetch decides, without a coordinator, a transport or a clock: each row of FetchPlan's table.
#include "fetch/fetch_plan.hpp"

#include "support/support.hpp"
#include "support/upstream.hpp"

#include <stdexcept>

namespace fetch_plan_test {

using namespace ironjar;
using detail::FetchPlan;
using detail::SessionFacts;

namespace {

const std::string api = "https://api.example";

FetchOptions options() {
  return {.transport = [](const Request&, Deadline) -> Result<Response> { return fail(Errc::transport); },
          .allowedOrigins = {api},
          .tokenEndpoint = {.url = "https://id.example/token", .clientAuth = publicClient("web")}};
}

FetchPlan plan(FetchOptions changed = options(), Request request = {.url = api + "/items"}) {
  return {std::make_shared<const FetchOptions>(std::move(changed)), std::move(request)};
}

SessionFacts holding(const std::string& name, bool isGood = true) {
  return {.tokens = TokenSet{.accessToken = "at-" + name, .refreshToken = "rt-" + name}, .id = "id", .isGood = isGood};
}

Response answer(int status, Headers headers = {}) { return {.status = status, .headers = std::move(headers)}; }

// A step as a word, so that a transition is a line.
std::string word(const FetchPlan::Step& step) {
  if (const auto* send = std::get_if<FetchPlan::Send>(&step)) {
    return "send " + std::to_string(send->attempt) + " " +
           std::string(findHeader(send->request->headers, "Authorization").value_or("anonymously"));
  }
  if (const auto* refresh = std::get_if<FetchPlan::Refresh>(&step)) {
    return std::string("refresh ") + std::string(nameOf(refresh->trigger)) + (refresh->isPatient ? "" : ", shortly");
  }
  if (const auto* wait = std::get_if<FetchPlan::Wait>(&step)) return "wait " + std::to_string(wait->time.count());
  const auto& end = std::get<FetchPlan::Return>(step);
  const std::string what = end.result
                               ? std::to_string(end.result->status) + (end.result->trace.retryable ? " retryable" : "")
                               : std::string(nameOf(end.result.error().code));
  return "return " + what + (end.endsSession ? ", and the session ends" : "");
}

}  // namespace

TEST_CASE("a GET or HEAD whose connection broke is sent once more, on a connection of its own") {
  const auto broken = [](Request request, const SessionFacts& session, Errc how = Errc::transport) {
    FetchPlan sent = plan(options(), std::move(request));
    static_cast<void>(sent.begin(session));
    return word(sent.answered(fail(how), session));
  };
  CHECK(broken({.url = api + "/items"}, holding("a")) == "send 2 Bearer at-a");
  CHECK(broken({.method = "HEAD", .url = api + "/items"}, holding("a")) == "send 2 Bearer at-a");
  for (const char* method : {"POST", "PUT", "DELETE", "PATCH", "get"}) {
    CHECK(broken({.method = method, .url = api + "/items"}, holding("a")) == "return transport");
  }
  for (const Errc how : {Errc::timeout, Errc::unreachable, Errc::tooLarge, Errc::malformed}) {
    CHECK(broken({.url = api + "/items"}, holding("a"), how) == "return " + std::string(nameOf(how)));
  }
  // These have not been on a kept connection.
  CHECK(broken({.url = api + "/items", .freshConnection = true}, holding("a")) == "return transport");
  CHECK(broken({.url = api + "/items"}, {}) == "return transport");
  FetchPlan twice = plan();
  static_cast<void>(twice.begin(holding("a")));
  const auto again = twice.answered(fail(Errc::transport), holding("a"));
  CHECK(std::get<FetchPlan::Send>(again).request->freshConnection);
  CHECK(word(twice.answered(fail(Errc::transport), holding("a"))) == "return transport");
}

TEST_CASE("a request goes out with the session's token, or anonymously, and an answer is the answer") {
  FetchPlan with = plan();
  CHECK(word(with.begin(holding("a"))) == "send 1 Bearer at-a");
  CHECK(word(with.answered(answer(200), holding("a"))) == "return 200");
  FetchPlan without = plan();
  CHECK(word(without.begin({})) == "send 1 anonymously");
  CHECK(word(without.answered(fail(Errc::timeout), {})) == "return timeout");
}

TEST_CASE("what is final is returned, whatever is known of the session") {
  const auto isFinal = [](const Result<Response>& response, FetchOptions changed = options(),
                          const SessionFacts& session = holding("a")) {
    FetchPlan sent = plan(std::move(changed));
    static_cast<void>(sent.begin(session));
    const bool final = sent.isFinal(response);
    if (final) CHECK(word(sent.answered(response, {})) == "return " + std::to_string(response->status));
    return final;
  };
  for (const int status : {200, 204, 302, 400, 403, 404, 500}) CHECK(isFinal(answer(status)));
  CHECK_FALSE(isFinal(answer(401)));
  CHECK_FALSE(isFinal(fail(Errc::transport)));
  FetchOptions judging = options();
  judging.refusesToken = [](const Response& response) { return response.status == 200; };
  CHECK_FALSE(isFinal(answer(200), judging));
  SessionFacts proving = holding("a");
  proving.prove = [](Request&) { return std::optional<Error>(); };
  CHECK_FALSE(isFinal(answer(200), options(), proving));  // it may bring a nonce
}

TEST_CASE("tokens about to end are refreshed first, shortly while they are good") {
  SessionFacts due = holding("a");
  due.isDue = true;
  SessionFacts ended = holding("a", false);
  ended.isDue = true;

  FetchPlan good = plan();
  CHECK(word(good.begin(due)) == "refresh expiry, shortly");
  CHECK(word(good.refreshed(RefreshedBy::self, holding("b"))) == "send 1 Bearer at-b");

  FetchPlan failing = plan();
  static_cast<void>(failing.begin(due));
  CHECK(word(failing.refreshed(fail(Errc::refreshFailed), holding("a"))) == "send 1 Bearer at-a");

  // It is waited for until the deadline where the access token has ended meanwhile: once, and not when the login is
  // over.
  FetchPlan meanwhile = plan();
  static_cast<void>(meanwhile.begin(due));
  CHECK(word(meanwhile.refreshed(fail(Errc::refreshFailed), holding("a", false))) == "refresh expiry");
  CHECK(word(meanwhile.refreshed(fail(Errc::refreshFailed), holding("a", false))) == "return refreshFailed");
  for (const Error& error : {loginOver(RefreshEnd::invalidGrant), fail(Errc::cancelled), fail(Errc::overloaded)}) {
    FetchPlan over = plan();
    static_cast<void>(over.begin(due));
    CHECK(word(over.refreshed(error, holding("a", false))) == "return " + std::string(nameOf(error.code)));
  }

  FetchPlan patient = plan();
  CHECK(word(patient.begin(ended)) == "refresh expiry");
  CHECK(word(patient.refreshed(fail(Errc::refreshFailed), holding("a", false))) == "return refreshFailed");

  FetchPlan over = plan();
  static_cast<void>(over.begin(due));
  CHECK(word(over.refreshed(loginOver(RefreshEnd::invalidGrant), holding("a"))) == "return loginRequired");
}

TEST_CASE("a 401 has the tokens refreshed and the request sent again, maxRetries times") {
  FetchPlan once = plan();
  static_cast<void>(once.begin(holding("a")));
  CHECK(word(once.answered(answer(401), holding("a"))) == "refresh unauthorized");
  CHECK(word(once.refreshed(RefreshedBy::self, holding("b"))) == "send 2 Bearer at-b");
  CHECK(word(once.answered(answer(401), holding("b"))) == "return 401");

  FetchOptions patient = options();
  patient.maxRetries = 2;
  patient.settleDelay = std::chrono::milliseconds{70};
  FetchPlan twice = plan(patient);
  static_cast<void>(twice.begin(holding("a")));
  static_cast<void>(twice.answered(answer(401), holding("a")));
  CHECK(word(twice.refreshed(RefreshedBy::self, holding("b"))) == "wait 70");
  CHECK(word(twice.waited(holding("b"))) == "send 2 Bearer at-b");
  CHECK(word(twice.answered(answer(401), holding("b"))) == "wait 70");  // the same new token: no more is spent
  CHECK(word(twice.waited(holding("b"))) == "send 3 Bearer at-b");
  CHECK(word(twice.answered(answer(401), holding("b"))) == "return 401");
}

TEST_CASE("an API may want the token elsewhere, and say in its own way that it is no longer good") {
  FetchOptions changed = options();
  changed.tokenHeader = "X-Token";
  changed.tokenScheme = "";
  changed.refusesToken = [](const Response& response) {
    return response.status == 419 || (response.status == 200 && response.body == "spent");
  };
  const auto tokenIn = [](const FetchPlan::Step& step) {
    const Headers& headers = std::get<FetchPlan::Send>(step).request->headers;
    CHECK_FALSE(findHeader(headers, "Authorization"));
    CHECK(headers.size() == 1);
    return std::string(findHeader(headers, "x-token").value_or("none"));
  };
  FetchPlan custom = plan(changed, {.url = api + "/items", .headers = {{"x-token", "the browser's"}}});
  CHECK(tokenIn(custom.begin(holding("a"))) == "at-a");
  CHECK(word(custom.answered(answer(419), holding("a"))) == "refresh unauthorized");
  CHECK(tokenIn(custom.refreshed(RefreshedBy::self, holding("b"))) == "at-b");
  FetchPlan byBody = plan(changed);
  static_cast<void>(byBody.begin(holding("a")));
  CHECK(word(byBody.answered(Response{.status = 200, .body = "spent"}, holding("a"))) == "refresh unauthorized");
  FetchPlan forbidden = plan(changed);
  static_cast<void>(forbidden.begin(holding("a")));
  CHECK(word(forbidden.answered(answer(401), holding("a"))) == "return 401");
}

TEST_CASE("tokens that were there already are no retry, up to a bound") {
  FetchPlan behind = plan();
  static_cast<void>(behind.begin(holding("0")));
  for (int i = 1; i <= 8; ++i) {
    CHECK(word(behind.answered(answer(401), holding(std::to_string(i - 1)))) == "refresh unauthorized");
    CHECK(word(behind.refreshed(RefreshedBy::chain, holding(std::to_string(i)))) ==
          "send " + std::to_string(i + 1) + " Bearer at-" + std::to_string(i));
  }
  CHECK(word(behind.answered(answer(401), holding("8"))) == "return 401");
}

TEST_CASE("a 401 is the answer where newer tokens would not help, or may not be had") {
  const auto ends = [](FetchPlan of, const SessionFacts& session, const Headers& headers = {}) {
    static_cast<void>(of.begin(session));
    return word(of.answered(answer(401, headers), session));
  };
  for (const char* error : {"insufficient_scope", "insufficient_user_authentication", "insufficient_claims"}) {
    CHECK(ends(plan(), holding("a"), {{"www-authenticate", std::string("Bearer error=\"") + error + '"'}}) ==
          "return 401");
  }
  CHECK(ends(plan(options(), {.method = "OPTIONS", .url = api + "/items"}), holding("a")) == "return 401");
  FetchOptions excluding = options();
  excluding.excludedPaths = {"/login"};
  CHECK(ends(plan(excluding, {.url = api + "//x/../%6cogin/form"}), holding("a")) == "return 401");
  FetchOptions never = options();
  never.maxRetries = 0;
  CHECK(ends(plan(never), holding("a")) == "return 401");

  FetchPlan throttled = plan();
  static_cast<void>(throttled.begin(holding("a")));
  static_cast<void>(throttled.answered(answer(401), holding("a")));
  CHECK(word(throttled.refreshed(fail(Errc::throttled), holding("a"))) == "return 401");
}

TEST_CASE("a 401 without tokens, or without a refresh token, says so") {
  FetchPlan nobody = plan();
  static_cast<void>(nobody.begin({}));
  CHECK(word(nobody.answered(answer(401), {})) == "return loginRequired");
  FetchPlan ended = plan();
  static_cast<void>(ended.begin({.hasEnded = true}));
  CHECK(word(ended.answered(answer(401), {.hasEnded = true})) == "return expired");

  SessionFacts alone = holding("a");
  alone.tokens->refreshToken.clear();
  FetchPlan good = plan();
  static_cast<void>(good.begin(alone));
  CHECK(word(good.answered(answer(401), alone)) == "return 401");
  alone.isGood = false;
  FetchPlan spent = plan();
  static_cast<void>(spent.begin(alone));
  CHECK(word(spent.answered(answer(401), alone)) == "return loginRequired, and the session ends");
}

TEST_CASE("a body that cannot be sent again is not") {
  FetchPlan large =
      plan(options(), {.method = "POST", .url = api + "/items", .body = std::string(1024 * 1024 + 1, 'x')});
  static_cast<void>(large.begin(holding("a")));
  static_cast<void>(large.answered(answer(401), holding("a")));
  CHECK(word(large.refreshed(RefreshedBy::self, holding("b"))) == "return 401 retryable");

  int begun = 0;
  const auto once = [&begun]() -> BodyReader {
    if (++begun > 1) return nullptr;
    return [] { return Result<std::string>(std::string()); };
  };
  FetchPlan stream = plan(options(), {.method = "POST", .url = api + "/items", .openBody = once});
  CHECK(word(stream.begin(holding("a"))) == "send 1 Bearer at-a");
  static_cast<void>(stream.answered(answer(401), holding("a")));
  CHECK(word(stream.refreshed(RefreshedBy::self, holding("b"))) == "return 401 retryable");
}

TEST_CASE("what was not asked for is the driver's mistake") {
  FetchPlan early = plan();
  CHECK_THROWS_AS(static_cast<void>(early.answered(answer(200), {})), std::logic_error);
  static_cast<void>(early.begin(holding("a")));
  CHECK_THROWS_AS(static_cast<void>(early.refreshed(RefreshedBy::self, {})), std::logic_error);
  CHECK_THROWS_AS(static_cast<void>(early.waited({})), std::logic_error);
  static_cast<void>(early.answered(answer(200), holding("a")));
  CHECK_THROWS_AS(static_cast<void>(early.answered(answer(200), holding("a"))), std::logic_error);
}

TEST_CASE("a fetch that is driven out of order throws, and spends no refresh token") {
  support::Upstream upstream;
  const Fetcher fetcher(support::fetchOptions(upstream));
  Session session;
  session.setTokens(upstream.provider.login());
  Fetch fetch = fetcher.fetch(session, {.url = std::string(support::api) + "/items"});
  CHECK_THROWS_AS(static_cast<void>(fetch.answered(Response{.status = 200})), std::logic_error);
  CHECK_THROWS_AS(static_cast<void>(fetch.refresh()), std::logic_error);
  CHECK(std::holds_alternative<Fetch::Send>(fetch.begin()));
  CHECK_THROWS_AS(static_cast<void>(fetch.begin()), std::logic_error);
  CHECK_THROWS_AS(static_cast<void>(fetch.refresh()), std::logic_error);
  CHECK(upstream.provider.counts().tokenCalls == 0);
  Fetch refused = fetcher.fetch(session, {.url = "https://elsewhere.example/"});
  CHECK(std::holds_alternative<Fetch::Return>(refused.begin()));
  CHECK_THROWS_AS(static_cast<void>(refused.waited()), std::logic_error);
}

TEST_CASE("a fetch in steps ends as performFetch does") {
  support::Upstream upstream;
  FetchOptions given = support::fetchOptions(upstream);
  given.settleDelay = std::chrono::milliseconds{1};
  const Fetcher fetcher(given);
  Session session;
  session.setTokens(upstream.provider.login());
  upstream.provider.expireAccessTokens();
  Fetch fetch = fetcher.fetch(session, {.url = std::string(support::api) + "/items"});
  std::string steps;
  Fetch::Step step = fetch.begin();
  while (!std::holds_alternative<Fetch::Return>(step)) {
    if (const auto* send = std::get_if<Fetch::Send>(&step)) {
      steps += "send ";
      step = fetch.answered(given.transport(*send->request, send->deadline));
    } else if (std::holds_alternative<Fetch::Refresh>(step)) {
      steps += "refresh ";
      step = fetch.refresh();
    } else {
      steps += "wait ";
      step = fetch.waited();
    }
  }
  CHECK(steps == "send refresh wait send ");
  CHECK(std::get<Fetch::Return>(step).result->status == 200);
  CHECK(upstream.provider.counts().refreshes == 1);
}

TEST_CASE(
    "a 401 that asks for a nonce has the request sent again with it, once in a row, without a refresh or a retry") {
  FetchOptions never = options();
  never.maxRetries = 0;
  int proofs = 0;
  SessionFacts bound = holding("a");
  bound.prove = [&proofs](Request& request) -> std::optional<Error> {
    eraseHeader(request.headers, "DPoP");
    request.headers.emplace_back("DPoP", std::to_string(++proofs));
    return std::nullopt;
  };
  bound.hasNewNonce = true;
  const Response asks = answer(401, {{"WWW-Authenticate", R"(Bearer x="y", DPoP error="use_dpop_nonce")"}});
  FetchPlan once = plan(never);
  CHECK(word(once.begin(bound)) == "send 1 DPoP at-a");
  const FetchPlan::Step again = once.answered(asks, bound);
  CHECK(word(again) == "send 2 DPoP at-a");
  CHECK_FALSE(std::get<FetchPlan::Send>(again).isRetry);
  CHECK(findHeader(std::get<FetchPlan::Send>(again).request->headers, "DPoP") == "2");
  CHECK(word(once.answered(asks, bound)) == "return 401");

  FetchPlan twice = plan();
  static_cast<void>(twice.begin(bound));
  static_cast<void>(twice.answered(asks, bound));
  CHECK(word(twice.answered(answer(401), bound)) == "refresh unauthorized");
  const FetchPlan::Step retried = twice.refreshed(RefreshedBy::self, bound);
  CHECK(word(retried) == "send 3 DPoP at-a");
  CHECK(std::get<FetchPlan::Send>(retried).isRetry);
  CHECK(word(twice.answered(asks, bound)) == "send 4 DPoP at-a");
  CHECK(word(twice.answered(answer(200), bound)) == "return 200");

  SessionFacts withoutNonce = bound;
  withoutNonce.hasNewNonce = false;
  FetchPlan none = plan();
  static_cast<void>(none.begin(bound));
  CHECK(word(none.answered(asks, withoutNonce)) == "return 401");
  FetchPlan invalid = plan();
  static_cast<void>(invalid.begin(bound));
  const Response refuses = answer(401, {{"WWW-Authenticate", R"(DPoP error="invalid_dpop_proof")"}});
  CHECK(word(invalid.answered(refuses, withoutNonce)) == "return 401");
  FetchPlan forbidden = plan();
  static_cast<void>(forbidden.begin(bound));
  CHECK(word(forbidden.answered(answer(403, asks.headers), bound)) == "return 403");

  SessionFacts keyless = bound;
  keyless.prove = [](Request&) -> std::optional<Error> { return fail(Errc::loginRequired); };
  FetchPlan refused = plan();
  CHECK(word(refused.begin(keyless)) == "return loginRequired");
}

TEST_CASE("a deadline of the call's own is kept, where it is earlier") {
  support::Upstream upstream;
  FetchOptions given = support::fetchOptions(upstream);
  Deadline seen{};
  given.transport = [&seen](const Request&, Deadline deadline) -> Result<Response> {
    seen = deadline;
    return Response{.status = 200};
  };
  const Fetcher fetcher(given);
  Session session;
  const Deadline early = std::chrono::steady_clock::now() + std::chrono::seconds{1};
  REQUIRE(fetcher.performFetch(session, {.url = std::string(support::api) + "/items"}, early));
  CHECK(seen == early);
  REQUIRE(fetcher.performFetch(session, {.url = std::string(support::api) + "/items"}, early + std::chrono::hours{1}));
  CHECK(seen < early + std::chrono::hours{1});
}

}  // namespace fetch_plan_test

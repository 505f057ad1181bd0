// A login without a thread that waits: what it asks for is answered when the test says so.
#include "support/login_site.hpp"

#include <atomic>
#include <deque>
#include <future>

#include <ironjar/web.hpp>

namespace login_async_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::LoginSite;
using support::Visitor;

namespace {

// Holds what is sent until it is answered, by the provider in this process or otherwise.
struct HeldTransport {
  struct Sent {
    Request request;
    ResponseHandler done;
    std::stop_token stop;
  };

  AsyncTransport transport() {
    return [this](const Request& request, Deadline, const std::stop_token& stop, const ResponseHandler& done) {
      const std::lock_guard lock(mutex);
      sent.push_back({request, done, stop});
    };
  }
  std::optional<Sent> take() {
    const std::lock_guard lock(mutex);
    if (sent.empty()) return std::nullopt;
    Sent first = std::move(sent.front());
    sent.pop_front();
    return first;
  }
  std::size_t waiting() {
    const std::lock_guard lock(mutex);
    return sent.size();
  }

  std::mutex mutex;
  std::deque<Sent> sent;
};

struct HeldSite {
  explicit HeldSite(const std::function<void(LoginOptions&)>& change = {})
      : site([&](LoginOptions& options, SessionOptions&) {
          options.transport = {};
          options.asyncTransport = held.transport();
          if (change) change(options);
        }) {}

  // Answers one request; false when there is none.
  bool answer() {
    auto sent = held.take();
    if (!sent) return false;
    sent->done(site.id.transport()(sent->request, {}));
    return true;
  }
  void answerAll() {
    while (answer()) {
    }
  }
  // What callback the provider would send the browser to.
  std::string url(Visitor& visitor) {
    std::optional<Result<Response>> begun;
    const std::string cookies = visitor.header();
    site.login->startBegin(LoginSite::requestOf("/login", cookies), {}, [&](Result<Response> got) { begun = got; });
    answerAll();
    REQUIRE(begun);
    visitor.take((*begun)->headers);
    return site.id.signIn(LoginSite::locationOf(**begun));
  }

  HeldTransport held;
  LoginSite site;
};

struct Outcome {
  std::function<void(Result<Response>)> handler() {
    return [this](Result<Response> got) {
      ++calls;
      response = std::move(got);
    };
  }
  int calls = 0;
  std::optional<Result<Response>> response;
};

}  // namespace

TEST_CASE("each function returns before the provider has answered, and completes once when it has") {
  HeldSite held;
  LoginSite& site = held.site;
  site.change([](auto& provider) { provider.metadata = {{"end_session_endpoint", nullptr}}; });
  Visitor ada;
  Outcome begun;
  site.login->startBegin(LoginSite::requestOf("/login", ""), {.returnTo = "/a"}, begun.handler());
  CHECK(begun.calls == 0);
  held.answerAll();
  REQUIRE(begun.calls == 1);
  ada.take((*begun.response)->headers);
  const std::string url = site.id.signIn(LoginSite::locationOf(**begun.response));
  Outcome signedIn;
  Session session = site.jar->open(ada.header());
  {
    // The request is gone when this returns.
    const std::string cookies = ada.header();
    const std::string target = url.substr(url.find('/', 8));
    site.login->startCallback(LoginSite::requestOf(target, cookies), session, {}, signedIn.handler());
  }
  CHECK(held.answer());  // the keys
  CHECK(signedIn.calls == 0);
  CHECK_FALSE(session.tokens());
  CHECK(held.answer());  // the token endpoint
  REQUIRE(signedIn.calls == 1);
  CHECK(LoginSite::locationOf(**signedIn.response) == "/a");
  CHECK(session.tokens()->subject == "ada");
  const Fetcher fetcher({.transport = site.id.transport(),
                         .allowedOrigins = {"https://api.example"},
                         .tokenEndpoint = {.url = "https://id.example/token"}});
  Outcome out;
  const WebRequest own{.method = "POST", .target = "/logout", .fields = {{"Sec-Fetch-Site", "same-origin"}}};
  site.login->startLogout(own, session, fetcher, "/bye", out.handler());
  CHECK(out.calls == 1);  // the metadata are known
  CHECK(LoginSite::locationOf(**out.response) == "/bye");
  CHECK(session.destroyed());
}

TEST_CASE("a hundred logins that begin at once wait for one request, and none for another") {
  HeldSite held;
  std::vector<Outcome> outcomes(100);
  for (Outcome& outcome : outcomes) {
    held.site.login->startBegin(LoginSite::requestOf("/login", ""), {}, outcome.handler());
  }
  CHECK(held.held.waiting() == 1);
  held.answerAll();
  for (const Outcome& outcome : outcomes) {
    REQUIRE(outcome.calls == 1);
    CHECK((*outcome.response)->status == 303);
  }
}

TEST_CASE("L67 a login that is stopped, at whichever step, signs nobody in, and completes once") {
  for (int answers = 0; answers < 2; ++answers) {
    CAPTURE(answers);
    HeldSite held;
    Visitor ada;
    const std::string url = held.url(ada);
    const std::string cookies = ada.header();
    Session session = held.site.jar->open(cookies);
    std::stop_source stop;
    Outcome outcome;
    held.site.login->startCallback(LoginSite::requestOf(url.substr(url.find('/', 8)), cookies), session, {},
                                   outcome.handler(), {.stop = stop.get_token()});
    for (int i = 0; i < answers; ++i) CHECK(held.answer());
    CHECK(outcome.calls == 0);
    auto last = held.held.take();  // under way
    REQUIRE(last);
    stop.request_stop();
    REQUIRE(outcome.calls == 1);
    CHECK(support::errorOf(*outcome.response) == Errc::cancelled);
    CHECK_FALSE(session.changed());
    last->done(held.site.id.transport()(last->request, {}));  // too late
    held.answerAll();
    CHECK(outcome.calls == 1);
    CHECK_FALSE(session.tokens());
  }
}

TEST_CASE("one that is stopped before it begins asks for nothing") {
  HeldSite held;
  std::stop_source stop;
  stop.request_stop();
  Outcome outcome;
  held.site.login->startBegin(LoginSite::requestOf("/login", ""), {}, outcome.handler(), {.stop = stop.get_token()});
  CHECK(support::errorOf(*outcome.response) == Errc::cancelled);
  CHECK(held.held.waiting() == 0);
}

TEST_CASE("L68 a provider that never answers holds a login to its deadline, not longer") {
  HeldSite held;
  std::promise<Result<Response>> promise;
  held.site.login->startBegin(LoginSite::requestOf("/login", ""), {},
                              [&](Result<Response> got) { promise.set_value(std::move(got)); },
                              {.deadline = std::chrono::steady_clock::now() + 20ms});
  const Result<Response> got = promise.get_future().get();
  REQUIRE(got);
  CHECK(got->status == 503);
  held.answerAll();  // too late, and harmless
}

TEST_CASE(
    "L69 a transport that answers twice, or drops what it was given, ends a login once, and signs nobody in twice") {
  for (const bool isDropped : {true, false}) {
    HeldSite held;
    Visitor ada;
    const std::string url = held.url(ada);
    const std::string cookies = ada.header();
    Session session = held.site.jar->open(cookies);
    Outcome outcome;
    held.site.login->startCallback(LoginSite::requestOf(url.substr(url.find('/', 8)), cookies), session, {},
                                   outcome.handler());
    CHECK(held.answer());
    auto token = held.held.take();
    REQUIRE(token);
    if (!isDropped) {
      const Result<Response> answer = held.site.id.transport()(token->request, {});
      token->done(answer);
      token->done(answer);
    }
    token.reset();
    REQUIRE(outcome.calls == 1);
    CHECK((*outcome.response)->status == (isDropped ? 503 : 303));
    CHECK(session.tokens().has_value() != isDropped);
  }
}

TEST_CASE("both forms give the same answers for whatever the provider does") {
  const auto behaving = [](const std::function<void(testing::ProviderBehaviour&)>& knob) {
    return [knob](LoginSite& site) { site.change(knob); };
  };
  const std::vector<std::pair<const char*, std::function<void(LoginSite&)>>> faults = {
      {"none", [](LoginSite&) {}},
      {"down", behaving([](auto& provider) { provider.isDown = true; })},
      {"another issuer's metadata", behaving([](auto& provider) {
         provider.metadata = {{"issuer", "https://evil.example"}};
       })},
      {"a refused code", [](LoginSite& site) { site.id.expireCodes(); }},
      {"another nonce", behaving([](auto& provider) {
         provider.claims = {{"nonce", "x"}};
       })},
      {"a token endpoint that fails", behaving([](auto& provider) { provider.instead = Response{.status = 500}; })},
      {"a client that is refused", behaving([](auto& provider) {
         provider.instead = Response{.status = 401, .body = R"({"error":"invalid_client"})"};
       })},
      {"no ID token", behaving([](auto& provider) {
         provider.instead = Response{.status = 200, .body = R"({"access_token":"a","token_type":"Bearer"})"};
       })}};
  for (const auto& [name, fault] : faults) {
    const std::string what = name;
    CAPTURE(what);
    LoginSite blocking;
    HeldSite held;
    std::vector<int> statuses;
    std::vector<std::string> users;
    for (LoginSite* site : {&blocking, &held.site}) {
      Visitor ada;
      const std::string url = site == &blocking ? site->id.signIn(site->begin(ada)) : held.url(ada);
      fault(*site);
      const std::string cookies = ada.header();
      Session session = site->jar->open(cookies);
      const std::string target = url.substr(url.find('/', 8));
      const WebRequest request = LoginSite::requestOf(target, cookies);
      Outcome outcome;
      if (site == &blocking) {
        outcome.response = site->login->callback(request, session);
      } else {
        site->login->startCallback(request, session, {}, outcome.handler());
        held.answerAll();
      }
      REQUIRE(outcome.response);
      statuses.push_back((*outcome.response)->status);
      users.push_back(session.tokens() ? session.tokens()->subject : "nobody");
    }
    CHECK(statuses[0] == statuses[1]);
    CHECK(users[0] == users[1]);
  }
}

TEST_CASE("a page for problems that throws is an internal error, and completes") {
  HeldSite held([](LoginOptions& options) {
    options.onProblem = [](const LoginProblem&) -> Response { throw std::runtime_error("the application's"); };
  });
  held.site.change([](auto& provider) { provider.isDown = true; });
  Outcome outcome;
  held.site.login->startBegin(LoginSite::requestOf("/login", ""), {}, outcome.handler());
  held.answerAll();
  REQUIRE(outcome.calls == 1);
  CHECK((*outcome.response)->status == 500);
}

TEST_CASE("what is wrong with a call is said where it is made") {
  LoginSite blocking;
  Session session = blocking.jar->open("");
  const auto ignore = [](const Result<Response>&) {};
  CHECK_THROWS_AS(blocking.login->startBegin({}, {}, ignore), std::invalid_argument);
  CHECK_THROWS_AS(blocking.login->startCallback({}, session, {}, ignore), std::invalid_argument);
  HeldSite held;
  const LoginRequest wrong{.parameters = {{"state", "x"}}};
  CHECK_THROWS_AS(held.site.login->startBegin({}, wrong, ignore), std::invalid_argument);
  CHECK_THROWS_AS(held.site.login->startCallback({}, session, wrong, ignore), std::invalid_argument);
}

TEST_CASE("a Login may go while one of its logins is under way") {
  HeldSite held;
  Outcome outcome;
  held.site.login->startBegin(LoginSite::requestOf("/login", ""), {}, outcome.handler());
  held.site.login.reset();
  held.answerAll();
  REQUIRE(outcome.calls == 1);
  CHECK((*outcome.response)->status == 303);
}

}  // namespace login_async_test

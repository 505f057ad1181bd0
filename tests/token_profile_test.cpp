// What providers ask for and answer beside RFC 6749: each setting of TokenEndpoint against one that demands it.
#include "oauth/token_call.hpp"
#include "oauth/token_endpoint.hpp"
#include "support/support.hpp"

namespace token_profile_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::at;
using support::errorOf;

namespace {

TokenEndpoint endpoint() { return {.url = "https://id.example/token", .clientAuth = publicClient("web")}; }

std::string header(const Request& request, std::string_view name) {
  return std::string(findHeader(request.headers, name).value_or("(none)"));
}
std::ptrdiff_t countOf(const Request& request, std::string_view name) {
  return std::count_if(request.headers.begin(), request.headers.end(), [&](const auto& field) {
    return std::equal(field.first.begin(), field.first.end(), name.begin(), name.end(),
                      [](char a, char b) { return std::tolower(a) == std::tolower(b); });
  });
}

Response json(const std::string& body, int status = 200) {
  return {.status = status, .headers = {{"Content-Type", "application/json"}}, .body = body};
}
Result<TokenSet> read(const TokenEndpoint& from, const Response& answer) {
  return readTokenAnswer(answer, from, at(0));
}
Result<TokenSet> readJson(const std::string& body) { return read(endpoint(), json(body)); }

const std::string someTokens = R"("access_token":"A","refresh_token":"B")";

// What a refresh sends to a provider, and what comes of its answer.
struct Call {
  explicit Call(const TokenEndpoint& from, Response answer = json("{" + someTokens + "}"))
      : call(detail::refreshCall({.transport = [this, answer](const Request& request, Deadline) -> Result<Response> {
                                    requests.push_back(request);
                                    return answer;
                                  },
                                  .endpoint = from,
                                  .refresh = {},
                                  .now = testing::VirtualClock(at(0)).wall()})
                 .blocking()) {}
  RefreshAnswer operator()() { return call({.accessToken = "at", .refreshToken = "rt", .cookies = "kept=1"}); }

  std::vector<Request> requests;
  BlockingRefresh call;
};

}  // namespace

TEST_CASE("further members of the body, in a form and in JSON") {
  TokenEndpoint from = endpoint();
  from.parameters = {{"audience", "https://api.example/"}, {"device_id", "7"}};
  CHECK(refreshRequest(from, {.refreshToken = "r"}).body ==
        "grant_type=refresh_token&refresh_token=r&audience=https%3A%2F%2Fapi.example%2F&device_id=7&client_id=web");
  from.body = BodyStyle::json;
  CHECK(Json::parse(refreshRequest(from, {.refreshToken = "r"}).body)["audience"] == "https://api.example/");
  CHECK(Json::parse(revocationRequest(endpoint(), {}).body, nullptr, false).is_discarded());
}

TEST_CASE("headers of the application's own take the place of ours") {
  TokenEndpoint from = endpoint();
  from.clientAuth = basicAuth("web", "a-secret-of-the-client");
  from.headers = {{"content-type", "application/x-amz-json-1.1"}, {"ACCEPT", "*/*"}, {"authorization", "Key 1"}};
  const Request request = refreshRequest(from, {.refreshToken = "r"});
  for (const char* name : {"Content-Type", "Accept", "Authorization"}) CHECK(countOf(request, name) == 1);
  CHECK(header(request, "Content-Type") == "application/x-amz-json-1.1");
  CHECK(header(request, "Accept") == "*/*");
  CHECK(header(request, "Authorization") == "Key 1");
}

TEST_CASE("no content coding is asked for") {
  CHECK(header(refreshRequest(endpoint(), {}), "Accept-Encoding") == "identity");
}

TEST_CASE("client authentication by a function is asked anew for each request") {
  int asked = 0;
  TokenEndpoint from = endpoint();
  from.clientAuth = customAuth("web", [&asked] {
    return ClientCredentials{.parameters = {{"client_assertion", "jwt-" + std::to_string(++asked)}},
                             .headers = {{"X-Key", "k"}, {"Content-Length", "0"}}};
  });
  CHECK(refreshRequest(from, {.refreshToken = "r"}).body ==
        "grant_type=refresh_token&refresh_token=r&client_assertion=jwt-1");
  const Request request = refreshRequest(from, {.refreshToken = "r"});
  CHECK(request.body.ends_with("client_assertion=jwt-2"));
  CHECK(header(request, "X-Key") == "k");
  CHECK(countOf(request, "Content-Length") == 0);
  CHECK_THROWS_AS(static_cast<void>(customAuth("", [] { return ClientCredentials(); })), std::invalid_argument);
  CHECK_THROWS_AS(static_cast<void>(customAuth("web", nullptr)), std::invalid_argument);
}

TEST_CASE("a call that is repeated has credentials of its own, as a server takes an assertion once") {
  TokenEndpoint from = endpoint();
  from.replay.grace = 10s;
  from.revocationUrl = "https://id.example/revoke";
  int asked = 0;
  from.clientAuth = customAuth("web", [&asked] {
    if (++asked == 6) throw std::runtime_error("the key is gone");
    return ClientCredentials{.parameters = {{"client_assertion", "jwt-" + std::to_string(asked)}}};
  });
  std::vector<std::string> sent;
  const Transport transport = [&sent](const Request& request, Deadline) -> Result<Response> {
    sent.push_back(request.body.substr(request.body.rfind('-') + 1));
    return fail(sent.size() % 2 == 1 ? Errc::unreachable : Errc::transport);
  };
  const detail::TokenCallOptions options{.transport = transport, .endpoint = from, .refresh = {}, .now = systemClock};
  CHECK_FALSE(detail::refreshCall(options).blocking()({.refreshToken = "r"}).tokens);
  detail::revokeCall(options)({.refreshToken = "r"});
  CHECK(sent == std::vector<std::string>{"1", "2", "3", "4"});
  // The second time there is no key: what the first try showed.
  const RefreshAnswer last = detail::refreshCall(options).blocking()({.refreshToken = "r"});
  CHECK(errorOf(last.tokens) == Errc::refreshFailed);
  CHECK(sent.size() == 5);
}

TEST_CASE("a function for client authentication that throws fails the refresh, says nothing and calls nobody") {
  TokenEndpoint from = endpoint();
  from.clientAuth = customAuth("web", []() -> ClientCredentials { throw std::runtime_error("key 0123 is bad"); });
  from.revocationUrl = "https://id.example/revoke";
  Call call(from);
  const RefreshAnswer answer = call();
  CHECK(errorOf(answer.tokens) == Errc::notAllowed);
  CHECK(answer.tokens.error().detail.find("0123") == std::string::npos);
  CHECK(answer.endpoint == EndpointState::refusesClient);
  CHECK(call.requests.empty());
  int sent = 0;
  const Transport transport = [&](const Request&, Deadline) -> Result<Response> {
    ++sent;
    return Response{.status = 200};
  };
  detail::revokeCall({.transport = transport, .endpoint = from, .refresh = {}, .now = systemClock})({});
  CHECK(errorOf(requestTokens(transport, from, {})) == Errc::notAllowed);
  CHECK(sent == 0);
}

TEST_CASE("credentials that no JSON can hold are not sent, and neither is anything else") {
  TokenEndpoint from = endpoint();
  from.body = BodyStyle::json;
  from.clientAuth = customAuth("web", [] { return ClientCredentials{.parameters = {{"client_secret", "\xff"}}}; });
  Call call(from);
  CHECK(errorOf(call().tokens) == Errc::notAllowed);
  CHECK(call.requests.empty());
}

TEST_CASE("a revocation is a form whatever the token endpoint wants") {
  TokenEndpoint from = endpoint();
  from.body = BodyStyle::json;
  from.headers = {{"Content-Type", "application/x-amz-json-1.1"}, {"X-Key", "k"}};
  from.parameters = {{"audience", "a"}};
  from.revocationUrl = "https://id.example/revoke";
  const Request request = revocationRequest(from, {.refreshToken = "r"});
  CHECK(header(request, "Content-Type") == "application/x-www-form-urlencoded");
  CHECK(header(request, "X-Key") == "k");
  CHECK(request.body == "token=r&token_type_hint=refresh_token&client_id=web");
}

TEST_CASE("a page of any size is judged by its status, unless it is a success") {
  const auto endpointAfter = [](int status) {
    Call call(endpoint(), {.status = status, .body = std::string(2'000'000, 'x')});
    return *call().endpoint;
  };
  CHECK(endpointAfter(403) == EndpointState::refusing);
  CHECK(endpointAfter(503) == EndpointState::failing);
  TokenEndpoint strict = endpoint();
  strict.replay.strict = true;
  CHECK(errorOf(Call(strict, {.status = 403, .body = std::string(2'000'000, 'x')})().tokens) == Errc::refreshFailed);
  CHECK(errorOf(Call(strict, {.status = 200, .body = std::string(2'000'000, 'x')})().tokens) == RefreshEnd::lost);
}

TEST_CASE("the refresh token as Bearer is not in the body") {
  TokenEndpoint from = endpoint();
  from.bearer = EndpointBearer::refreshToken;
  const Request request = refreshRequest(from, {.accessToken = "A", .refreshToken = "B"});
  CHECK(header(request, "Authorization") == "Bearer B");
  CHECK(countOf(request, "Authorization") == 1);
  CHECK(request.body == "grant_type=refresh_token&client_id=web");
}

TEST_CASE("an access token that renews itself is its own refresh token") {
  TokenEndpoint from = endpoint();
  from.bearer = EndpointBearer::refreshToken;
  from.answer.refreshToken = "/access_token";
  const Call call(from, json(R"({"access_token":"B","token_type":"bearer","expires_in":3600})"));
  const auto answer = call.call({.accessToken = "A", .refreshToken = "A"});
  REQUIRE(answer.tokens);
  CHECK(header(call.requests.at(0), "Authorization") == "Bearer A");
  CHECK(answer.tokens->accessToken == "B");
  CHECK(answer.tokens->refreshToken == "B");
}

TEST_CASE("a refresh token that travels as a cookie is rotated by Set-Cookie, and goes nowhere else") {
  TokenEndpoint from = endpoint();
  from.refreshTokenCookie = "rt";
  from.cookies = {"sso"};
  const auto rotated = [&](const Headers& cookies) {
    Response answer = json(R"({"access_token":"A"})");
    answer.headers.insert(answer.headers.end(), cookies.begin(), cookies.end());
    Call call(from, answer);
    const RefreshAnswer result = call();
    CHECK(header(call.requests.at(0), "Cookie") == "rt=rt");
    CHECK(result.tokens->cookies.find("rt=") == std::string::npos);
    return result.tokens->refreshToken;
  };
  CHECK(rotated({{"Set-Cookie", "rt=new; Path=/token; HttpOnly"}, {"Set-Cookie", "sso=1"}}) == "new");
  CHECK(rotated({{"Set-Cookie", "other=new"}}).empty());  // kept: the old one
  CHECK(rotated({{"Set-Cookie", "rt=; Max-Age=0"}}).empty());
  CHECK(rotated({{"Set-Cookie", "rt=new; Path=/auth"}, {"Set-Cookie", "rt=; Path=/; Max-Age=0"}}) == "new");
  CHECK(rotated({{"Set-Cookie", "rt=deleted; Expires=Thu, 01 Jan 1970 00:00:00 GMT"}}).empty());
  CHECK(rotated({{"Set-Cookie", "rt=new; Expires=Fri, 01 Jan 2100 00:00:00 GMT"}}) == "new");
  CHECK(rotated({{"Set-Cookie", "rt=new; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=3600"}}) == "new");
  CHECK(rotated({{"Set-Cookie", "rt=old; Expires=Thu, 01-Jan-1970 00:00:00 GMT"}}).empty());
  CHECK(rotated({{"Set-Cookie", "rt=old; Max-Age=00"}}).empty());
  CHECK(rotated({{"Set-Cookie", "rt=" + std::string(10'000, 'x')}}).size() == 10'000);
  const auto refused = [](void (*change)(TokenEndpoint&)) {
    TokenEndpoint changed = endpoint();
    change(changed);
    CHECK_THROWS_AS(detail::requireValid(changed), std::invalid_argument);
  };
  refused([](auto& e) { e.refreshTokenCookie = "rt", e.cookies = {"rt"}; });
  refused([](auto& e) { e.refreshTokenCookie = "rt", e.bearer = EndpointBearer::refreshToken; });
  refused([](auto& e) { e.refreshTokenCookie = "rt", e.headers = {{"cookie", "a=1"}}; });
  refused([](auto& e) { e.bearer = EndpointBearer::accessToken, e.headers = {{"authorization", "Key 1"}}; });
  refused([](auto& e) { e.parameters = {{"refresh_token", "x"}}; });
  refused([](auto& e) { e.parameters = {{"", "x"}}; });
  refused([](auto& e) { e.parameters = {{"a", "\xff"}}; });
  refused([](auto& e) { e.expiresInUnit = 0ms; });
  refused([](auto& e) { e.expiresInUnit = 25h; });
  refused([](auto& e) { e.answer.expiresAt = "expires_at"; });
}

TEST_CASE("expires_at in its three spellings, and what is none") {
  TokenEndpoint from = endpoint();
  from.answer.expiresAt = "/expires_at";
  const auto expiry = [&](const std::string& value) {
    return read(from, json("{" + someTokens + R"(,"expires_at":)" + value + "}"))->expiresAt;
  };
  for (const char* same : {"1900000000", "1900000000000", "\"1900000000\"", "\"2030-03-17T17:46:40Z\"",
                           "\"2030-03-17 17:46:40.123z\"", "\"2030-03-17T18:46:40+01:00\"", "1900000000.0"}) {
    CAPTURE(same);
    CHECK(expiry(same) == at(1'900'000'000'000));
  }
  for (const char* odd : {"0", "-1", "1e300", "null", "true", "\"\"", "\"soon\"", "\"2030-02-30T00:00:00Z\"",
                          "\"2030-03-17T17:46:40\"", "\"2030-03-17T24:00:00Z\"", "\"2030-03-17T17:46:40.Z\"",
                          "\"2030-03-17T17:46:40+1:00\"", "\"9999-01-01T00:00:00Z\"", "\"1960-01-01T00:00:00Z\""}) {
    CAPTURE(odd);
    CHECK_FALSE(expiry(odd));
  }
  const auto both = read(from, json("{" + someTokens + R"(,"expires_at":1900000000,"expires_in":60})"));
  CHECK(both->expiresAt == at(1'900'000'000'000));
  CHECK(read(from, json("{" + someTokens + R"(,"expires_in":60})"))->expiresAt == at(60'000));
}

TEST_CASE("lifetimes in milliseconds or minutes") {
  TokenEndpoint from = endpoint();
  from.expiresInUnit = 1ms;
  CHECK(read(from, json("{" + someTokens + R"(,"expires_in":3600000})"))->lifetime == 3600s);
  from.expiresInUnit = 1min;
  CHECK(read(from, json("{" + someTokens + R"(,"expires_in":"60"})"))->lifetime == 3600s);
}

TEST_CASE("errors by number, with any status that may say so") {
  TokenEndpoint from = endpoint();
  from.answer.error = "/code";
  from.grantErrors = {"10023", "-4"};
  CHECK(errorOf(read(from, json(R"({"code":10023})"))) == RefreshEnd::invalidGrant);
  CHECK(errorOf(read(from, json(R"({"code":"10023"})", 403))) == RefreshEnd::invalidGrant);
  CHECK(errorOf(read(from, json(R"({"code":-4})", 400))) == RefreshEnd::invalidGrant);
  CHECK(errorOf(read(from, json(R"({"code":10024})", 400))) == Errc::refreshFailed);
  CHECK(errorOf(read(from, json(R"({"code":10023.0})", 400))) == Errc::refreshFailed);
  CHECK(read(from, json(R"({"code":0,)" + someTokens + "}")));
}

TEST_CASE("answers as a form") {
  const auto form = [](const std::string& body, int status = 200) {
    return Response{.status = status,
                    .headers = {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}},
                    .body = body};
  };
  const auto tokens = read(endpoint(), form("access_token=A%2Fb&refresh_token=B+c&expires_in=60&scope=a%20b&&x"));
  CHECK(
      *tokens ==
      TokenSet{.accessToken = "A/b", .refreshToken = "B c", .expiresAt = at(60'000), .scope = "a b", .lifetime = 60s});
  TokenEndpoint from = endpoint();
  from.grantErrors = {"bad_refresh_token"};
  CHECK(errorOf(read(from, form("error=bad_refresh_token&error_description=x"))) == RefreshEnd::invalidGrant);
  for (const std::string rotated :
       {"\xef\xbb\xbf"
        "access_token=A&refresh_token=B",
        "refresh_token=B&name=Ren%E9&access_token=A", "x=1&x=2&access_token=A&=y&&refresh_token=B",
        R"( {"access_token":"A","refresh_token":"B"})"}) {
    CAPTURE(rotated);
    CHECK(read(endpoint(), form(rotated))->refreshToken == "B");
  }
  CHECK(errorOf(read(endpoint(), form(R"({"error":"invalid_grant"})", 400))) == RefreshEnd::invalidGrant);
  for (const char* odd :
       {"", "access_token", "access_token=", "access_token=a&access_token=b", "access_token=a%20b", "access_token=%ff",
        "access_token=a&token_type=DPoP&token_type=Bearer", "{\"access_token\""}) {
    CAPTURE(odd);
    CHECK(errorOf(read(endpoint(), form(odd))) == Errc::refreshFailed);
  }
}

TEST_CASE("V07 what else an answer holds, and how it is written, loses no tokens") {
  for (const std::string& body :
       {"\xef\xbb\xbf{" + someTokens + "}", "{" + someTokens + ",\"name\":\"Ren\xe9\"}",
        "{\"a\":1,\"a\":2," + someTokens + "}", R"({"x":{"y":1,"y":2},)" + someTokens + "}",
        "\xef\xbb\xbf{" + someTokens + ",\"a\":\"\xff\",\"a\":\"\xfe\"}",
        "{" + someTokens + R"(,"n":"\ud800","a":1,"a":2})",
        R"({"user":{"access_token":"C","access_token":"D","token_type":"mac"},)" + someTokens + "}",
        "{" + someTokens + ",\"a\":" + std::string(70, '[') + std::string(70, ']') + "}",
        "{\"a\":[1e999,\"\n\"]," + someTokens + ",\"expires_in\":1e999}"}) {
    CAPTURE(body);
    CHECK(readJson(body)->refreshToken == "B");
  }
  for (const std::string& body :
       {"{" + someTokens + R"(,"access_token":"C"})", "{" + someTokens + R"(,"refresh_token":"C","n":"é"})",
        std::string("{\"access_token\":\"A\xe9\"}"), "{" + someTokens + ",\"a\":\"\xff\"",
        "{" + someTokens + ",\"a\":" + std::string(70, '[') + "}", "{" + someTokens + ",}", "[{" + someTokens + "}]"}) {
    CAPTURE(body);
    CHECK(errorOf(readJson(body)) == Errc::refreshFailed);
  }
  const std::string deep = "{\"a\":1,\"a\":" + std::string(500'000, '[');
  CHECK(errorOf(readJson(deep)) == Errc::refreshFailed);
}

TEST_CASE("a scope as an array is the same scope") {
  CHECK(readJson("{" + someTokens + R"(,"scope":["a","b c"]})")->scope == "a b c");
  CHECK(readJson("{" + someTokens + R"(,"scope":[]})")->scope.empty());
  CHECK(readJson("{" + someTokens + R"(,"scope":["a",1]})")->scope.empty());
}

TEST_CASE("tokens that need a proof are not sent as Bearer, and a resource that is refused is configuration") {
  for (const char* type : {"DPoP", "dpop", "mac", "PoP"}) {
    Call call(endpoint(), json("{" + someTokens + R"(,"token_type":")" + type + "\"}"));
    const RefreshAnswer answer = call();
    CHECK(errorOf(answer.tokens) == Errc::notAllowed);
    CHECK(answer.endpoint == EndpointState::refusesClient);
  }
  for (const char* type : {"Bearer", "bearer", "JWT", ""}) {
    CHECK(readJson("{" + someTokens + R"(,"token_type":")" + type + "\"}"));
  }
  Call call(endpoint(), json(R"({"error":"invalid_target"})", 400));
  const RefreshAnswer answer = call();
  CHECK(errorOf(answer.tokens) == Errc::notAllowed);
  CHECK(answer.endpoint == EndpointState::well);
}

TEST_CASE("further members of the answer are kept by name: text, numbers and booleans, bounded") {
  TokenEndpoint from = endpoint();
  from.answer.extra = {{"instance", "/instance_url"}, {"team", "/team/id"}, {"missing", "/no/such"}};
  const auto tokens = read(from, json("{" + someTokens + R"(,"instance_url":"https://eu7.example","team":{"id":7}})"));
  CHECK(tokens->extra == std::map<std::string, std::string>{{"instance", "https://eu7.example"}, {"team", "7"}});
  for (const char* value : {"null", "[1]", R"({"a":1})"}) {
    CAPTURE(value);
    CHECK(read(from, json("{" + someTokens + ",\"instance_url\":" + value + "}"))->extra.empty());
  }
  const auto extraOf = [&](const std::string& value) {
    return read(from, json("{" + someTokens + ",\"instance_url\":" + value + "}"))->extra["instance"];
  };
  CHECK(extraOf("true") == "true");
  CHECK(extraOf("12.5") == "12.5");
  CHECK(extraOf("1e999").empty());
  CHECK(extraOf('"' + std::string(2048, 'x') + '"').size() == 2048);
  CHECK(extraOf('"' + std::string(2049, 'x') + '"').empty());
  CHECK(extraOf("\"a\xffz\"") == "a\xef\xbf\xbdz");
  CHECK(extraOf(R"("a","instance_url":"b")") == "b");  // twice: it costs no login
  Response form{.status = 200, .headers = {{"Content-Type", "application/x-www-form-urlencoded"}}};
  form.body = "access_token=A&instance_url=https%3A%2F%2Feu7.example";
  CHECK(read(from, form)->extra["instance"] == "https://eu7.example");
}

TEST_CASE("further members of the answer that cannot be named are refused at start-up") {
  for (const auto& [name, pointer] :
       {std::pair("", "/a"), std::pair("a", ""), std::pair("a", "b"), std::pair("\xff", "/a")}) {
    TokenEndpoint from = endpoint();
    from.answer.extra = {{name, pointer}};
    CHECK_THROWS_AS(detail::requireValid(from), std::invalid_argument);
  }
}

TEST_CASE("a function in place of the endpoint that gives no usable access token has failed") {
  for (const char* unusable : {"", "a b", "a\nb", "\xc3\xa9"}) {
    const auto call = detail::refreshCall({.transport = nullptr,
                                           .endpoint = endpoint(),
                                           .refresh = [unusable](const TokenSet&, Deadline) -> Result<TokenSet> {
                                             return TokenSet{.accessToken = unusable, .refreshToken = "r2"};
                                           },
                                           .now = systemClock});
    CHECK(errorOf(call.blocking()({.accessToken = "a", .refreshToken = "r"}).tokens) == Errc::refreshFailed);
  }
}

}  // namespace token_profile_test

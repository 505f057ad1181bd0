#include "support/support.hpp"

namespace token_endpoint_test {

using namespace ironjar;
using support::at;
using support::cases;
using support::errorOf;

namespace {

TokenEndpoint endpoint() {
  return {.url = "https://id.example/token",
          .clientAuth = basicAuth("web", "web-secret-0123456789-0123456789-0123456789")};
}

support::Failure errorFor(int status, const std::string& body) {
  return errorOf(readTokenAnswer({.status = status, .body = body}, endpoint(), at(0)));
}

std::string header(const Request& request, std::string_view name) {
  return std::string(findHeader(request.headers, name).value_or("(none)"));
}

}  // namespace

TEST_CASE("every recorded exchange with a real OAuth server is read for what it is") {
  const std::map<std::string, support::Failure> meaning = {
      {"refresh, rotated", std::nullopt},
      {"second rotation", std::nullopt},
      {"scope narrowed", std::nullopt},
      {"reuse of a spent refresh token", RefreshEnd::invalidGrant},
      {"after the reuse the whole grant is dead", RefreshEnd::invalidGrant},
      {"unknown refresh token", RefreshEnd::invalidGrant},
      {"refresh after revocation", RefreshEnd::invalidGrant},
      {"wrong client secret", Errc::notAllowed},
      {"unknown client", Errc::notAllowed},
      {"no client authentication", Errc::refreshFailed},
      {"unsupported grant type", Errc::notAllowed},
      {"missing refresh_token", Errc::refreshFailed},
      {"JSON body where a form is expected", Errc::refreshFailed},
      {"scope not granted", Errc::refreshFailed},
      {"revocation of a refresh token", Errc::refreshFailed},  // no token answer at all
      {"GET on the token endpoint", Errc::refreshFailed},
  };
  CHECK(cases("token_endpoint.json").size() == meaning.size());
  for (const Json& recorded : cases("token_endpoint.json")) {
    const std::string name = recorded["name"];
    CAPTURE(name);
    const Json& answer = recorded["response"];
    const auto tokens = readTokenAnswer({.status = answer["status"], .body = answer["body"]}, endpoint(), at(1000));
    CHECK(errorOf(tokens) == meaning.at(name));
    if (!tokens) continue;
    const Json body = Json::parse(answer["body"].get<std::string>());
    CHECK(tokens->accessToken == body["access_token"]);
    CHECK(tokens->refreshToken == body["refresh_token"]);
    CHECK(tokens->scope == body["scope"]);
    CHECK(tokens->expiresAt == at(601'000));
  }
}

TEST_CASE("the request is the recorded one, byte for byte") {
  std::size_t compared = 0;
  for (const Json& recorded : cases("token_endpoint.json")) {
    const std::string name = recorded["name"];
    if (name != "refresh, rotated" && name != "scope narrowed") continue;
    CAPTURE(name);
    const std::string body = recorded["request"]["body"];
    const std::size_t begin = body.find("refresh_token=", 20) + 14;
    TokenEndpoint asked = endpoint();
    if (name == "scope narrowed") asked.scope = "openid";
    const Request request = refreshRequest(asked, {.refreshToken = body.substr(begin, body.find('&', begin) - begin)});
    CHECK(request.method == "POST");
    CHECK(request.url == "https://id.example/token");
    CHECK(request.body == body);
    CHECK(request.freshConnection);
    CHECK(header(request, "content-type") == recorded["request"]["headers"]["content-type"]);
    CHECK(header(request, "authorization") == recorded["request"]["headers"]["authorization"]);
    ++compared;
  }
  CHECK(compared == 2);
}

TEST_CASE("client authentication: basic encodes each half, post and public clients use the body") {
  TokenEndpoint asked{.url = "https://id.example/token"};
  asked.clientAuth = basicAuth("a:b", "c d+%");
  // base64 of "a%3Ab:c+d%2B%25"
  CHECK(header(refreshRequest(asked, {}), "Authorization") == "Basic YSUzQWI6YytkJTJCJTI1");
  asked.clientAuth = postAuth("web", "s&=");
  CHECK(refreshRequest(asked, {.refreshToken = "r"}).body ==
        "grant_type=refresh_token&refresh_token=r&client_id=web&client_secret=s%26%3D");
  asked.clientAuth = publicClient("web");
  CHECK(refreshRequest(asked, {.refreshToken = "r"}).body == "grant_type=refresh_token&refresh_token=r&client_id=web");
  CHECK_THROWS_AS(static_cast<void>(basicAuth("web", nullptr)), std::invalid_argument);
  CHECK_THROWS_AS(static_cast<void>(basicAuth("", "secret")), std::invalid_argument);
}

TEST_CASE("a JSON body, names of one's own, and an answer elsewhere") {
  TokenEndpoint asked = endpoint();
  asked.body = BodyStyle::json;
  asked.clientAuth = {};
  asked.fields = {.grantType = "", .refreshToken = "refreshToken"};
  asked.answer = {.accessToken = "/data/authorization/access_token",
                  .refreshToken = "/data/authorization/refresh_token",
                  .expiresIn = "/data/ttl"};
  const Request request = refreshRequest(asked, {.refreshToken = "r\"1"});
  CHECK(Json::parse(request.body) == Json{{"refreshToken", "r\"1"}});
  CHECK(header(request, "content-type") == "application/json");
  const std::string body = R"({"data":{"authorization":{"access_token":"A","refresh_token":"B"},"ttl":60}})";
  CHECK(*readTokenAnswer({.status = 200, .body = body}, asked, at(0)) ==
        TokenSet{.accessToken = "A", .refreshToken = "B", .expiresAt = at(60'000), .lifetime = Seconds{60}});
}

TEST_CASE("the access token as Bearer and the refresh token as a cookie") {
  TokenEndpoint asked = endpoint();
  asked.bearer = EndpointBearer::accessToken;
  asked.refreshTokenCookie = "rt";
  const Request request = refreshRequest(asked, {.accessToken = "A", .refreshToken = "B"});
  CHECK(header(request, "Authorization") == "Bearer A");
  CHECK(header(request, "Cookie") == "rt=B");
  CHECK(request.body == "grant_type=refresh_token");
}

TEST_CASE("only a well-formed invalid_grant ends a session") {
  const std::string dead = R"({"error":"invalid_grant"})";
  for (const int status : {200, 400, 401, 403, 404, 422}) CHECK(errorFor(status, dead) == RefreshEnd::invalidGrant);
  for (const int status : {302, 408, 429, 500, 502, 503, 504}) CHECK(errorFor(status, dead) == Errc::refreshFailed);
  for (const char* body :
       {"", "invalid_grant", "<html>invalid_grant</html>", R"("invalid_grant")", R"(["invalid_grant"])",
        R"({"error":["invalid_grant"]})", R"({"error":{"code":"invalid_grant"}})", R"({"error":null})",
        R"({"error":"invalid_grant","error":"invalid_grant"})", R"({"error":"INVALID_GRANT"})",
        R"({"error":"invalid_grant)", R"({"error":"temporarily_unavailable"})"}) {
    CAPTURE(body);
    CHECK(errorFor(400, body) == Errc::refreshFailed);
  }
}

TEST_CASE("garbage with status 200 is a failed refresh") {
  const std::string megabyte(1024 * 1024, 'x');
  const std::vector<std::string> bodies = {"",
                                           "null",
                                           "[]",
                                           "42",
                                           "\"text\"",
                                           "<html>",
                                           "{",
                                           R"({"access_token":"a")",
                                           R"({"access_token":})",
                                           "NaN",
                                           R"({"access_token":NaN})",
                                           R"({"access_token":"a","access_token":"b"})",
                                           R"({"access_token":null})",
                                           R"({"access_token":1})",
                                           R"({"access_token":true})",
                                           R"({"access_token":["a"]})",
                                           R"({"access_token":{}})",
                                           R"({"access_token":""})",
                                           R"({"access_token":"a b"})",
                                           R"({"access_token":"a\r\nX: y"})",
                                           R"({"access_token":"a\u0000"})",
                                           R"({"access_token":"é"})",
                                           R"({"access_token":"a\u007f"})",
                                           R"({"refresh_token":"b"})",
                                           R"({"Access_Token":"a"})",
                                           R"({"access_token":"a","refresh_token":1})",
                                           R"({"access_token":"a","refresh_token":["b"]})",
                                           R"({"access_token":"a","refresh_token":"b\nc"})",
                                           R"({"access_token":"a","refresh_token":true})",
                                           R"({"access_token":")" + std::string(20'000, 'x') + "\"}",
                                           R"({"access_token":")" + megabyte + "\"}",
                                           megabyte + megabyte,
                                           std::string(100'000, '['),
                                           "{\"access_token\":\"\xff\"}",
                                           "{\"access_token\":\"a\"}{\"access_token\":\"b\"}",
                                           std::string("{\"access_token\":\"a\"}\0", 21)};
  for (const std::string& body : bodies) {
    CAPTURE(body.substr(0, 60));
    CHECK(errorFor(200, body) == Errc::refreshFailed);
  }
}

TEST_CASE("an expires_in that makes no sense is no expiry, and the tokens are good (R50)") {
  const auto expiry = [](const std::string& value) {
    return readTokenAnswer({.status = 200, .body = R"({"access_token":"a","expires_in":)" + value + "}"}, endpoint(),
                           at(0))
        .value()
        .expiresAt;
  };
  CHECK(expiry("3600") == at(3'600'000));
  CHECK(expiry("\"3600\"") == at(3'600'000));
  CHECK(expiry("3600.5") == at(3'600'000));
  for (const char* value : {"-1", "0", "1e300", "true", "null", "\"\"", "\"soon\"", "\"1e3\"", "[]", "{}", "0.5",
                            "1099511627776", "18446744073709551615", "\"99999999999999999999\""}) {
    CAPTURE(value);
    CHECK_FALSE(expiry(value));
  }
  CHECK_FALSE(readTokenAnswer({.status = 200, .body = R"({"access_token":"a"})"}, endpoint(), at(0))->expiresAt);
}

TEST_CASE("a missing, null or empty refresh_token means to keep the old one (R55)") {
  for (const char* member : {"", R"(,"refresh_token":null)", R"(,"refresh_token":"")"}) {
    const std::string body = std::string(R"({"access_token":"a")") + member + "}";
    CHECK(readTokenAnswer({.status = 200, .body = body}, endpoint(), at(0))->refreshToken.empty());
  }
}

TEST_CASE("tokens for a grant of one's own") {
  Request seen;
  const Transport transport = [&](const Request& request, Deadline) -> Result<Response> {
    seen = request;
    return Response{.status = 200, .body = R"({"access_token":"a","refresh_token":"b"})"};
  };
  const auto tokens = requestTokens(transport, endpoint(), {{"grant_type", "authorization_code"}, {"code", "x&y"}});
  CHECK(tokens->refreshToken == "b");
  CHECK(seen.body == "grant_type=authorization_code&code=x%26y");
  const Transport broken = [](const Request&, Deadline) -> Result<Response> { return fail(Errc::transport); };
  CHECK(errorOf(requestTokens(broken, endpoint(), {})) == Errc::transport);
}

TEST_CASE("without expires_in a JWT's exp tells, read and not trusted (R50)") {
  const auto tokens = [](const std::string& accessToken) {
    return readTokenAnswer({.status = 200, .body = Json{{"access_token", accessToken}}.dump()}, endpoint(), at(1000))
        .value();
  };
  const std::string jwt = "eyJhbGciOiJub25lIn0.eyJleHAiOjYxfQ.";  // {"exp":61}
  CHECK(tokens(jwt).expiresAt == at(61'000));
  CHECK(tokens(jwt).lifetime == Seconds{60});
  for (const char* odd : {"a.b.c", "eyJhbGciOiJub25lIn0.eyJleHAiOjF9.",  // {"exp":1}: over already
                          "x.eyJleHAiOiI2MSJ9.y", "x.eyJleHAiOi0xfQ.y", "x.eyJleHAiOjFlMzAwfQ.y", "x.W10.y",
                          "eyJleHAiOjYxfQ", "x.eyJleHAiOjYxfQ.y.z", "x.eyJleHAiOjYxfQ==.y"}) {
    CAPTURE(odd);
    CHECK_FALSE(tokens(odd).expiresAt);
  }
}

TEST_CASE("Retry-After: seconds or a date, and what is neither (R42 R43)") {
  const auto asked = [](const char* value) {
    return retryAfter({.headers = {{"retry-after", value}}}, at(784'111'777'000));  // Sun, 06 Nov 1994 08:49:37 GMT
  };
  CHECK(asked("30") == Seconds{30});
  CHECK(asked("0") == Seconds{0});
  CHECK(asked("99999999999999") == Seconds::max());
  CHECK(asked("Sun, 06 Nov 1994 08:50:07 GMT") == Seconds{30});
  CHECK(asked("Sun, 06 Nov 1994 08:00:00 GMT") == Seconds{0});
  for (const char* odd :
       {"", "-1", "+1", "1.5", " 30", "30 s", "soon", "Mon, 06 Nov 1994 08:50:07 GMT", "Sun, 06 Nov 1994 08:50:07 UTC",
        "Sun, 31 Feb 1994 08:50:07 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun, 06 Nov 1994 25:50:07 GMT",
        "Sun, 06 Nov 1994 08-50-07 GMT", "Sun, 06 Nov 9999 08:50:07 GMT"}) {
    CAPTURE(odd);
    CHECK_FALSE(asked(odd));
  }
  CHECK_FALSE(retryAfter({}, at(0)));
}

TEST_CASE("the revocation request is the recorded one (RFC 7009)") {
  for (const Json& recorded : cases("token_endpoint.json")) {
    if (recorded["name"] != "revocation of a refresh token") continue;
    TokenEndpoint asked = endpoint();
    asked.revocationUrl = "https://id.example/token/revocation";
    const Request request =
        revocationRequest(asked, {.accessToken = "a", .refreshToken = "N8IpIv9kFKCPitB07SyjGHs5tOp_bySFja0i2vgq2MP"});
    CHECK(request.url == asked.revocationUrl);
    CHECK(request.body == recorded["request"]["body"]);
    CHECK(header(request, "authorization") == recorded["request"]["headers"]["authorization"]);
    CHECK(revocationRequest(asked, {.accessToken = "a"}).body == "token=a&token_type_hint=access_token");
    return;
  }
  FAIL("the recording is gone");
}

}  // namespace token_endpoint_test

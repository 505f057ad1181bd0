// A WebSocket's handshake: which requests may have one, what goes up, and which answers are passed on.
#include "support/part.hpp"
#include "web/websocket.hpp"

#include <ironjar/revocation.hpp>

namespace web_websocket_test {

using namespace ironjar;
using support::Part;
using support::signedIn;

namespace {

using Fields = std::vector<FieldView>;

constexpr const char* key = "dGhlIHNhbXBsZSBub25jZQ==";  // RFC 6455 section 1.3
constexpr const char* accepted = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

const Fields handshake = {{"Host", "app.example"},    {"Origin", "https://app.example"},
                          {"Upgrade", "websocket"},   {"Connection", "keep-alive, Upgrade"},
                          {"Sec-WebSocket-Key", key}, {"Sec-WebSocket-Version", "13"},
                          {"User-Agent", "browser"}};

// The handshake with one field in place of its own; an empty value: without it.
Fields with(std::string_view name, std::string_view value) {
  Fields fields = handshake;
  std::erase_if(fields, [&](const FieldView& field) { return field.first == name; });
  if (!value.empty()) fields.emplace_back(name, value);
  return fields;
}
Fields plus(Fields fields, std::string_view name, std::string_view value) {
  fields.emplace_back(name, value);
  return fields;
}
WebRequest asking(Fields fields) { return {.target = "/data/feed?x=1", .fields = std::move(fields)}; }

std::string refusalOf(const WebRequest& request, const ProxyOptions& options = {}) {
  const Part part(options);
  const auto next = part.proxy.webSocketRequest(request, signedIn());
  const auto* const refusal = std::get_if<Response>(&next);
  return refusal == nullptr ? "" : std::to_string(refusal->status) + " " + refusal->body;
}

Response switched(Headers headers) {
  headers.emplace_back("Upgrade", "websocket");
  headers.emplace_back("Connection", "Upgrade");
  return {.status = 101,
          .headers = std::move(headers),
          .upgraded = std::make_shared<Upgraded>(Upgraded{.protocol = "websocket"})};
}

constexpr const char* malformed = R"(400 {"reason":"malformed_handshake"})";
constexpr const char* crossSite = R"(403 {"reason":"cross_site_request"})";
constexpr const char* otherVersion = R"(426 {"reason":"websocket_version"})";
constexpr const char* unsupported = R"(501 {"reason":"websocket_unsupported"})";

}  // namespace

TEST_CASE("a request asks for a WebSocket by Upgrade and Connection together, in any case, as members of lists") {
  CHECK(asksForWebSocket(asking(handshake)));
  for (const char* value : {"WebSocket", "h2c, websocket", "websocket,"}) {
    CAPTURE(value);
    CHECK(asksForWebSocket(asking(with("Upgrade", value))));
  }
  for (const char* value : {"", "h2c", "websockets", "websocket/13", "web socket", "\"websocket\""}) {
    CAPTURE(value);
    CHECK_FALSE(asksForWebSocket(asking(with("Upgrade", value))));
  }
  for (const char* value : {"upgrade", "close,UPGRADE"}) CHECK(asksForWebSocket(asking(with("Connection", value))));
  for (const char* value : {"", "keep-alive", "upgraded", "not upgrade", "up,grade"}) {
    CAPTURE(value);
    CHECK_FALSE(asksForWebSocket(asking(with("Connection", value))));
  }
}

TEST_CASE("what is no handshake is refused, and nothing of it goes up") {
  CHECK(refusalOf(asking(handshake)).empty());
  for (const char* value :
       {"", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZR==", "dGhlIHNhbXBsZSBub25jZ===",
        "dGhlIHNhbXBsZSBub25j", "dGhlIHNhbXBsZSBub25jZQ== ", "dGhlIHNhbXBsZSBub2-jZQ==", "dGhlIHNhbXBsZSBub2_jZQ==",
        "dGhlIHNhbXBsZSBub25jZWU=", "AAAAAAAAAAAAAAAAAAAAAAAAAAAA", "dGhlIHNhbXBsZSBub25j*Q=="}) {
    CAPTURE(value);
    CHECK(refusalOf(asking(with("Sec-WebSocket-Key", value))) == malformed);
  }
  CHECK(refusalOf(asking(plus(handshake, "sec-websocket-key", key))) == malformed);
  for (const char* value : {"a b", "a,,b", "a, a", "a;b", "\"a\"", ","}) {
    CAPTURE(value);
    CHECK(refusalOf(asking(with("Sec-WebSocket-Protocol", value))) == malformed);
  }
  CHECK(refusalOf(asking(plus(with("Sec-WebSocket-Protocol", "a"), "Sec-WebSocket-Protocol", "a"))) == malformed);
  for (const char* value : {";x", "a b; c", "a,,b", "\"a\""}) {
    CAPTURE(value);
    CHECK(refusalOf(asking(with("Sec-WebSocket-Extensions", value))) == malformed);
  }
  std::string many = "p0";
  for (int i = 1; i < 32; ++i) many.append(", p").append(std::to_string(i));
  CHECK(refusalOf(asking(with("Sec-WebSocket-Protocol", many))).empty());
  CHECK(refusalOf(asking(with("Sec-WebSocket-Protocol", many + ", p"))) == malformed);
  CHECK(refusalOf(asking(with("Sec-WebSocket-Extensions", many + ", p"))) == malformed);
  CHECK(refusalOf({.method = "POST", .target = "/data/feed", .fields = handshake}) == malformed);
  CHECK(refusalOf({.method = "HEAD", .target = "/data/feed", .fields = handshake}) == malformed);
  CHECK(refusalOf({.target = "/data/feed", .fields = handshake, .body = "GET / HTTP/1.1"}) == malformed);
  CHECK(refusalOf({.target = "/data/feed", .fields = handshake, .bodyFollows = true}) == malformed);
  CHECK(refusalOf(asking(plus(handshake, "Transfer-Encoding", "chunked"))) == malformed);
}

TEST_CASE("version 13 alone, and the refusal names it") {
  for (const char* value : {"", "8", "12", "013", "13, 8", "14"}) {
    CAPTURE(value);
    CHECK(refusalOf(asking(with("Sec-WebSocket-Version", value))) == otherVersion);
  }
  CHECK(refusalOf(asking(plus(handshake, "Sec-WebSocket-Version", "13"))) == otherVersion);
  const Part part;
  const auto next = part.proxy.webSocketRequest(asking(with("Sec-WebSocket-Version", "8")), signedIn());
  CHECK(findHeader(std::get<Response>(next).headers, "Sec-WebSocket-Version") == "13");
}

TEST_CASE("V39 a WebSocket needs the site's exact Origin, whatever else the request says") {
  const auto refused = [](const Fields& fields, const ProxyOptions& options = {}) {
    return refusalOf(asking(fields), options);
  };
  for (const char* origin :
       {"", "null", "https://app.example:8443", "http://app.example", "https://app.example.evil",
        "https://evil.example", "https://evilapp.example", "https://sub.app.example", "https://app.example/",
        "HTTPS://APP.EXAMPLE", "app.example", "https://app.example, https://app.example"}) {
    CAPTURE(origin);
    CHECK(refused(with("Origin", origin)) == crossSite);
    CHECK(refused(plus(with("Origin", origin), "X-Requested-With", "fetch")) == crossSite);
    CHECK(refused(plus(with("Origin", origin), "Sec-Fetch-Site", "same-origin")) == crossSite);
  }
  CHECK(refused(plus(handshake, "Origin", "https://app.example")) == crossSite);
  CHECK(refused(plus(handshake, "Host", "app.example")) == crossSite);
  CHECK(refused(with("Host", "other.example")) == crossSite);
  CHECK(refused(with("Host", "")) == crossSite);

  const ProxyOptions named{.origins = {"https://www.example", "https://app.example"}};
  CHECK(refused(with("Host", "inside:8080"), named).empty());
  CHECK(refused(with("Origin", "https://other.example"), named) == crossSite);
  CHECK(refused(with("Origin", ""), named) == crossSite);
}

TEST_CASE("what goes up: the handshake's own fields, and nothing of this hop or this site") {
  const Part part;
  Fields fields = handshake;
  fields.emplace_back("Sec-WebSocket-Protocol", "chat.v1, chat.v2");
  fields.emplace_back("sec-websocket-protocol", "plain");
  fields.emplace_back("Sec-WebSocket-Extensions", R"(permessage-deflate; x="a,b", other)");
  fields.emplace_back("Sec-WebSocket-Accept", "forged");
  fields.emplace_back("Cookie", "sid=secret");
  fields.emplace_back("X-Forwarded-For", "1.2.3.4");
  const auto next = part.proxy.webSocketRequest(asking(fields), signedIn());
  REQUIRE(std::holds_alternative<Request>(next));
  const auto& up = std::get<Request>(next);
  CHECK(up.method == "GET");
  CHECK(up.url == std::string(support::api) + "/v1/feed?x=1");
  CHECK(up.upgrade == "websocket");
  CHECK(up.freshConnection);
  CHECK(up.headers == Headers{{"User-Agent", "browser"},
                              {"Sec-WebSocket-Version", "13"},
                              {"Sec-WebSocket-Key", key},
                              {"Sec-WebSocket-Protocol", "chat.v1, chat.v2, plain"},
                              {"Sec-WebSocket-Extensions", R"(permessage-deflate; x="a,b", other)"}});
  const auto statusOf = [&](const WebRequest& request, const Session& session) {
    return std::get<Response>(part.proxy.webSocketRequest(request, session)).status;
  };
  CHECK(statusOf(asking(handshake), Session()) == 401);
  CHECK(statusOf({.target = "/data/../x", .fields = handshake}, signedIn()) == 400);
  CHECK(statusOf({.target = "/elsewhere", .fields = handshake}, signedIn()) == 404);
}

TEST_CASE("a 101 is passed on when it answers the handshake, and is 502 otherwise") {
  const Part part({.setCookies = {"theirs"}});
  Fields fields = with("Sec-WebSocket-Protocol", "a, b");
  fields.emplace_back("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits");
  const auto down = [&](Headers headers, const Fields& asked) {
    return part.proxy.forBrowser(asking(asked), switched(std::move(headers)));
  };
  CHECK(detail::webSocketAccept(key) == accepted);
  const Response response = down({{"Sec-WebSocket-Accept", accepted},
                                  {"Sec-WebSocket-Protocol", "b"},
                                  {"Sec-WebSocket-Extensions", "permessage-deflate; server_no_context_takeover"},
                                  {"Set-Cookie", "theirs=1; Domain=api.example"},
                                  {"Set-Cookie", "sid=2"},
                                  {"X-Internal", "secret"}},
                                 fields);
  CHECK(response.status == 101);
  CHECK(response.headers == Headers{{"Sec-WebSocket-Accept", accepted},
                                    {"Sec-WebSocket-Protocol", "b"},
                                    {"Sec-WebSocket-Extensions", "permessage-deflate; server_no_context_takeover"},
                                    {"Set-Cookie", "theirs=1"}});
  REQUIRE(response.upgraded);
  CHECK(response.upgraded->idle == std::chrono::minutes{10});
  CHECK(response.upgraded->checkEvery == std::chrono::seconds{5});

  CHECK(down({{"Sec-WebSocket-Accept", accepted}}, handshake).status == 101);
  for (const Headers& headers : std::vector<Headers>{
           {},
           {{"Sec-WebSocket-Accept", ""}},
           {{"Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo"}},
           {{"Sec-WebSocket-Accept", "S3PPLMBITXAQ9KYGZZHZRBK+XOO="}},
           {{"Sec-WebSocket-Accept", accepted}, {"Sec-WebSocket-Accept", accepted}},
           {{"Sec-WebSocket-Accept", accepted}, {"Sec-WebSocket-Protocol", "c"}},
           {{"Sec-WebSocket-Accept", accepted}, {"Sec-WebSocket-Protocol", "A"}},
           {{"Sec-WebSocket-Accept", accepted}, {"Sec-WebSocket-Protocol", "a, b"}},
           {{"Sec-WebSocket-Accept", accepted}, {"Sec-WebSocket-Protocol", "a"}, {"Sec-WebSocket-Protocol", "a"}},
           {{"Sec-WebSocket-Accept", accepted}, {"Sec-WebSocket-Extensions", "other"}},
           {{"Sec-WebSocket-Accept", accepted},
            {"Sec-WebSocket-Extensions", "permessage-deflate; x=\r\nSet-Cookie: a"}},
           {{"Sec-WebSocket-Accept", accepted}, {"Sec-WebSocket-Extensions", "permessage-deflate, other"}}}) {
    const Response refused = down(headers, fields);
    CHECK(refused.status == 502);
    CHECK(refused.body == R"({"reason":"upstream_failed"})");
    CHECK_FALSE(refused.upgraded);
  }
  CHECK(down({{"Sec-WebSocket-Accept", accepted}, {"Sec-WebSocket-Protocol", "a"}}, handshake).status == 502);
  CHECK(down({{"Sec-WebSocket-Accept", accepted}, {"Sec-WebSocket-Extensions", "x"}}, handshake).status == 502);
  // By a transport that switches nothing.
  CHECK(part.proxy.forBrowser(asking(handshake), Response{.status = 101}).status == 502);
  CHECK(part.proxy.forBrowser(asking(handshake), Response{.status = 403, .body = "no"}).body == "no");
}

TEST_CASE("a server whose adapter cannot says so, and other upgrades are ignored") {
  const Part part;
  CHECK(part.statusOf(asking(handshake)) == 501);
  CHECK(std::get<Response>(part.proxy.upstreamRequest(asking(handshake), signedIn())).body ==
        R"({"reason":"websocket_unsupported"})");
  const auto up = part.up(asking(with("Upgrade", "h2c")));
  REQUIRE(up);
  CHECK(up->upgrade.empty());
  CHECK_FALSE(findHeader(up->headers, "Upgrade"));
  CHECK_FALSE(findHeader(up->headers, "Sec-WebSocket-Key"));
  CHECK(refusalOf(asking(handshake), {.webSockets = {.maxOpen = 0}}) == unsupported);
  CHECK(refusalOf(asking(with("Upgrade", "h2c"))) == unsupported);
}

TEST_CASE("no more are open at once than may be, and one that closes makes room") {
  const Part part({.webSockets = {.maxOpen = 1}});
  const auto open = [&] {
    return part.proxy.forBrowser(asking(handshake), switched({{"Sec-WebSocket-Accept", accepted}}));
  };
  {
    const Response first = open();
    CHECK(first.status == 101);
    const Response second = open();
    CHECK(second.status == 503);
    CHECK_FALSE(second.upgraded);
    CHECK(std::get<Response>(part.proxy.webSocketRequest(asking(handshake), signedIn())).status == 503);
  }
  CHECK(open().status == 101);
  CHECK_THROWS_AS(Part({.webSockets = {.idle = std::chrono::milliseconds{0}}}), std::invalid_argument);
  CHECK_THROWS_AS(Part({.webSockets = {.idle = std::chrono::milliseconds::max()}}), std::invalid_argument);
  CHECK_THROWS_AS(Part({.webSockets = {.checkSession = std::chrono::milliseconds{0}}}), std::invalid_argument);
  CHECK_THROWS_AS(Part({.webSockets = {.checkSession = std::chrono::seconds{31}}}), std::invalid_argument);
}

namespace {

bool hasEnded(const Response& answer) {
  std::optional<bool> told;
  answer.upgraded->hasEnded([&](bool ended) { told = ended; });
  return told.value();
}

}  // namespace

TEST_CASE("it ends with its session: a logout, a denial, the cookie's end; a refresh elsewhere is none") {
  support::Upstream upstream;
  const testing::VirtualClock clock;
  const auto denied = std::make_shared<LocalRevocationList>();
  FetchOptions options = support::fetchOptions(upstream);
  options.coordinator = std::make_shared<LocalCoordinator>(
      LocalCoordinatorOptions{.keepUnconfirmed = Seconds{60}, .now = clock.monotonic()});
  const Fetcher fetcher(options);
  const SessionJar jar({.cookieName = "sid",
                        .passwords = support::password,
                        .seal = {.ttl = Seconds{3600}, .now = clock.wall()},
                        .isRevoked = revokedBy(denied)});
  const Proxy proxy("/data", jar, fetcher, support::api);
  struct Opened {
    std::string cookie;
    Response answer;
  };
  const auto open = [&](std::vector<std::string> setCookies = {}) {
    Session session = jar.open("");
    session.setTokens(upstream.provider.login());
    const std::string line = jar.commit(session)->front();
    Opened opened{line.substr(0, line.find(';')), switched({})};
    for (std::string& cookie : setCookies) opened.answer.headers.emplace_back("Set-Cookie", std::move(cookie));
    proxy.startEndWithSession(opened.cookie, opened.answer,
                              [&](Response answer) { opened.answer = std::move(answer); });
    return opened;
  };
  {
    const Opened one = open();
    const Opened other = open();
    CHECK_FALSE(hasEnded(one.answer));
    Session renewed = jar.open(one.cookie);
    for (int times = 0; times < 3; ++times) {
      REQUIRE(fetcher.refresh(renewed));
      CHECK_FALSE(hasEnded(one.answer));
      clock.advance(Seconds{50});  // what became of the tokens that it was opened with is forgotten in the end
    }
    CHECK_FALSE(hasEnded(one.answer));
    fetcher.signOut(renewed);
    CHECK(hasEnded(one.answer));
    CHECK_FALSE(hasEnded(other.answer));
  }
  {
    const Opened one = open();
    denied->deny({.value = jar.open(one.cookie).id()});
    CHECK(hasEnded(one.answer));
  }
  {
    const Opened one = open();
    clock.advance(Seconds{3599});
    CHECK_FALSE(hasEnded(one.answer));
    Session fresh = jar.open("");
    fresh.set("user", "ada");
    const Opened rewritten = open(*jar.commit(fresh));
    clock.advance(Seconds{1});
    CHECK(hasEnded(one.answer));
    CHECK_FALSE(hasEnded(rewritten.answer));
    clock.advance(Seconds{3599});
    CHECK(hasEnded(rewritten.answer));
  }
  Response anonymous = switched({});
  proxy.startEndWithSession("", anonymous, [&](Response answer) { anonymous = std::move(answer); });
  CHECK(hasEnded(anonymous));
}

TEST_CASE("it ends when nobody can say whether its session goes on") {
  support::Upstream upstream;
  const Fetcher fetcher(support::fetchOptions(upstream));
  bool isLost = false;
  const RevocationCheck drops([](const Session&) { return Revoked::no; },
                              [&](const Session&, const std::function<void(Revoked)>& done) {
                                if (!isLost) done(Revoked::no);
                              });
  const SessionJar jar({.cookieName = "sid", .passwords = support::password, .isRevoked = drops});
  const Proxy proxy("/data", jar, fetcher, support::api);
  Session session = jar.open("");
  session.setTokens(upstream.provider.login());
  const std::string line = jar.commit(session)->front();
  Response answer = switched({});
  proxy.startEndWithSession(line.substr(0, line.find(';')), answer,
                            [&](Response opened) { answer = std::move(opened); });
  CHECK_FALSE(hasEnded(answer));
  isLost = true;
  CHECK(hasEnded(answer));
}

}  // namespace web_websocket_test

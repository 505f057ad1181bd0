// Attacks on the provider's logouts, over the network, on every server that has the routes.
#include "support/login_servers.hpp"

#include <array>

#include <openssl/hmac.h>

namespace attacks_logout_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::fieldOf;
using support::isForm;
using support::onEachLoginServer;
using support::ServedLogin;

namespace {

// The victim is signed in, and stays so.
void refusesLogout(const Json& change, const Json& header = Json::object()) {
  onEachLoginServer([&](ServedLogin& served) {
    served.signIn();
    const Response response = served.backChannel(served.logoutToken(change, header));
    CHECK(response.status == 400);
    CHECK(Json::parse(response.body)["error"] == "invalid_request");
    CHECK(fieldOf(response, "Cache-Control") == "no-store");
    CHECK(served.user() == "ada");
  });
}
std::string base64url(std::string_view text) { return detail::base64urlEncoded(detail::bytes(text)); }

}  // namespace

TEST_CASE("L40 a logout token that is replayed does not sign out who has signed in again") {
  onEachLoginServer([](ServedLogin& served) {
    served.signIn();
    const std::string token = served.logoutToken({{"sid", nullptr}});
    CHECK(served.backChannel(token).status == 200);
    CHECK(served.user() == "nobody");
    served.site.clock.advance(10s);
    served.signIn();
    served.site.clock.advance(10s);
    const Response replayed = served.backChannel(token);
    CHECK(replayed.status == 400);
    CHECK(Json::parse(replayed.body)["error"] == "invalid_request");
    CHECK(served.user() == "ada");
  });
}

TEST_CASE("L41 a logout token with a nonce, as an ID token has it") { refusesLogout({{"nonce", "n"}}); }
TEST_CASE("L42 a logout token for another client") { refusesLogout({{"aud", "mobile"}}); }
TEST_CASE("L43 a logout token of another issuer") { refusesLogout({{"iss", "https://evil.example"}}); }
TEST_CASE("L44 a logout token by no algorithm") {
  refusesLogout(Json::object(), {{"alg", "none"}});
  onEachLoginServer([](ServedLogin& served) {
    served.signIn();
    const std::string token = served.logoutToken();
    const std::string claims = token.substr(token.find('.'), token.rfind('.') - token.find('.') + 1);
    CHECK(served.backChannel(base64url(R"({"alg":"none"})") + claims).status == 400);
    CHECK(served.user() == "ada");
  });
}
TEST_CASE("L45 a logout token by HS256, with the provider's public key as the secret") {
  onEachLoginServer([](ServedLogin& served) {
    served.signIn();
    const std::string token = served.logoutToken();
    const std::string claims = token.substr(token.find('.') + 1, token.rfind('.') - token.find('.') - 1);
    const std::string text = base64url(R"({"alg":"HS256","kid":"k"})") + "." + claims;
    std::array<unsigned char, 32> mac{};
    const std::string key = served.tokens.jwk().dump();
    const auto message = detail::bytes(text);
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), message.data(), message.size(), mac.data(), nullptr);
    CHECK(served.backChannel(text + "." + detail::base64urlEncoded(mac)).status == 400);
    CHECK(served.user() == "ada");
  });
}
TEST_CASE("L46 a logout token that is over") {
  refusesLogout({{"iat", 1'700'000'000 - 600}, {"exp", 1'700'000'000 - 60}});
}
TEST_CASE("L47 a logout token of the future") { refusesLogout({{"iat", 1'700'000'000 + 61}}); }
TEST_CASE("L48 a logout token without events, or of another event") {
  refusesLogout({{"events", nullptr}});
  refusesLogout({{"events", {{"https://schemas.openid.net/secevent/risc/event-type/account-purged", Json::object()}}}});
}
TEST_CASE("L49 a logout token that names neither user nor session") {
  refusesLogout({{"sub", nullptr}, {"sid", nullptr}});
}
TEST_CASE("L50 a logout token without an id, which could be sent for ever") { refusesLogout({{"jti", nullptr}}); }

TEST_CASE("L51 a logout token anywhere but in a form, once, is none") {
  onEachLoginServer([](ServedLogin& served) {
    served.signIn();
    const std::string token = served.logoutToken();
    const std::string form = "logout_token=" + token;
    CHECK(served.sendWithout("GET", "/backchannel?" + form).status == 404);
    for (const auto& [fields, body] : std::vector<std::pair<std::string, std::string>>{
             {"", form},
             {"Content-Type: application/json\r\n", Json{{"logout_token", token}}.dump()},
             {"Content-Type: text/plain\r\n", form},
             {isForm + isForm, form},
             {isForm, form + "&" + form},
             {isForm, form + "&logout_token="},
             {isForm, "logout_token="},
             {isForm, "id_token=" + token},
             {isForm, token},
             {isForm, ""}}) {
      const std::string sent = fields + body;
      CAPTURE(sent);
      CHECK(served.sendWithout("POST", "/backchannel", fields, body).status == 400);
    }
    CHECK(served.sendWithout("POST", "/backchannel?" + form, isForm, "a=b").status == 400);
    CHECK(served.user() == "ada");
    CHECK(served.backChannel(token).status == 200);
  });
}

TEST_CASE("L52 a logout token, or a form around it, of any size") {
  onEachLoginServer([](ServedLogin& served) {
    served.signIn();
    for (const std::string& token : {std::string(17 * 1024, 'a'), std::string(60 * 1024, '&'),
                                     served.logoutToken() + "&x=" + std::string(70 * 1024, 'a')}) {
      const int status = served.backChannel(token).status;
      CHECK((status == 400 || status == 413));  // cpp-httplib takes forms of 8 KiB
    }
    CHECK(served.user() == "ada");
  });
}

TEST_CASE("L53 forged logout tokens without end cost the provider one request for keys a minute") {
  onEachLoginServer([](ServedLogin& served) {
    served.signIn();
    const int before = served.keyRequests;
    for (int i = 0; i < 20; ++i) {
      const Json header = {{"kid", "made-up-" + std::to_string(i)}};
      CHECK(served.backChannel(served.logoutToken(Json::object(), header)).status == 400);
    }
    CHECK(served.keyRequests <= before + 1);
    CHECK(served.user() == "ada");
  });
}

TEST_CASE("L54 front-channel logout in the name of another issuer signs nobody out") {
  onEachLoginServer([](ServedLogin& served) {
    served.signIn();
    for (const char* issuer : {"https://evil.example", "https://id.example/", "https://ID.example", "", "null"}) {
      CHECK(served.sendWithout("GET", std::string("/frontchannel?sid=s-1&iss=") + issuer).status == 400);
      CHECK(served.get(std::string("/frontchannel?sid=s-1&iss=") + issuer).status == 400);
    }
    CHECK(served.user() == "ada");
  });
}

TEST_CASE("L55 front-channel logout without iss or sid, or with one of them twice, signs nobody out, cookie or not") {
  onEachLoginServer([](ServedLogin& served) {
    served.signIn();
    const std::string iss = "iss=https://id.example";
    for (const std::string& query :
         {std::string(), "?" + iss, std::string("?sid=s-1"), "?" + iss + "&sid=", "?" + iss + "&sid=s-1&sid=s-1",
          "?" + iss + "&" + iss + "&sid=s-1", "?" + iss + "&sid=a%20b", "?" + iss + "&sid=" + std::string(256, 's')}) {
      CAPTURE(query);
      CHECK(served.get("/frontchannel" + query).status == 400);
    }
    CHECK(served.user() == "ada");
    CHECK(served.get("/frontchannel?" + iss + "&sid=s-1").status == 200);
    CHECK(served.ada.cookies.empty());
  });
}

TEST_CASE("L56 clickjacking: the front-channel page may be framed by the provider alone, whatever it answers") {
  onEachLoginServer([](ServedLogin& served) {
    for (const char* query : {"?iss=https://id.example&sid=s-1", "?iss=https://evil.example&sid=s-1", ""}) {
      const Response response = served.sendWithout("GET", std::string("/frontchannel") + query);
      CHECK(fieldOf(response, "Content-Security-Policy") == "default-src 'none'; frame-ancestors https://id.example");
      CHECK(fieldOf(response, "Cache-Control") == "no-store");
      CHECK(response.body.empty());
    }
  });
}

TEST_CASE("L57 front-channel logouts of made-up sessions fill the list of denials only slowly") {
  onEachLoginServer([](ServedLogin& served) {
    served.signIn();
    int denied = 0;
    const auto flood = [&] {
      for (int i = 0; i < 120; ++i) {
        const std::string target = "/frontchannel?iss=https://id.example&sid=x-" + std::to_string(denied) + "-";
        const Response response = served.sendWithout("GET", target + std::to_string(i));
        if (response.status == 200) ++denied;
        if (response.status != 200) CHECK(response.status == 503);
        if (response.status != 200) CHECK(fieldOf(response, "Retry-After") == "1");
      }
    };
    flood();
    CHECK(denied == 100);
    served.site.clock.advance(5s);
    flood();
    CHECK(denied == 105);
    CHECK(served.user() == "ada");
    CHECK(served.backChannel(served.logoutToken()).status == 200);  // what is signed is not in that line
    CHECK(served.user() == "nobody");
  });
}

TEST_CASE("L58 front-channel logout by a guessed sid leaves the session whose cookie comes along") {
  onEachLoginServer([](ServedLogin& served) {
    served.signIn();
    CHECK(served.get("/frontchannel?iss=https://id.example&sid=s-2").status == 200);
    CHECK(served.user() == "ada");
    CHECK(served.ada.cookies.contains("__Host-sid"));
  });
}

}  // namespace attacks_logout_test

// The pieces under lib/detail that have rules of their own.
#include "detail/base64url.hpp"
#include "detail/json.hpp"
#include "detail/libcrypto.hpp"
#include "detail/url.hpp"
#include "detail/utf8.hpp"
#include "support/support.hpp"

#include <random>

#include <sodium.h>

using namespace ironjar;
using namespace ironjar::detail;
using support::errorOf;

namespace {

std::string encoded(const std::string& data) {
  std::string text;
  appendBase64url(text, bytes(data));
  return text;
}

std::optional<std::string> decoded(std::string_view text) {
  std::string out(base64urlDecodedSize(text.size()), '\0');
  if (!decodeBase64url(text, writable(out.data(), out.size()))) return std::nullopt;
  return out;
}

std::string sodiumEncoded(const std::string& data) {
  constexpr int variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
  std::string text(sodium_base64_encoded_len(data.size(), variant), '\0');
  sodium_bin2base64(text.data(), text.size(), bytes(data).data(), data.size(), variant);
  text.pop_back();
  return text;
}

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

}  // namespace

TEST_CASE("base64url agrees with libsodium at every length") {
  std::mt19937 random(1);
  for (std::size_t length = 0; length <= 1024; ++length) {
    std::string data(length, '\0');
    for (char& c : data) c = static_cast<char>(random());
    const std::string text = encoded(data);
    REQUIRE(text == sodiumEncoded(data));
    REQUIRE(decoded(text) == data);
  }
}

TEST_CASE("base64url decodes one spelling only (S08)") {
  const std::string text = encoded("any carnal pleas");  // two unused bits of four at the end
  const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (int c = 0; c < 256; ++c) {
      std::string changed = text;
      changed[at] = static_cast<char>(c);
      const auto data = decoded(changed);
      if (data) REQUIRE(encoded(*data) == changed);
      if (alphabet.find(static_cast<char>(c)) == std::string::npos) REQUIRE_FALSE(data);
    }
  }
  CHECK_FALSE(decoded(text + "="));
  CHECK_FALSE(decoded("A"));
  CHECK_FALSE(decoded("AB"));
  CHECK(decoded("AA") == std::string(1, '\0'));
}

TEST_CASE("JSON: depth, duplicate keys, byte order marks and trailing text") {
  CHECK(parseJson(nested(64)));
  CHECK(errorOf(parseJson(nested(65))) == Errc::tooLarge);
  CHECK(errorOf(parseJson(nested(100'000))) == Errc::tooLarge);
  CHECK(errorOf(parseJson(std::string(1'000'000, '['))) == Errc::tooLarge);
  for (const char* text : {"",
                           " ",
                           "{",
                           "[1,]",
                           "{\"a\":1,}",
                           "nul",
                           "NaN",
                           "Infinity",
                           "01",
                           "1 2",
                           "'a'",
                           "{a:1}",
                           "\xef\xbb\xbf{}",
                           "{\"a\":1}x",
                           "\"\xff\"",
                           "\"\xc0\x80\"",
                           "\"\xed\xa0\x80\"",
                           "1e999",
                           "{\"a\":1,\"a\":2}",
                           "{\"b\":{\"a\":1,\"a\":1}}",
                           "[{\"\":1,\"\":2}]",
                           "/**/1",
                           "\"\n\""}) {
    CAPTURE(text);
    CHECK(errorOf(parseJson(text)) == Errc::malformed);
  }
  CHECK(errorOf(parseJson(R"({"a":1,"\u0061":2})")) == Errc::malformed);
  for (const char* text : {"1\0", "{}\0", "\0{}", "1\0x"}) {
    CHECK(errorOf(parseJson(std::string_view(text, 4))) == Errc::malformed);
  }
  CHECK(*parseJson(R"( {"a":[1,{"a":2}],"b":{"a":3}} )") == Json::parse(R"({"a":[1,{"a":2}],"b":{"a":3}})"));
}

TEST_CASE("JSON: a lone surrogate escape becomes U+FFFD, a pair stays") {
  CHECK(*parseJson(R"(["\ud800"])") == Json::parse(R"(["\ufffd"])"));
  CHECK(*parseJson(R"("\udc00\ud800")") == Json::parse(R"("\ufffd\ufffd")"));
  CHECK(*parseJson(R"("\ud83d\ude00")") == Json("\U0001F600"));
  CHECK(*parseJson(R"("\ud83d\ud83d\ude00")") == Json("\ufffd\U0001F600"));
  CHECK(*parseJson(R"("\\ud800")") == Json("\\ud800"));
  CHECK(errorOf(parseJson(R"("\ud80)")) == Errc::malformed);
  CHECK(errorOf(parseJson(R"("\ud800)")) == Errc::malformed);
}

TEST_CASE("JSON that cannot be written is an error, not an exception (S20)") {
  CHECK(errorOf(writeJson("\xff")) == Errc::malformed);
  CHECK(errorOf(writeJson({{"a", "\xed\xa0\x80"}})) == Errc::malformed);
  CHECK(errorOf(writeJson({{"\xff", 1}})) == Errc::malformed);
  CHECK(errorOf(writeJson({1, std::nan("")})) == Errc::malformed);
  CHECK(errorOf(writeJson({{"a", INFINITY}})) == Errc::malformed);
  CHECK(errorOf(writeJson(Json::binary({1, 2}))) == Errc::malformed);
  Json deep = 1;
  for (int i = 0; i < 64; ++i) deep = Json::array({std::move(deep)});
  CHECK(writeJson(deep));
  CHECK(errorOf(writeJson(Json::array({deep}))) == Errc::tooLarge);
  CHECK(*writeJson(std::string("a\0b", 3)) == R"("a\u0000b")");
}

TEST_CASE("UTF-8 is counted in UTF-16 units") {
  CHECK(utf16Length("abc") == 3);
  CHECK(utf16Length("é日\U0001F36A") == 4);
  for (const char* bad : {"\x80", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
                          "\xe3\x81", "\xf0\x9f\x8d"}) {
    CHECK_FALSE(utf16Length(bad));
  }
}

TEST_CASE("URLs: what decides where tokens go is read in one way only (G11)") {
  const auto origin = [](const char* url) { return parseUrl(url).value().origin; };
  CHECK(origin("https://API.example.com:443/x?y=/@") == "https://api.example.com");
  CHECK(origin("HTTP://localhost:8080") == "http://localhost:8080");
  CHECK(origin("http://[::1]:80/") == "http://[::1]");
  CHECK(parseUrl("https://a.example?q")->target == "/?q");
  CHECK(parseUrl("https://a.example/p?q")->path() == "/p");
  for (const char* url : {"",
                          "https://",
                          "//a.example",
                          "ftp://a.example",
                          "https:/a.example",
                          "https://u@a.example/",
                          "https://a.example\\@b.example/",
                          "https://a.example#f",
                          "https://a.example/ x",
                          "https://:443",
                          "https://a.example:0/",
                          "https://a.example:65536/",
                          "https://a.example:+1/",
                          "https://a.example:/",
                          "https://a.example:1x/",
                          "https://[fe80::1%25eth0]/",
                          "https://[::1",
                          "https://[::1]x/",
                          "https://ex%61mple.com/",
                          "https://exämple.com/",
                          "https://a.example/\r\nx",
                          "https://a.example:80:80/",
                          "https://a\t.example/",
                          "https://a.example/\x7f"}) {
    CAPTURE(url);
    CHECK(errorOf(parseUrl(url)) == Errc::malformed);
  }
  CHECK(parseUrl("http://127.0.0.9/")->isLoopback());
  CHECK(parseUrl("http://[::1]/")->isLoopback());
  CHECK_FALSE(parseUrl("http://127.0.0.1.example.com/")->isLoopback());
  CHECK_FALSE(parseUrl("http://128.0.0.1/")->isLoopback());
}

TEST_CASE("PBKDF2-HMAC-SHA1: RFC 6070") {
  const auto derived = [](std::string_view password, std::string_view salt, unsigned iterations, std::size_t size) {
    std::string key(size, '\0');
    Pbkdf2Password(bytes(password)).derive(writable(key.data(), size), bytes(salt), iterations);
    return support::hex(key);
  };
  CHECK(derived("password", "salt", 1, 20) == "0c60c80f961f0e71f3a9b524af6012062fe037a6");
  CHECK(derived("password", "salt", 2, 20) == "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957");
  CHECK(derived("password", "salt", 4096, 20) == "4b007901b765489abead49d926f721d065a429c1");
  CHECK(derived("passwordPASSWORDpassword", "saltSALTsaltSALTsaltSALTsaltSALTsalt", 4096, 25) ==
        "3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038");
  CHECK(derived({"pass\0word", 9}, {"sa\0lt", 5}, 4096, 16) == "56fa6aa75548099dcc37d7f03425e0c3");
}

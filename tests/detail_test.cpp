// The pieces of lib/base, lib/crypto and lib/json that have rules of their own.
#include "base/base64url.hpp"
#include "base/url.hpp"
#include "base/utf8.hpp"
#include "crypto/libcrypto.hpp"
#include "json/json.hpp"
#include "support/guarded.hpp"
#include "support/support.hpp"

#include <algorithm>
#include <array>
#include <bit>
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

std::optional<std::string> decoded(std::string_view text, Base64urlBy by = Base64urlBy::fastest) {
  std::string out(base64urlDecodedSize(text.size()), '\0');
  if (!decodeBase64url(text, writable(out.data(), out.size()), by)) return std::nullopt;
  return out;
}

// libsodium 1.0.18 takes bytes over 127 for digits.
std::optional<std::string> sodiumDecoded(const std::string& text) {
  if (std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) > 127; })) return {};
  std::string out(text.size(), '\0');
  std::size_t size = 0;
  if (sodium_base642bin(writable(out.data(), out.size()).data(), out.size(), text.data(), text.size(), nullptr, &size,
                        nullptr, sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0) {
    return std::nullopt;
  }
  out.resize(size);
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

constexpr std::array bothWays = {Base64urlBy::fastest, Base64urlBy::table};

TEST_CASE("base64url agrees with libsodium at every length, whatever the machine's instructions") {
  std::mt19937 random(1);
  for (std::size_t length = 0; length <= 1024; ++length) {
    std::string data(length, '\0');
    for (char& c : data) c = static_cast<char>(random());
    const std::string expected = sodiumEncoded(data);
    for (const Base64urlBy by : bothWays) {
      std::string text(base64urlSize(length) + 1, '!');
      const char* const end = writeBase64url(text.data(), bytes(data), by);
      REQUIRE(end == text.data() + text.size() - 1);
      REQUIRE(text == expected + '!');
      REQUIRE(decoded(expected, by) == data);
    }
    REQUIRE(encoded(data) == expected);
  }
}

TEST_CASE("base64url stays within its texts and its bytes, whatever the machine's instructions") {
  const support::Guarded of(1'024);
  const support::Guarded to(base64urlSize(1'024));
  for (std::size_t length = 0; length <= 1024; ++length) {
    const std::size_t size = base64urlSize(length);
    for (const Base64urlBy by : bothWays) {
      const auto data = of.last(length);
      std::fill(data.begin(), data.end(), static_cast<unsigned char>(length));
      char* const begin = writableText(to.last(size));
      REQUIRE(writeBase64url(begin, data, by) == begin + size);
      std::fill(data.begin(), data.end(), static_cast<unsigned char>(0));
      REQUIRE(decodeBase64url(text(to.last(size)), data, by));
      REQUIRE(std::count(data.begin(), data.end(), static_cast<unsigned char>(length)) ==
              static_cast<std::ptrdiff_t>(length));
    }
  }
}

TEST_CASE("base64url refuses what libsodium refuses: every character at every place") {
  std::mt19937 random(2);
  std::size_t tried = 0;
  for (const std::size_t length : {1U, 2U, 3U, 24U, 25U, 26U, 48U, 71U, 76U}) {
    std::string data(length, '\0');
    for (char& c : data) c = static_cast<char>(random());
    std::string text = encoded(data);
    for (char& place : text) {
      const char good = place;
      for (int c = 0; c < 256; ++c, ++tried) {
        place = static_cast<char>(c);
        const auto expected = sodiumDecoded(text);
        for (const Base64urlBy by : bothWays) {
          if (decoded(text, by) != expected) FAIL("character ", c, " in a text of ", text.size());
        }
      }
      place = good;
    }
  }
  CHECK(tried == 256 * (2 + 3 + 4 + 32 + 34 + 35 + 64 + 95 + 102));
}

TEST_CASE("base64url decodes one spelling only (S08 b64-noncanonical)") {
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
  using namespace std::string_view_literals;
  for (const std::string_view text : {"1\0"sv, "{}\0"sv, "\0{}"sv, "1\0x"sv}) {
    CHECK(errorOf(parseJson(text)) == Errc::malformed);
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

// Random values of every kind, with keys and strings that need escapes, and numbers at the edges of their types.
Json randomJson(std::mt19937_64& random, std::size_t level = 0) {
  const auto string = [&] {
    constexpr std::array<const char*, 12> pieces = {
        "a", "\"", "\\", "\n", "\x01", "\x7f", "\u00fc", "\u65e5", "\u00e9", "\U0001F36A", "longer than a word", ""};
    std::string out;
    for (auto n = random() % 6; n > 0; --n) out += pieces[random() % pieces.size()];
    return out;
  };
  switch (random() % (level < 4 ? 9 : 7)) {
    case 0:
      return nullptr;
    case 1:
      return random() % 2 == 0;
    case 2:
      return static_cast<std::int64_t>(random()) >> (random() % 64);
    case 3:
      return random() >> (random() % 64);
    case 4: {
      const double any = std::bit_cast<double>(random());
      return std::isfinite(any) ? any : 0.5;
    }
    case 5:
      return static_cast<double>(static_cast<std::int64_t>(random()) >> (random() % 64)) / 8;
    case 6:
      return string();
    case 7: {
      Json array = Json::array();
      for (auto n = random() % 5; n > 0; --n) array.push_back(randomJson(random, level + 1));
      return array;
    }
    default: {
      Json object = Json::object();
      for (auto n = random() % 5; n > 0; --n) object[string()] = randomJson(random, level + 1);
      return object;
    }
  }
}

// Compared as text too: nlohmann's `==` does not tell 1 from 1.0.
bool isIdentical(const Json& a, const Json& b) { return a == b && a.dump() == b.dump(); }

TEST_CASE("JSON: what is written is what nlohmann reads, and reads back the same") {
  std::mt19937_64 random(3);
  for (int round = 0; round < 20'000; ++round) {
    const Json value = randomJson(random);
    const std::string text = writeJson(value).value();
    REQUIRE(isIdentical(Json::parse(text), value));
    REQUIRE(isIdentical(parseJson(text).value(), value));
    REQUIRE(text.size() <= *jsonBound(value));
    REQUIRE(isSameJson(value, parseJson(text).value()));
  }
}

TEST_CASE("JSON: every character is written in a string of any length as nlohmann writes it") {
  for (int c = 0; c < 256; ++c) {
    for (std::size_t before = 0; before < 20; ++before) {
      const std::string text = std::string(before, 'x') + static_cast<char>(c) + "yz";
      if (c < 0x80) {
        REQUIRE(writeJson(text).value() == Json(text).dump());
      } else {
        REQUIRE(errorOf(writeJson(text)) == Errc::malformed);
      }
    }
  }
}

TEST_CASE("JSON: numbers are written short, and numbers with a fraction stay such") {
  CHECK(*writeJson({0.1, 1.0, -0.0, 1e15, 1e-5, 19.99, 5e-324, 1.7976931348623157e308, 123456789012.5}) ==
        "[0.1,1.0,-0.0,1e+15,1e-05,19.99,5e-324,1.7976931348623157e+308,123456789012.5]");
  CHECK(*writeJson({INT64_MIN, INT64_MAX, UINT64_MAX, 0}) ==
        "[-9223372036854775808,9223372036854775807,18446744073709551615,0]");
}

// The two parsers, compared to the letter of the objection.
void requireSameReading(std::string_view text) {
  const auto fast = parseJson(text);
  const auto slow = parseJsonSlowly(text);
  CAPTURE(text);
  REQUIRE(fast.has_value() == slow.has_value());
  if (fast) REQUIRE(isIdentical(*fast, *slow));
  if (!fast) REQUIRE(fast.error() == slow.error());
}

TEST_CASE("JSON: the fast parser accepts and refuses what the strict one does") {
  std::mt19937_64 random(4);
  using namespace std::string_view_literals;
  constexpr std::string_view hostile =
      "\0\x01\t\n\r \"\\{}[],:-+.0123456789eEtrufalsn/ud8cDb\x7f\x80\xbf\xc0\xe2\xed\xf0\xff"sv;
  std::size_t accepted = 0;
  for (int round = 0; round < 3'000; ++round) {
    const std::string text = randomJson(random).dump();
    requireSameReading(text);
    for (int edit = 0; edit < 8; ++edit) {
      std::string changed = text;
      const std::size_t at = random() % (text.size() + 1);
      const char c = hostile[random() % hostile.size()];
      if (random() % 3 == 0)
        changed.insert(at, 1, c);
      else if (at < text.size() && random() % 2 == 0)
        changed[at] = c;
      else
        changed.erase(at, 1 + random() % 3);
      requireSameReading(changed);
      accepted += parseJson(changed) ? 1U : 0U;
    }
  }
  CHECK(accepted > 1'000);  // edits inside strings and numbers
  for (const char* text : {"-0",
                           "-0.0",
                           "0e0",
                           "1E5",
                           "1e-400",
                           "-1e400",
                           "9223372036854775807",
                           "9223372036854775808",
                           "18446744073709551615",
                           "18446744073709551616",
                           "-9223372036854775808",
                           "-9223372036854775809",
                           "123456789012345678901234567890",
                           "0.1e1000",
                           "00",
                           "-",
                           "1.",
                           ".5",
                           "+1",
                           "0x1",
                           "1e",
                           "[1,2",
                           "{\"a\"}",
                           "\"\\x\"",
                           "\"\\u12\"",
                           "\"\\ud800\\ud800\"",
                           "{\"\\ud800\":1,\"\\ud801\":2}",
                           "\"\\u0000\"",
                           "{\"a\":1,\"a\":1e999}",
                           "[1e999,{\"a\":1,\"a\":1}]",
                           "\t[ ]\r\n",
                           "tru",
                           "nulll",
                           "[]]",
                           "\"a"}) {
    requireSameReading(text);
  }
  for (const std::size_t depth : {63U, 64U, 65U, 200U, 2'000U}) {
    requireSameReading(nested(depth));
    std::string objects;
    for (std::size_t i = 0; i < depth; ++i) objects += "{\"a\":";
    requireSameReading(objects + "1" + std::string(depth, '}'));
    requireSameReading(objects + "\xff" + std::string(depth, '}'));
  }
}

TEST_CASE("JSON: a large text is read as a small one, by whatever thread") {
  Json large = Json::array();
  for (int i = 0; i < 20'000; ++i) large.push_back({{"n", i}, {"text", std::string(20, 'x')}});
  const std::string text = large.dump();
  CHECK(text.size() > 10 * maxSealSize);
  for (int round = 0; round < 3; ++round) {
    CHECK(*parseJson(text) == large);
    CHECK(*parseJson("[1]") == Json::array({1}));
  }
}

TEST_CASE("JSON: values are the same when they are written the same") {
  CHECK(isSameJson(1, 1U));
  CHECK(isSameJson({{"a", {1, "x", nullptr, true, 0.5}}}, {{"a", {1U, "x", nullptr, true, 0.5}}}));
  CHECK_FALSE(isSameJson(1, 1.0));
  CHECK_FALSE(isSameJson(0.0, -0.0));
  CHECK_FALSE(isSameJson(-1, UINT64_MAX));
  CHECK_FALSE(isSameJson(INT64_MIN, std::uint64_t{1} << 63U));
  CHECK_FALSE(isSameJson({{"a", 1}}, {{"a", 1}, {"b", 1}}));
  CHECK_FALSE(isSameJson({{"a", 1}}, {{"b", 1}}));
  CHECK_FALSE(isSameJson({1, 2}, {1}));
  CHECK_FALSE(isSameJson("1", 1));
  CHECK_FALSE(isSameJson(nullptr, false));
}

TEST_CASE("JSON that cannot be written is an error, not an exception (S20 nonutf8)") {
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

TEST_CASE("URLs: what decides where tokens go is read in one way only (G11 url)") {
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
  // Around the block that longer passwords are hashed to fit; by Python's hashlib.
  CHECK(derived(std::string(64, 'p'), "salt", 1, 32) ==
        "0ee153b147985a0d7bb6ead7ef72e56d45bd2396683caac4383eb786188aed3a");
  CHECK(derived(std::string(64, 'p'), "salt", 3, 45) ==
        "e3b09c012d7ef712e6d6fa000b358daea42ea4cc6487a5603760ffc290b0612bd4d2877e3703a1383576b2d23e");
  CHECK(derived(std::string(65, 'p'), "salt", 1, 32) ==
        "636c54ded9b9a90cb970c571b9d21325c3a7fcfd2a2902586d27d2b87fe37f0a");
  CHECK(derived(std::string(65, 'p'), "salt", 3, 45) ==
        "2831545255ebdfddea03e922dfe6b5ad3ce6b3f3194d4427b01cd2c359ce77689fd0190bb85f30fb09223f39a4");
  CHECK(derived(std::string(100, 'p'), "salt", 1, 32) ==
        "36fd47adbebbb152891db1ee7b82c9f404e41da16d28352a60c8f6f8f313490f");
  CHECK(derived(std::string(100, 'p'), "salt", 3, 45) ==
        "bb44bd3139365e925decbcc5e3287debe405a9891beecc56c5d97d94141968b2a3e6de5a3efffb8be28abdf5d2");
}

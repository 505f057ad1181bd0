// Which texts are JSON, and that the two parsers read them alike. With random edits and paddings: json_test.cpp.
#include "json/json.hpp"
#include "support/any_json.hpp"
#include "support/support.hpp"

#include <random>
#include <string_view>

namespace json_strict_test {

using namespace ironjar;
using namespace ironjar::detail;
using support::errorOf;
using support::isIdentical;
using support::randomJson;

namespace {

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

// The two parsers, compared to the letter of the objection.
void requireSameReading(std::string_view text) {
  const auto fast = parseJson(text);
  const auto slow = parseJsonSlowly(text);
  CAPTURE(text);
  REQUIRE(fast.has_value() == slow.has_value());
  if (fast) REQUIRE(isIdentical(*fast, *slow));
  if (!fast) REQUIRE(fast.error() == slow.error());
}

}  // namespace

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
}

TEST_CASE("JSON: both parsers read alike what is at the edge of the grammar and of its numbers") {
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
}

TEST_CASE("JSON: both parsers read alike what is as deep as may be, or deeper") {
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

}  // namespace json_strict_test

// The two JSON parsers against each other, and the writer against its own bound. What is accepted at all:
// json_strict_test.cpp.
#include "json/json.hpp"

#include "base/bytes.hpp"
#include "support/guarded.hpp"
#include "support/random_json.hpp"
#include "support/support.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <string>

namespace json_test {

using namespace ironjar;
using namespace ironjar::detail;
using support::Dice;

namespace {

// What stands behind a text is memory of anybody's: here, what would go on with it or end it.
constexpr std::array<std::string_view, 7> paddings = {
    "}]\"]}\"}]]]}}}1e5truefalse,:",
    "\"\"\"\"\"\"\"\"",
    "0000000000e99",
    "]]]]]]]]",
    "rue,alse,ull]]]]",
    "  ]  }",
    "\\u0061\\\"\\\\\"]",
};

class Readings {
 public:
  explicit Readings(std::uint64_t seed) : dice_(seed), memory_(1'000'000) {}

  // Read by all of them, with the end of the padding where no byte can be read.
  void require(std::string_view text) {
    const auto all = memory_.last(text.size() + jsonPadding);
    std::copy(text.begin(), text.end(), all.begin());
    const std::string_view padding = dice_.pick(paddings);
    for (std::size_t i = 0; i < jsonPadding; ++i) {
      all[text.size() + i] = static_cast<unsigned char>(padding[i % padding.size()]);
    }
    const auto padded = parsePaddedJson(detail::text(all.first(text.size())));
    const auto copied = parseJson(text);
    const auto strict = parseJsonSlowly(text);
    if (isSame(padded, strict) && isSame(copied, strict)) {
      accepted_ += strict ? 1U : 0U;
    } else {
      FAIL("read in different ways: ", std::string(text.substr(0, 500)));
    }
  }
  [[nodiscard]] std::size_t accepted() const { return accepted_; }

 private:
  static bool isSame(const Result<Json>& a, const Result<Json>& b) {
    if (a && b) return isSameJson(*a, *b);
    return !a && !b && a.error() == b.error();
  }

  Dice dice_;
  support::Guarded memory_;
  std::size_t accepted_ = 0;
};

constexpr std::array<const char*, 38> hardNumbers = {"9223372036854775807",
                                                     "9223372036854775808",
                                                     "-9223372036854775808",
                                                     "-9223372036854775809",
                                                     "18446744073709551615",
                                                     "18446744073709551616",
                                                     "18446744073709551620",
                                                     "99999999999999999999",
                                                     "-0",
                                                     "-0.0",
                                                     "-0e0",
                                                     "-0e-999",
                                                     "-1e-999",
                                                     "-0.0e999",
                                                     "0e999",
                                                     "1e308",
                                                     "1.7976931348623157e308",
                                                     "1.7976931348623158e308",
                                                     "1.7976931348623159e308",
                                                     "1e400",
                                                     "4.9e-324",
                                                     "2.4703282292062327e-324",
                                                     "2.4703282292062328e-324",
                                                     "-2e-324",
                                                     "2.2250738585072011e-308",
                                                     "9007199254740993",
                                                     "9007199254740993.0",
                                                     "1e23",
                                                     "8.5e22",
                                                     "0.1e1000",
                                                     "1e00000000000000000001",
                                                     "1e-00000000000000000001",
                                                     "1e18446744073709551617",
                                                     "1e-18446744073709551617",
                                                     "1e4294967297",
                                                     "1e2147483648",
                                                     "01",
                                                     "1.e1"};

constexpr std::array<const char*, 24> hardPieces = {"a",
                                                    "\\\"",
                                                    "\\\\",
                                                    "\\n",
                                                    "\\/",
                                                    "\\b",
                                                    "\\u0000",
                                                    "\\u0061",
                                                    "\\u00e9",
                                                    "\\ud83d",
                                                    "\\ude00",
                                                    "\\ud83d\\ude00",
                                                    "\\ud800\\u0041",
                                                    "\\uD83D\\uDE00",
                                                    "\\uffff",
                                                    "ü",
                                                    "日",
                                                    "\U0001F36A",
                                                    "\x7f",
                                                    "/",
                                                    "\xef\xbb\xbf",
                                                    "\xed\x9f\xbf",
                                                    "\xf4\x8f\xbf\xbf",
                                                    "\\u2028"};

// JSON text as no writer of ours makes it.
class Texts {
 public:
  explicit Texts(std::uint64_t seed) : dice(seed) {}

  std::string value(int level = 0) {
    const std::size_t kind = dice.below(level < 4 ? 8 : 5);
    if (kind < 3) return std::array{"null", "true", "false"}[kind];
    if (kind == 3) return number();
    if (kind == 4) return string();
    const bool object = kind > 5;
    std::string text = (object ? "{" : "[") + space();
    for (std::size_t i = 0, count = dice.below(5); i < count; ++i) {
      if (i > 0) text += "," + space();
      if (object)
        text += (dice.oneIn(3) ? string() : dice.oneIn(2) ? "\"k\"" : "\"\\u006b\"") + space() + ":" + space();
      text += value(level + 1) + space();
    }
    return text + (object ? "}" : "]");
  }

  std::string changed(std::string text) {
    const std::size_t at = dice.below(text.size() + 1);
    switch (dice.below(5)) {
      case 0:
        return text.insert(at, 1, static_cast<char>(dice.bits()));
      case 1:
        if (at < text.size()) text[at] = static_cast<char>(dice.bits());
        return text;
      case 2:
        return text.erase(at, 1 + dice.below(3));
      case 3:
        return text.substr(0, at);
      default:
        return text.insert(at, text.substr(dice.below(text.size() + 1), dice.below(12)));
    }
  }

  Dice dice;

 private:
  std::string digits(std::size_t count) {
    std::string text;
    while (text.size() < count) text.push_back(static_cast<char>('0' + dice.below(10)));
    return text;
  }
  std::string number() {
    if (dice.oneIn(3)) return dice.pick(hardNumbers);
    std::string text = (dice.oneIn(2) ? "-" : "") + digits(1 + dice.below(22));
    if (dice.oneIn(2)) text += "." + digits(dice.below(40));
    if (dice.oneIn(3)) text += (dice.oneIn(2) ? "e-" : "E") + digits(1 + dice.below(4));
    return text;
  }
  std::string string() {
    std::string text = "\"" + std::string(dice.oneIn(3) ? dice.below(80) : 0, 'x');
    for (auto n = dice.below(8); n > 0; --n) text += dice.pick(hardPieces);
    return text + "\"";
  }
  std::string space() { return dice.oneIn(4) ? std::string(1, " \t\n\r"[dice.below(4)]) : ""; }
};

}  // namespace

TEST_CASE("JSON: both parsers read alike what is nearly right") {
  Texts texts(1);
  Readings readings(2);
  for (int round = 0; round < 3'000; ++round) {
    const std::string text = texts.value();
    readings.require(text);
    for (int edit = 0; edit < 6; ++edit) readings.require(texts.changed(text));
  }
  CHECK(readings.accepted() > 3'000);
}

TEST_CASE("JSON: both parsers read alike every byte in every place") {
  Readings readings(3);
  for (const std::string_view frame :
       {"@",     "1@",    "@1",    "[1@]",   "[@1]",     "[1@,2]", "[1,@2]",   "{\"a\"@:1}",  "{\"a\":@1}",
        "{@}",   "{}@",   "@{}",   "\"a@\"", "\"\\@\"",  "tru@",   "[true@]",  "[null@]",     "\"\\u@000\"",
        "[1@2]", "[1.@]", "[1e@]", "\"a\"@", "[\"a\"@]", "-@",     "[false@]", "\"\\u000@\"", "{\"a\":1@}"}) {
    std::string text(frame);
    char& place = text[text.find('@')];
    for (int c = 0; c < 256; ++c) {
      place = static_cast<char>(c);
      readings.require(text);
    }
  }
  CHECK(readings.accepted() > 300);
}

// simdjson looks at 32 or 64 bytes at a time.
TEST_CASE("JSON: both parsers read alike escapes and endings wherever a block ends") {
  Readings readings(4);
  for (std::size_t before = 0; before < 140; ++before) {
    for (const std::string_view piece : {"\\\"", "\\\\", "\\\\\\\"", "\\u00e9", "\\ud83d\\ude00", "\\ud83d", "\n",
                                         "\xf0\x9f", "\x80", "\\", "\"", "\\x", "\\u12", ""}) {
      for (const std::size_t after : {0U, 1U, 31U, 64U}) {
        const std::string open = "[\"" + std::string(before, 'x') + std::string(piece) + std::string(after, 'z');
        readings.require(open);
        readings.require(open + "\"]");
        readings.require(open.substr(1) + "\"");
      }
    }
    for (std::size_t run = 0; run < 70; ++run) {
      readings.require("\"" + std::string(before, 'x') + std::string(run, '\\') + "\"");
    }
  }
  CHECK(readings.accepted() > 10'000);
}

TEST_CASE("JSON: both parsers read alike what is deep, what is large, and which fault comes first") {
  Readings readings(5);
  for (const std::size_t depth : {62U, 63U, 64U, 65U, 66U, 1'023U, 1'024U, 1'025U, 50'000U}) {
    const std::string open(depth, '[');
    const std::string nested = open + std::string(depth, ']');
    const std::string twice = R"({"b":1,"b":2})";
    for (const std::string& text :
         {open, nested, "{\"a\":" + nested + "}", "[" + twice + "," + nested + "]", "[" + nested + "," + twice + "]",
          "[1e999," + nested + "]", R"({"a":1,"a":)" + nested + "}"}) {
      readings.require(text);
    }
  }
  Texts texts(6);
  // Around what a thread's parser keeps, and back again.
  for (const std::size_t size : {maxSealSize - 40, maxSealSize, maxSealSize + 1, 3 * maxSealSize, std::size_t{20}}) {
    std::string text = "[";
    while (text.size() + 10 < size) {
      const std::string next = texts.value(2) + ",";
      if (text.size() + next.size() < size && parseJsonSlowly("[" + next + "1]")) text += next;
    }
    text += std::string(size - text.size() - 2, ' ');
    text += "1]";
    readings.require(text);
    readings.require(text.substr(0, text.size() - 1));
    readings.require(text + "\xff");
  }
  CHECK(readings.accepted() == 10);
}

TEST_CASE("JSON: nothing is written beyond the bound") {
  Dice dice(7);
  const support::Guarded memory(100'000);
  const auto written = [&](const Json& value) {
    const auto room = memory.last(*jsonBound(value));
    char* const begin = writableText(room);
    return std::string(begin, writeJson(begin, value));
  };
  int exponent = 0;
  for (int round = 0; round < 30'000; ++round) {
    double number = std::bit_cast<double>(dice.bits());
    if (!std::isfinite(number)) continue;
    if (round % 2 == 0) number = std::ldexp(std::frexp(number, &exponent), static_cast<int>(dice.below(70)) - 15);
    REQUIRE(Json::parse(written(number)) == number);
  }
  for (int round = 0; round < 10'000; ++round) {
    std::string text;
    for (auto n = dice.below(40); n > 0; --n)
      text += dice.oneIn(2) ? "x" : std::string(1, static_cast<char>(dice.below(0x80)));
    for (const Json& value :
         {Json(text), Json{{text, {text, INT64_MIN, UINT64_MAX, nullptr, false}}}, Json{text, text}}) {
      REQUIRE(written(value) == value.dump());
    }
  }
}

}  // namespace json_test

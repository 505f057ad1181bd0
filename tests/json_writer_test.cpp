// What is written as JSON, when values count as the same, and what cannot be written.
#include "json/json.hpp"
#include "support/any_json.hpp"
#include "support/support.hpp"

#include <cmath>
#include <random>

namespace json_writer_test {

using namespace ironjar;
using namespace ironjar::detail;
using support::errorOf;
using support::isIdentical;
using support::randomJson;

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

}  // namespace json_writer_test

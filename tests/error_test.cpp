#include "support/support.hpp"

namespace error_test {

using namespace ironjar;

namespace {

Result<std::string> greet(bool friendly) {
  if (!friendly) return fail(Errc::timeout, "nobody home");
  return std::string("hello");
}

}  // namespace

TEST_CASE("a Result holds a value or an error") {
  const auto good = greet(true);
  REQUIRE(good);
  CHECK(*good == "hello");
  CHECK(good->size() == 5);
  CHECK(good.value() == "hello");

  const auto bad = greet(false);
  REQUIRE_FALSE(bad);
  CHECK(bad.error() == Error{Errc::timeout, "nobody home"});
  CHECK(bad.value_or("else") == "else");
}

TEST_CASE("value() of an error throws with its description") {
  CHECK_THROWS_WITH_AS(static_cast<void>(greet(false).value()), "the deadline passed: nobody home", std::runtime_error);
}

TEST_CASE("every Errc has a description and a name of its own") {
  std::vector<std::string_view> seen;
  std::vector<std::string_view> names;
  for (int code = static_cast<int>(Errc::malformed); code <= static_cast<int>(Errc::cancelled); ++code) {
    const auto text = describe(static_cast<Errc>(code));
    CHECK(std::find(seen.begin(), seen.end(), text) == seen.end());
    CHECK(text != "unknown error");
    seen.push_back(text);
    const auto name = nameOf(static_cast<Errc>(code));
    CHECK(std::find(names.begin(), names.end(), name) == names.end());
    CHECK(name != "unknown");
    names.push_back(name);
  }
}

}  // namespace error_test

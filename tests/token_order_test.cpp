// LocalCoordinator: a provider gives a token that it has taken already, be it known here or not.
#include "support/coordinated.hpp"

namespace token_order_test {

using namespace ironjar;
using namespace std::chrono_literals;
using Fixture = support::Coordinated;
using support::tokens;

TEST_CASE("a token that is given again leads on to what has taken its place") {
  Fixture f;
  REQUIRE(f.refresh("b", "c"));
  REQUIRE(f.refresh("a", "b"));  // within the provider's grace, say
  CHECK(f.newest("a") == "c");
  SUBCASE("whose logout ends them all") {
    f.coordinator.end("c", tokens("b"), {});
    CHECK(f.newest("c") == "over");
  }
  SUBCASE("as long as it is known where the first leads") {
    f.time.advance(599s);
    CHECK(f.newest("a") == "c");
  }
  SUBCASE("its cookie confirms the first") {
    CHECK(f.newest("b") == "c");
    f.time.advance(61s);
    CHECK(f.newest("a") == "over");
  }
}

TEST_CASE("a token that is given again is good when what has taken its place is not") {
  Fixture f;
  REQUIRE(f.refresh("b", "c"));
  REQUIRE(f.failing("c", RefreshEnd::invalidGrant) == RefreshEnd::invalidGrant);
  REQUIRE(f.refresh("a", "b"));
  CHECK(f.newest("a") == "b");
  CHECK(f.refresh("b", "d"));
}

TEST_CASE("tokens that are given again in turn make no circle") {
  Fixture f;
  REQUIRE(f.refresh("a", "b"));
  REQUIRE(f.refresh("b", "c"));
  REQUIRE(f.refresh("c", "a"));
  CHECK(f.newest("b") == "a");
  CHECK(f.newest("c") == "a");
  CHECK(f.newest("a") == "");
  CHECK(f.refresh("a", "d"));
}

}  // namespace token_order_test

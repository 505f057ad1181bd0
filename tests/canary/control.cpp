// Secrets told on purpose, in every way that the suite tells: tests/check.sh canary must find each of them.
#include "support/support.hpp"
#include "support/upstream.hpp"

#include <chrono>
#include <stdexcept>

using namespace ironjar;

TEST_CASE("control" * doctest::skip()) {
  REQUIRE(support::isTelling());
  support::Upstream upstream;
  upstream.provider.behave({.idToken = true});
  const auto tell = [](const std::string& secret) {
    return support::errorOf(Result<int>(fail(Errc::malformed, secret))) != std::nullopt;
  };
  const auto answer =
      upstream.transport()(refreshRequest({.url = upstream.provider.tokenUrl()}, upstream.provider.login()),
                           std::chrono::steady_clock::now() + std::chrono::seconds{5});
  CHECK(tell(upstream.provider.login().accessToken));
  CHECK(tell(upstream.provider.login().refreshToken));
  CHECK(tell(Json::parse(answer->body).at("id_token").get<std::string>()));
  CHECK_THROWS(throw std::invalid_argument(support::password));
  support::teller()(event::Rejected{fail(Errc::tampered, support::otherPassword)});
  support::tell("metrics", support::clientSecret);
}

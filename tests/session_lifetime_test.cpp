// How long a session and its cookie last.
#include "support/browser.hpp"

namespace session_lifetime_test {

using namespace ironjar;
using support::basicOptions;
using support::Browser;
using support::errorOf;
using support::look;
using support::password;
using support::visit;
using testing::VirtualClock;

TEST_CASE("a cookie from a clock that is ahead is left alone, and opens when its time has come") {
  const VirtualClock clock;
  const VirtualClock ahead(support::at(1'700'000'090'000));
  Browser browser;
  visit(SessionJar(basicOptions(ahead)), browser, [](Session& s) { s.set("a", 1); });
  const SessionJar jar(basicOptions(clock));
  CHECK(visit(jar, browser, [](Session& s) { CHECK(s.rejection()->code == Errc::notYetValid); }).empty());
  clock.advance(Seconds{30});
  visit(jar, browser, [](Session& s) { CHECK(s.get<int>("a") == 1); });
}

TEST_CASE("Max-Age follows from ttl, and no number overflows (C14 maxage)") {
  const auto maxAge = [](Seconds ttl) {
    Session session;
    session.set("user", "ada");
    const std::string cookie =
        SessionJar({.cookieName = "sid", .passwords = password, .seal = {.ttl = ttl}}).commit(session)->front();
    const std::size_t begin = cookie.find("Max-Age=") + 8;
    return cookie.substr(begin, cookie.find(';', begin) - begin);
  };
  CHECK(maxAge(Seconds{3600}) == "3540");
  CHECK(maxAge(Seconds{61}) == "1");
  CHECK(maxAge(Seconds{60}) == "60");
  CHECK(maxAge(Seconds{0}) == "2147483647");
  CHECK(maxAge(std::chrono::hours{24 * 400}) == "34559940");
  CHECK(maxAge(Seconds{99'999'999'999}) == "99999999939");  // iron-session caps nothing; browsers do
  CHECK_THROWS_AS(maxAge(Seconds::max()), std::invalid_argument);
  CHECK_THROWS_AS(maxAge(Seconds::min()), std::invalid_argument);
}

TEST_CASE("rolling re-seals after half of ttl, and then only (X05 rolling/absolute)") {
  const VirtualClock clock;
  SessionOptions options = basicOptions(clock);
  options.seal.ttl = Seconds{1000};
  options.rolling = true;
  const SessionJar jar(options);
  Browser browser;
  visit(jar, browser, [](Session& s) { s.set("a", 1); });
  clock.advance(Seconds{500});
  CHECK(visit(jar, browser, look).empty());
  clock.advance(Seconds{1});
  CHECK(visit(jar, browser, look).size() == 1);
  CHECK(visit(jar, browser, look).empty());
  clock.advance(Seconds{900});
  CHECK(visit(jar, browser, [](Session& s) { CHECK_FALSE(s.empty()); }).size() == 1);
}

TEST_CASE("rolling goes by what the browser was told when that is less than the seal's ttl") {
  for (const SealFormat format : {SealFormat::native, SealFormat::fe26}) {
    const VirtualClock clock;
    SessionOptions options = basicOptions(clock);
    options.seal.formats = {format};
    options.cookie.maxAge = Seconds{3600};
    options.rolling = true;
    const SessionJar jar(options);
    Browser browser;
    visit(jar, browser, [](Session& s) { s.set("a", 1); });
    clock.advance(Seconds{1800});
    CHECK(visit(jar, browser, look).empty());
    clock.advance(Seconds{1});
    CHECK(visit(jar, browser, look).size() == 1);
    CHECK(visit(jar, browser, look).empty());
    options.cookie.maxAge = std::chrono::hours{24 * 30};  // beyond ttl, the seal's half counts
    const SessionJar longer(options);
    clock.advance(std::chrono::hours{24 * 7});
    CHECK(visit(longer, browser, look).empty());
    clock.advance(Seconds{1});
    CHECK(visit(longer, browser, look).size() == 1);
  }
}

TEST_CASE("rolling stops where absoluteTtl leaves nothing to win") {
  const VirtualClock clock;
  SessionOptions options = basicOptions(clock);
  options.seal.ttl = Seconds{1000};
  options.rolling = true;
  options.absoluteTtl = Seconds{3000};
  const SessionJar jar(options);
  Browser browser;
  visit(jar, browser, [](Session& s) { s.set("a", 1); });
  int writes = 0;
  for (int i = 0; i < 298; ++i) {
    clock.advance(Seconds{10});
    writes += !visit(jar, browser, [](Session& s) { REQUIRE_FALSE(s.empty()); }).empty();
  }
  CHECK(writes <= 6);
}

TEST_CASE(
    "absoluteTtl ends the session to the second, however active and with ttl 0 (X05 rolling/absolute, X06 ttl-zero)") {
  for (const Seconds ttl : {Seconds{0}, Seconds{1000}}) {
    const VirtualClock clock;
    SessionOptions options = basicOptions(clock);
    options.seal.ttl = ttl;
    options.absoluteTtl = Seconds{3000};
    const SessionJar jar(options);
    Browser browser;
    visit(jar, browser, [](Session& s) { s.set("n", 0); });
    for (int i = 1; i < 6; ++i) {
      clock.advance(Seconds{500});
      visit(jar, browser, [i](Session& s) { s.set("n", i); });
    }
    clock.advance(Seconds{499});
    visit(jar, browser, [](Session& s) { CHECK(s.get<int>("n") == 5); });
    Session last = jar.open(browser.header());
    last.set("n", 6);
    CHECK(jar.commit(last)->front().find("Max-Age=1;") != std::string::npos);
    clock.advance(Seconds{1});
    CHECK(jar.open(browser.header()).rejection()->code == Errc::expired);
    last.set("n", 7);
    CHECK(jar.commit(last)->empty());  // its end came while the request was served
  }
}

TEST_CASE("a cookie until the browser closes may hold a seal that ends") {
  const VirtualClock clock;
  SessionOptions options = basicOptions(clock);
  options.untilBrowserCloses = true;
  Browser endless;
  visit(SessionJar(options), endless, [](Session& s) { s.set("a", 1); });
  options.seal.ttl = Seconds{3600};
  options.rolling = true;
  const SessionJar jar(options);
  Browser browser;
  CHECK(visit(jar, browser, [](Session& s) { s.set("a", 1); }).front().find("Max-Age") == std::string::npos);
  clock.advance(std::chrono::minutes{31});
  CHECK(visit(jar, browser, look).size() == 1);  // rolling goes by the seal
  clock.advance(std::chrono::hours{2});
  CHECK(jar.open(browser.header()).rejection()->code == Errc::expired);
  clock.advance(std::chrono::hours{24 * 365});
  CHECK_FALSE(jar.open(endless.header()).empty());
}

TEST_CASE("a cookie.expires that has passed is told, not written") {
  const VirtualClock clock;
  SessionOptions options = basicOptions(clock);
  options.cookie.expires = clock.wallNow() + Seconds{1};
  const SessionJar jar(options);
  clock.advance(Seconds{1});
  Session session = jar.open("");
  session.set("a", 1);
  CHECK(errorOf(jar.commit(session)) == Errc::expired);
}

}  // namespace session_lifetime_test

// Which cookies a session is read from, and which it sets and deletes.
#include "support/browser.hpp"

namespace session_cookie_test {

using namespace ironjar;
using support::basicOptions;
using support::Browser;
using support::Cookies;
using support::deletes;
using support::errorOf;
using support::look;
using support::ofBytes;
using support::otherPassword;
using support::password;
using support::visit;
using testing::VirtualClock;

TEST_CASE("a session survives the round trip, and an untouched one sets no cookie (X08 unchanged)") {
  const SessionJar jar(basicOptions());
  Browser browser;
  CHECK(visit(jar, browser, look).empty());
  CHECK(visit(jar, browser, [](Session& s) { s.set("user", "ada"); }).size() == 1);
  CHECK(visit(jar, browser, [](Session& s) { CHECK(s.get<std::string>("user") == "ada"); }).empty());
  CHECK(visit(jar, browser, [](Session& s) { s.set("user", "ada"); }).empty());
  CHECK(visit(jar, browser, [](Session& s) { s.erase("nothing"); }).empty());
  CHECK(visit(jar, browser, [](Session& s) { s.set("user", "bob"); }).size() == 1);
}

TEST_CASE("a second commit writes only what changed since (C13 one-per-name)") {
  const SessionJar jar(basicOptions());
  Session session = jar.open("");
  session.set("a", 1);
  CHECK(jar.commit(session)->size() == 1);
  CHECK_FALSE(session.changed());
  CHECK(jar.commit(session)->empty());
}

TEST_CASE("decoys are passed over, however many (C03 dup-name)") {
  const SessionJar jar(basicOptions());
  Browser browser;
  visit(jar, browser, [](Session& s) { s.set("user", "ada"); });
  const std::string real = browser.header();
  std::string decoys;
  for (int i = 0; i < 7; ++i) decoys += "sid=ij1.decoy" + std::to_string(i) + "; ";
  CHECK(jar.open(decoys + real).get<std::string>("user") == "ada");
  CHECK(jar.open(parseCookies(decoys + real)).get<std::string>("user") == "ada");
  CHECK_FALSE(jar.open(decoys + real).rejection());
  CHECK(jar.open("sid=Fe26.2*decoy; sid=ij1.; " + decoys + real).get<std::string>("user") == "ada");
  std::string junk;
  for (int i = 0; i < 100; ++i) junk += "sid=junk" + std::to_string(i) + "; ";
  CHECK(jar.open(junk + real).get<std::string>("user") == "ada");  // what is no seal does not count
  CHECK(jar.open(real + "; " + decoys).get<std::string>("user") == "ada");
  CHECK(jar.open("SID=x; Sid=y; " + real).get<std::string>("user") == "ada");
}

TEST_CASE("a seal of another cookie does not open (S11 cross-cookie)") {
  const SessionJar jar(basicOptions());
  SessionOptions options = basicOptions();
  options.cookieName = "other";
  Browser browser;
  visit(SessionJar(options), browser, [](Session& s) { s.set("admin", true); });
  const std::string moved = "sid" + browser.header().substr(5);
  CHECK(jar.open(moved).rejection()->code == Errc::tampered);
}

TEST_CASE(
    "cookies that have ended, and forged ones, are left alone until somebody signs in or out (X13 "
    "failed-load-clears)") {
  const VirtualClock clock;
  const SessionJar jar(basicOptions(clock));
  Browser browser;
  browser.take({"sid=ij1.junk", "sid.0=ij1.junk", "sid.2=junk", "other=x"});
  const Cookies cookies = visit(jar, browser, [](Session& s) {
    CHECK(s.empty());
    CHECK(s.rejection()->code == Errc::malformed);
  });
  CHECK(cookies.empty());

  const Cookies written = visit(jar, browser, [](Session& s) { s.set("a", 1); });
  REQUIRE(written.size() == 3);
  CHECK(deletes(written[1], "sid.0"));
  CHECK(deletes(written[2], "sid.2"));
  clock.advance(std::chrono::hours{24 * 15});
  Browser left = browser;
  CHECK(visit(jar, browser, [](Session& s) { CHECK(s.rejection()->code == Errc::expired); }).empty());
  visit(jar, browser, [](Session& s) { s.set("a", 2); });
  CHECK(jar.open(browser.header()).get<int>("a") == 2);
  visit(jar, left, [](Session& s) { s.destroy(); });
  CHECK(left.header() == "other=x");
}

TEST_CASE("a read whose cookie has ended, and that is slower than a login, takes nothing from it (X13)") {
  const VirtualClock clock;
  SessionOptions options = basicOptions(clock);
  options.untilBrowserCloses = true;
  options.seal.ttl = Seconds{600};
  options.chunk = true;
  const SessionJar jar(options);
  Browser browser;
  visit(jar, browser, [](Session& s) { s.set("filler", support::ofBytes(4000)); });
  clock.advance(Seconds{661});
  Session read = jar.open(browser.header());
  visit(jar, browser, [](Session& s) {
    s.replace();
    s.set("user", "ada");
    s.set("filler", support::ofBytes(4000));
  });
  browser.take(jar.commit(read).value());
  CHECK(jar.open(browser.header()).get<std::string>("user") == "ada");
}

TEST_CASE("what is no seal is somebody else's, and not deleted") {
  const SessionJar jar(basicOptions());
  Session session = jar.open("sid=eyJhIjoxfQ.aZ_x; sid.0=theirs; sid.2=theirs");
  CHECK(session.rejection()->code == Errc::malformed);
  CHECK(jar.commit(session)->empty());
}

TEST_CASE("a cookie that another replica may open is left alone") {
  const SessionJar old(basicOptions());
  SessionOptions options = basicOptions();
  options.passwords = {{1, password}, {2, otherPassword}};
  Browser browser;
  visit(SessionJar(options), browser, [](Session& s) { s.set("a", 1); });
  CHECK(visit(old, browser, [](Session& s) { CHECK(s.rejection()->code == Errc::unknownKey); }).empty());
  options.seal.formats = {SealFormat::fe26};
  Browser other;
  visit(SessionJar(options), other, [](Session& s) { s.set("a", 1); });
  CHECK(visit(old, other, [](Session& s) { CHECK(s.rejection()->code == Errc::unsupported); }).empty());
}

TEST_CASE("rotation and migration finish by themselves") {
  SessionOptions options = basicOptions();
  Browser browser;
  options.seal.formats = {SealFormat::fe26};
  visit(SessionJar(options), browser, [](Session& s) { s.set("user", "ada"); });
  options.seal.formats = {SealFormat::native, SealFormat::fe26};
  CHECK(visit(SessionJar(options), browser, look).size() == 1);
  CHECK(browser.header().starts_with("sid=ij1."));
  options.passwords = {{1, password}, {2, otherPassword}};
  CHECK(visit(SessionJar(options), browser, look).size() == 1);
  options.passwords = {{2, otherPassword}};
  options.seal.formats = {SealFormat::native};
  CHECK(visit(SessionJar(options), browser, [](Session& s) { CHECK(s.get<std::string>("user") == "ada"); }).empty());
}

TEST_CASE("a cookie's name is its bytes: another case is another cookie (C08 prefix-case)") {
  const SessionJar jar({.cookieName = "__Host-sid", .passwords = password});
  Session session;
  session.set("user", "ada");
  const std::string pair = support::pairOf(jar.commit(session)->front());
  CHECK(jar.open(pair).get<std::string>("user") == "ada");
  for (const char* name : {"__host-sid", "__HOST-sid", "__Host-SID", "%5F%5FHost-sid"}) {
    const Session other = jar.open(name + pair.substr(pair.find('=')));
    CHECK(other.empty());
    CHECK_FALSE(other.rejection());  // not even ours
  }
}

TEST_CASE("deletions carry the attributes the cookie was set with (R81)") {
  SessionOptions options = basicOptions();
  options.cookie = {.domain = "example.com", .path = "/app", .partitioned = true, .sameSite = SameSite::none};
  const SessionJar jar(options);
  Session session = jar.open("");
  session.set("a", 1);
  const std::string saved = jar.commit(session)->front();
  session.destroy();
  const std::string deleted = jar.commit(session)->front();
  CHECK(saved.substr(saved.find("; Domain")) == deleted.substr(deleted.find("; Domain")));
  CHECK(deleted.starts_with("sid=; Max-Age=0; Domain=example.com; Path=/app;"));
}

TEST_CASE("too much data is a typed error, and the old cookie stays (X09 too-big)") {
  const SessionJar jar(basicOptions());
  Browser browser;
  visit(jar, browser, [](Session& s) { s.set("user", "ada"); });
  Session session = jar.open(browser.header());
  session.set("d", ofBytes(4000));
  const auto cookies = jar.commit(session);
  CHECK(errorOf(cookies) == Errc::tooLarge);
  CHECK(cookies.error().detail.find("4096") != std::string::npos);
  CHECK(session.changed());
  CHECK(jar.open(browser.header()).get<std::string>("user") == "ada");
}

TEST_CASE("200 hostile Cookie headers give sessions, not exceptions") {
  SessionOptions options = basicOptions();
  options.chunk = true;
  const SessionJar jar(options);
  Browser browser;
  visit(jar, browser, [](Session& s) { s.set("user", "ada"); });
  const std::string good = browser.header();
  std::vector<std::string> headers = {"sid",
                                      "sid=",
                                      "sid=;",
                                      "=",
                                      ";",
                                      "sid==",
                                      "sid=ij1.",
                                      "sid=Fe26.2*",
                                      good + ";" + good,
                                      std::string(100'000, ';'),
                                      std::string(100'000, '='),
                                      "sid=" + std::string(100'000, 'A'),
                                      "sid=ij1." + std::string(60'000, 'A'),
                                      "sid=" + std::string(10'000, '*')};
  for (int i = 0; i < 40; ++i) headers.push_back("sid." + std::to_string(i) + "=" + good.substr(4));
  for (std::size_t i = 0; i < good.size(); ++i) headers.push_back(good.substr(0, i));
  for (int c = 0; c < 256; ++c) headers.push_back("sid=ij1." + std::string(20, static_cast<char>(c)));
  CHECK(headers.size() >= 200);
  for (const std::string& header : headers) {
    Session session = jar.open(header);
    CHECK((session.empty() || session.data() == Json{{"user", "ada"}}));
    CHECK(jar.commit(session));
  }
}

}  // namespace session_cookie_test

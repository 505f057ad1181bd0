#include "support/browser.hpp"

using namespace ironjar;
using support::basicOptions;
using support::Browser;
using support::Cookies;
using support::deletes;
using support::errorOf;
using support::FakeClock;
using support::look;
using support::ofBytes;
using support::otherPassword;
using support::password;
using support::visit;

namespace {

struct Profile {
  std::string name;
  int visits = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Profile, name, visits)

}  // namespace

TEST_CASE("members: get, take, set, erase, and types that do not fit") {
  Session session;
  CHECK(session.empty());
  session.set("n", 7);
  session.set("s", "text");
  session.set("list", {1, 2});
  CHECK(session.get<int>("n") == 7);
  CHECK(session.get<std::string>("s") == "text");
  CHECK(session.get<std::vector<int>>("list") == std::vector{1, 2});
  CHECK_FALSE(session.get<std::string>("n"));
  CHECK_FALSE(session.get<int>("missing"));
  CHECK_FALSE(session.contains("missing"));
  CHECK(session.take<std::string>("s") == "text");
  CHECK_FALSE(session.contains("s"));
  CHECK_FALSE(session.take<std::string>("n"));
  CHECK(session.contains("n"));
  session.erase("n");
  CHECK(session.data() == Json{{"list", {1, 2}}});
}

TEST_CASE("numbers and booleans are what they are, or nothing") {
  Session session;
  session.assign({{"n", 300}, {"negative", -1}, {"f", 3.9}, {"b", true}, {"big", 4294967297}, {"s", "1"}});
  CHECK(session.get<int>("n") == 300);
  CHECK_FALSE(session.get<std::uint8_t>("n"));
  CHECK_FALSE(session.get<unsigned>("negative"));
  CHECK_FALSE(session.get<int>("f"));
  CHECK(session.get<double>("f") == 3.9);
  CHECK(session.get<double>("n") == 300);
  CHECK_FALSE(session.get<int>("b"));
  CHECK(session.get<bool>("b") == true);
  CHECK_FALSE(session.get<bool>("n"));
  CHECK_FALSE(session.get<int>("big"));
  CHECK(session.get<std::int64_t>("big") == 4294967297);
  CHECK_FALSE(session.get<int>("s"));
}

TEST_CASE("a change of a number's type is a change") {
  const SessionJar jar(basicOptions());
  Session session = jar.open("");
  session.set("n", -1);
  session.set("n", 18446744073709551615U);
  CHECK(session.get<std::uint64_t>("n") == 18446744073709551615U);
}

TEST_CASE("what JSON cannot carry is not stored, and said so (S20 nonutf8)") {
  Session session;
  session.set("good", 1);
  for (const Json& bad : {Json("\xff"), Json(std::nan("")), Json{{"\xc0", 1}}, Json::binary({1})}) {
    session.set("bad", bad);
    CHECK(session.rejection()->code == Errc::malformed);
    session.assign({{"bad", bad}});
  }
  session.set("\xff", 1);
  CHECK(session.data() == Json{{"good", 1}});
}

TEST_CASE("a member is as deep as the session that holds it, and its name is text too") {
  Json deep = 1;
  for (int i = 0; i < 63; ++i) deep = Json::array({std::move(deep)});
  Session session;
  session.set("deep", Json::array({deep}));
  CHECK(session.rejection()->code == Errc::tooLarge);
  CHECK(session.empty());
  session.set("\xff", 1);
  CHECK(session.rejection()->code == Errc::malformed);
  CHECK(session.empty());
  session.set("deep", deep);
  CHECK(session.contains("deep"));
}

TEST_CASE("the whole session as a type of one's own") {
  Session session;
  session.assign(Profile{"ada", 3});
  CHECK(session.as<Profile>()->visits == 3);
  session.set("visits", "many");
  CHECK(errorOf(session.as<Profile>()) == Errc::malformed);
  session.assign(5);
  CHECK(session.rejection()->code == Errc::malformed);
  CHECK(session.get<std::string>("name") == "ada");
}

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

TEST_CASE("keys that are special elsewhere are data here (X11 proto)") {
  const SessionJar jar(basicOptions());
  Browser browser;
  const Json data = {{"__proto__", {{"admin", true}}}, {"constructor", 1}, {"", 2}, {ofBytes(1000), 3}};
  visit(jar, browser, [&](Session& s) { s.assign(data); });
  visit(jar, browser, [&](Session& s) { CHECK(s.data() == data); });
}

TEST_CASE("decoys are passed over, however many (C03 dup-name)") {
  const SessionJar jar(basicOptions());
  Browser browser;
  visit(jar, browser, [](Session& s) { s.set("user", "ada"); });
  const std::string real = browser.header();
  std::string decoys;
  for (int i = 0; i < 7; ++i) decoys += "sid=ij1.decoy" + std::to_string(i) + "; ";
  CHECK(jar.open(decoys + real).get<std::string>("user") == "ada");
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
    "cookies that have ended are deleted, and forged ones left alone, with their reason (X13 failed-load-clears)") {
  const FakeClock clock;
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
  visit(jar, browser, [](Session& s) { CHECK(s.rejection()->code == Errc::expired); });
  CHECK(browser.header() == "other=x");
}

TEST_CASE("what is no seal is somebody else's, and not deleted") {
  const SessionJar jar(basicOptions());
  Session session = jar.open("sid=eyJhIjoxfQ.aZ_x; sid.0=theirs; sid.2=theirs");
  CHECK(session.rejection()->code == Errc::malformed);
  CHECK(jar.commit(session)->empty());
}

TEST_CASE("a cookie from a clock that is ahead is left alone, and opens when its time has come") {
  const FakeClock clock;
  const FakeClock ahead(1'700'000'090'000);
  Browser browser;
  visit(SessionJar(basicOptions(ahead)), browser, [](Session& s) { s.set("a", 1); });
  const SessionJar jar(basicOptions(clock));
  CHECK(visit(jar, browser, [](Session& s) { CHECK(s.rejection()->code == Errc::notYetValid); }).empty());
  clock.advance(Seconds{30});
  visit(jar, browser, [](Session& s) { CHECK(s.get<int>("a") == 1); });
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

TEST_CASE("identity and start survive re-sealing, and replace() begins anew (X01 fixation, X14 privilege)") {
  const FakeClock clock;
  const SessionJar jar(basicOptions(clock));
  Browser browser;
  std::string id;
  visit(jar, browser, [&](Session& s) {
    s.set("planted", true);
    s.set("cart", 3);
    id = s.id();
  });
  CHECK(id.size() == 32);
  clock.advance(std::chrono::hours{1});
  visit(jar, browser, [&](Session& s) {
    CHECK(s.id() == id);
    CHECK(s.startedAt() == support::at(1'700'000'000'000));
    s.replace({"cart", "missing"});
    CHECK(s.data() == Json{{"cart", 3}});
  });
  visit(jar, browser, [&](Session& s) {
    CHECK(s.id() != id);
    CHECK(s.startedAt() == support::at(1'700'003'600'000));
    CHECK(s.data() == Json{{"cart", 3}});
  });
}

TEST_CASE("one Fe26.2 cookie is one identity") {
  SessionOptions options = basicOptions();
  options.seal.formats = {SealFormat::fe26};
  const SessionJar jar(options);
  Browser browser;
  visit(jar, browser, [](Session& s) { s.set("a", 1); });
  CHECK(jar.open(browser.header()).id() == jar.open(browser.header()).id());
}

TEST_CASE("destroy deletes and is terminal (X04 double-destroy)") {
  const SessionJar jar(basicOptions());
  Browser browser;
  visit(jar, browser, [](Session& s) { s.set("user", "ada"); });
  const Cookies cookies = visit(jar, browser, [&](Session& s) {
    s.destroy();
    s.destroy();
    s.set("user", "back");
    s.assign({{"user", "back"}});
    s.replace({"user"});
    CHECK(s.empty());
    CHECK(s.destroyed());
    CHECK(s.rejection()->code == Errc::notAllowed);
  });
  REQUIRE(cookies.size() == 1);
  CHECK(deletes(cookies[0], "sid"));
  CHECK(browser.header().empty());
  Session fresh = jar.open("");
  fresh.destroy();
  CHECK(jar.commit(fresh)->size() == 1);  // as iron-session: the browser may hold what this request did not bring
  CHECK(jar.commit(fresh)->empty());
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

TEST_CASE("a cookie from before the logout opens until it ends, since nothing is stored (X02 logout-replay)") {
  const SessionJar jar({.cookieName = "sid", .passwords = password});
  Session session;
  session.set("user", "ada");
  const std::string stolen = support::pairOf(jar.commit(session)->front());
  session.destroy();
  REQUIRE(jar.commit(session));
  CHECK(jar.open(stolen).get<std::string>("user") == "ada");
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

TEST_CASE("rolling re-seals after half of ttl, and then only (X05 rolling/absolute)") {
  const FakeClock clock;
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

TEST_CASE("rolling stops where absoluteTtl leaves nothing to win") {
  const FakeClock clock;
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
    const FakeClock clock;
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
    CHECK(deletes(jar.commit(last)->front(), "sid"));  // its end came while the request was served
  }
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

TEST_CASE(
    "configuration that no browser would keep, or that cannot be, is refused at start-up (C11 host-rules, G10 "
    "insecure-cookie)") {
  const auto refuses = [](auto change) {
    SessionOptions options = basicOptions();
    change(options);
    CHECK_THROWS_AS(SessionJar{options}, std::invalid_argument);
  };
  refuses([](SessionOptions& o) { o.cookieName = ""; });
  refuses([](SessionOptions& o) { o.cookieName = "a b"; });
  refuses([](SessionOptions& o) { o.cookieName = "__Host-a", o.cookie.secure = false; });
  refuses([](SessionOptions& o) { o.cookieName = "__Secure-a", o.cookie.secure = false; });
  refuses([](SessionOptions& o) { o.cookie.sameSite = SameSite::none, o.cookie.secure = false; });
  refuses([](SessionOptions& o) { o.cookie.partitioned = true, o.cookie.secure = false; });
  refuses([](SessionOptions& o) { o.cookie.domain = "evil; Secure"; });
  refuses([](SessionOptions& o) { o.seal.formats = {}; });
  refuses([](SessionOptions& o) { o.cookie.path = "relative"; });
  refuses([](SessionOptions& o) { o.maxCookieHeader = 0; });
  refuses([](SessionOptions& o) { o.absoluteTtl = Seconds::max(); });
  refuses([](SessionOptions& o) { o.absoluteTtl = Seconds{-1}; });
  refuses([](SessionOptions& o) { o.absoluteTtl = Seconds{60}, o.seal.formats = {SealFormat::fe26}; });
  refuses([](SessionOptions& o) { o.rolling = true, o.seal.ttl = Seconds{0}; });
  refuses([](SessionOptions& o) { o.untilBrowserCloses = true, o.cookie.maxAge = Seconds{60}; });
  refuses([](SessionOptions& o) { o.tokenNames.refreshToken = "accessToken"; });
  refuses([](SessionOptions& o) { o.tokenNames.scope = ""; });
}

TEST_CASE("a cookie.expires in the past is told, not written") {
  SessionOptions options = basicOptions();
  options.cookie.expires = support::at(1'600'000'000'000);
  const SessionJar jar(options);
  Session session = jar.open("");
  session.set("a", 1);
  CHECK(errorOf(jar.commit(session)) == Errc::expired);
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

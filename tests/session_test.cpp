// What is in a session, and who it is: members, types, identity, its end by the program.
#include "support/browser.hpp"

namespace session_test {

using namespace ironjar;
using support::basicOptions;
using support::Browser;
using support::Cookies;
using support::deletes;
using support::errorOf;
using support::ofBytes;
using support::password;
using support::visit;
using testing::VirtualClock;

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

TEST_CASE("a copy of a session holds what it held then, whichever of the two changes") {
  Session session;
  session.set("list", {1, 2});
  const Json before = session.data();
  const auto change = [](Session& which) {
    which.set("list", Json::array({3}));
    which.set("more", which.data());
    which.erase("list");
  };
  Session copy = session;
  CHECK(&copy.data() == &session.data());
  copy.set("list", {1, 2});  // no change
  CHECK(&copy.data() == &session.data());
  change(copy);
  CHECK(session.data() == before);
  CHECK(copy.data() == Json{{"more", {{"list", {3}}}}});
  copy = session;
  change(session);
  CHECK(copy.data() == before);
  const Session third = copy;
  copy.assign(session.data());
  CHECK(copy.data() == session.data());
  CHECK(third.data() == before);
  for (const auto end : {&Session::destroy, &Session::detach}) {
    Session ended = third;
    (ended.*end)();
    CHECK(ended.empty());
    CHECK(third.data() == before);
  }
  session = std::move(copy);
  CHECK(copy.data() == Json::object());  // NOLINT(bugprone-use-after-move)
  copy.set("again", 1);
  CHECK(copy.get<int>("again") == 1);
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

TEST_CASE("keys that are special elsewhere are data here (X11 proto)") {
  const SessionJar jar(basicOptions());
  Browser browser;
  const Json data = {{"__proto__", {{"admin", true}}}, {"constructor", 1}, {"", 2}, {ofBytes(1000), 3}};
  visit(jar, browser, [&](Session& s) { s.assign(data); });
  visit(jar, browser, [&](Session& s) { CHECK(s.data() == data); });
}

TEST_CASE("identity and start survive re-sealing, and replace() begins anew (X01 fixation, X14 privilege)") {
  const VirtualClock clock;
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
  CHECK(cookies.size() == 5);
  CHECK(deletes(cookies[0], "sid"));
  CHECK(browser.header().empty());
  Session fresh = jar.open("");
  fresh.destroy();
  CHECK(jar.commit(fresh)->size() == 5);  // the browser may hold what this request did not bring
  CHECK(jar.commit(fresh)->empty());
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
  for (const char* domain : {"com", ".com", "localhost", "127.0.0.1", ".10.0.0.1", "1.2", "::1"}) {
    refuses([&](SessionOptions& o) { o.cookie.domain = domain; });
    refuses([&](SessionOptions& o) { o.former = {{.domain = domain}}; });
  }
  refuses([](SessionOptions& o) { o.absoluteTtl = Seconds::max(); });
  refuses([](SessionOptions& o) { o.absoluteTtl = Seconds{-1}; });
  refuses([](SessionOptions& o) { o.absoluteTtl = Seconds{60}, o.seal.formats = {SealFormat::fe26}; });
  refuses([](SessionOptions& o) { o.rolling = true, o.seal.ttl = Seconds{0}; });
  refuses([](SessionOptions& o) { o.untilBrowserCloses = true, o.cookie.maxAge = Seconds{60}; });
  refuses([](SessionOptions& o) { o.tokenNames.refreshToken = "accessToken"; });
  refuses([](SessionOptions& o) { o.tokenNames.scope = ""; });
}

TEST_CASE("a cookie that browsers drop at once is refused at start-up, saying what to write instead") {
  const auto why = [](auto change) {
    SessionOptions options = basicOptions();
    change(options);
    try {
      const SessionJar jar(options);
    } catch (const std::invalid_argument& refused) {
      return std::string(refused.what());
    }
    return std::string();
  };
  const auto has = [](const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  };
  for (const int maxAge : {0, -1}) {
    CHECK(has(why([&](SessionOptions& o) { o.cookie.maxAge = Seconds{maxAge}; }), "untilBrowserCloses"));
  }
  CHECK(has(why([](SessionOptions& o) { o.seal.ttl = Seconds{-1}; }), "write 0"));
  CHECK(has(why([](SessionOptions& o) { o.cookie.expires = o.seal.now(); }), "use seal.ttl"));
  CHECK(why([](SessionOptions& o) { o.cookie.expires = o.seal.now() + Seconds{1}; }).empty());
  CHECK(why([](SessionOptions& o) { o.cookie.domain = "4.example"; }).empty());
}

}  // namespace session_test

// Domain, Path and Partitioned that the session's cookie had before: browsers keep those cookies beside today's.
#include "support/cookie_store.hpp"

namespace session_former_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::basicOptions;
using support::Cookies;
using support::CookieStore;
using support::ofBytes;
using testing::VirtualClock;

namespace {

SessionJar jarOf(const VirtualClock& clock, const CookieShape& shape, std::vector<CookieShape> former = {},
                 SealFormat format = SealFormat::native) {
  SessionOptions options = basicOptions(clock);
  options.seal.formats = {format};
  options.chunk = true;
  options.cookie.domain = shape.domain;
  options.cookie.path = shape.path;
  options.cookie.partitioned = shape.partitioned;
  options.former = std::move(former);
  return SessionJar(options);
}

template <class Work>
Cookies visit(const SessionJar& jar, CookieStore& store, Work work) {
  Session session = jar.open(store.header());
  work(session);
  Cookies cookies = jar.commit(session).value();
  store.take(cookies);
  return cookies;
}

auto signIn(const std::string& user, std::size_t size = 10) {
  return [=](Session& s) {
    s.replace();
    s.assign({{"user", user}, {"d", ofBytes(size)}});
  };
}
void signOut(Session& s) { s.destroy(); }
void look(Session&) {}

std::string userIn(const SessionJar& jar, const CookieStore& store) {
  return jar.open(store.header()).get<std::string>("user").value_or("");
}

const CookieShape host{};
const CookieShape domain{.domain = "app.example.com"};
const CookieShape folder{.path = "/me"};
const CookieShape partition{.partitioned = true};

}  // namespace

TEST_CASE("after a change of Domain, Path or Partitioned a login counts at once, and a logout signs out") {
  for (const SealFormat format : {SealFormat::native, SealFormat::fe26}) {
    for (const auto& [before, today] : std::vector<std::pair<CookieShape, CookieShape>>{
             {host, domain}, {domain, host}, {host, folder}, {folder, host}, {host, partition}, {partition, host}}) {
      for (const std::size_t size : {10U, 4000U}) {
        const VirtualClock clock;
        CookieStore store;
        visit(jarOf(clock, before, {}, format), store, signIn("ada", size));
        const SessionJar jar = jarOf(clock, today, {before}, format);
        clock.advance(1h);
        CHECK(userIn(jar, store) == "ada");
        CookieStore leaving = store;
        visit(jar, leaving, signOut);
        CHECK(leaving.size() == 0);
        visit(jar, store, signIn("bob"));
        CHECK(userIn(jar, store) == "bob");
        CHECK(store.size() == 1);
        visit(jar, store, signOut);
        CHECK(store.size() == 0);
      }
    }
  }
}

TEST_CASE("of two cookies that came, the one that counts is sealed anew, and former shapes are deleted") {
  const VirtualClock clock;
  const SessionJar before = jarOf(clock, host);
  const SessionJar jar = jarOf(clock, domain, {host});
  CookieStore store;
  visit(before, store, signIn("ada"));
  CHECK(visit(jar, store, look).empty());  // one alone is left as it is
  clock.advance(1s);                       // of one session the seal made last counts, to the second
  visit(jar, store, [](Session& s) { s.set("n", 1); });
  CHECK(store.size() == 2);
  CHECK_FALSE(visit(jar, store, look).empty());
  CHECK(store.size() == 1);
  CHECK(jar.open(store.header()).get<int>("n") == 1);
  CHECK(visit(jar, store, look).empty());
  // A server that still sets the former one, while today's is there: what counts is in neither's way.
  clock.advance(1h);
  visit(before, store, signIn("bob"));
  CHECK(store.size() == 2);
  visit(jar, store, look);
  CHECK(store.size() == 1);
  CHECK(userIn(jar, store) == "bob");
}

TEST_CASE("a write after a change of shape leaves a header that servers take") {
  for (const std::size_t before : {10U, 2500U, 4000U}) {
    for (const std::size_t after : {10U, 2500U, 4000U}) {
      const VirtualClock clock;
      const SessionJar jar = jarOf(clock, domain, {host});
      CookieStore store;
      visit(jarOf(clock, host), store, signIn("ada", before));
      clock.advance(1s);
      visit(jar, store, [&](Session& s) { s.set("d", ofBytes(after) + "."); });
      CHECK(store.header().size() <= jar.options().maxCookieHeader);
      CHECK(jar.open(store.header()).get<std::string>("d")->size() == after + 1);
    }
  }
}

TEST_CASE("of a whole cookie and chunks that came, those of the former shape are deleted") {
  for (const std::size_t before : {10U, 3000U}) {
    const VirtualClock clock;
    const SessionJar jar = jarOf(clock, domain, {host});
    CookieStore store;
    visit(jarOf(clock, host), store, signIn("ada", before));
    clock.advance(1s);
    visit(jar, store, [&](Session& s) { s.set("d", ofBytes(3010 - before)); });
    visit(jar, store, look);
    CHECK(store.size() == (before == 10 ? 2 : 1));
    CHECK(jar.open(store.header()).get<std::string>("d")->size() == 3010 - before);
  }
}

TEST_CASE("decoys beside the session, and cookies without former shapes, cause no writes") {
  const VirtualClock clock;
  const SessionJar jar = jarOf(clock, domain, {host});
  CookieStore store;
  visit(jar, store, signIn("ada"));
  Session decoyed = jar.open("sid=ij1.decoy; " + store.header() + "; sid=theirs");
  CHECK(jar.commit(decoyed)->empty());
  const SessionJar without = jarOf(clock, domain);
  Session twice = without.open(store.header() + "; " + store.header());
  CHECK(without.commit(twice)->empty());
}

TEST_CASE("under a __Host- name two sessions may be there when Partitioned has changed") {
  const VirtualClock clock;
  SessionOptions options = basicOptions(clock);
  options.cookieName = "__Host-sid";
  const SessionJar plain(options);
  options.cookie.partitioned = true;
  const SessionJar apart(options);
  options.cookie.partitioned = false;
  options.former = {partition};
  const SessionJar jar(options);
  CookieStore store;
  visit(apart, store, signIn("ada"));
  clock.advance(1h);
  visit(plain, store, signIn("bob"));
  CHECK(plain.open(store.header()).rejection()->code == Errc::loginRequired);
  CHECK(userIn(jar, store) == "bob");
  visit(jar, store, look);
  CHECK(store.size() == 1);
  CHECK(userIn(plain, store) == "bob");
}

TEST_CASE("former shapes are deleted before the session is written, for browsers that take them for today's") {
  const VirtualClock clock;
  const SessionJar jar = jarOf(clock, host, {partition, folder});
  Session session = jar.open("");
  signIn("ada")(session);
  const Cookies cookies = jar.commit(session).value();
  const auto written = std::find_if(cookies.begin(), cookies.end(), [](const std::string& cookie) {
    return cookie.find("Max-Age=0") == std::string::npos;
  });
  const auto isFormer = [](const std::string& cookie) {
    return cookie.find("Partitioned") != std::string::npos || cookie.find("Path=/me") != std::string::npos;
  };
  CHECK(std::count_if(cookies.begin(), written, isFormer) == 10);
  CHECK(std::count_if(written, cookies.end(), isFormer) == 0);
}

TEST_CASE("deletions of former shapes and today's take less than 1 KiB together") {
  const VirtualClock clock;
  const SessionJar jar = jarOf(clock, host, {domain, folder});
  Session session = jar.open("");
  session.destroy();
  const Cookies cookies = jar.commit(session).value();
  CHECK(cookies.size() == 15);
  std::size_t bytes = 0;
  for (const std::string& cookie : cookies) bytes += cookie.size();
  CHECK(bytes < 1024);
}

TEST_CASE("former shapes that cannot be are refused at start-up, saying why") {
  const auto why = [](const std::string& name, std::vector<CookieShape> former) {
    SessionOptions options = basicOptions();
    options.cookieName = name;
    options.former = std::move(former);
    try {
      const SessionJar jar(options);
    } catch (const std::invalid_argument& refused) {
      return std::string(refused.what());
    }
    return std::string();
  };
  const auto says = [](const std::string& text, const std::string& part) {
    return text.find("former") != std::string::npos && text.find(part) != std::string::npos;
  };
  CHECK(why("sid", {domain, folder}).empty());
  CHECK(why("session", {domain, folder, {.domain = "app.example.com", .path = "/app"}}).empty());  // chunks are not its
  CHECK(says(why("sid", {host}), "today's"));
  CHECK(says(why("sid", {domain, {.domain = ".App.example.com"}}), "twice"));
  CHECK(says(why("__Host-sid", {domain}), "__Host- forbids Domain"));
  CHECK(says(why("__Host-sid", {folder}), "__Host- demands Path=/"));
  CHECK(says(why("sid", {{.path = "me"}}), "path"));
  CHECK(says(why("sid", {{.path = ""}}), "path"));
  CHECK(says(why("sid", {{.domain = "a b"}}), "domain"));
  const std::string longest = std::string(60, 'a') + "." + std::string(60, 'b') + "." + std::string(60, 'c');
  CHECK(says(why("sid", {{.domain = longest}, {.domain = longest, .path = "/a"}, {.domain = longest, .path = "/b"}}),
             "1024"));
}

}  // namespace session_former_test

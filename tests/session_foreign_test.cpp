// Cookies as other programs write them: h3's chunks, and percent-encoded seals.
#include "support/planted.hpp"

namespace session_foreign_test {

using namespace ironjar;
using support::Browser;
using support::Cookies;
using support::deletes;
using support::fe26;
using support::ironSeal;
using support::native;
using support::ofBytes;
using support::user;
using support::with;
using testing::VirtualClock;

namespace {

// As h3 2.x's setChunkedCookie: a head with their number, then parts of 4,000 characters from 1 on.
std::string h3Cookies(const std::string& seal, const std::string& name = "sid") {
  if (seal.size() <= 4000) return name + "=" + seal;
  const std::size_t count = (seal.size() + 3999) / 4000;
  std::string header = name + "=__chunked__" + std::to_string(count);
  for (std::size_t i = 0; i < count; ++i) {
    header += "; " + name + "." + std::to_string(i + 1) + "=" + seal.substr(i * 4000, 4000);
  }
  return header;
}

// An h3 session's JSON: it is sealed with an id, the time of its creation, and data.
std::string h3Seal(std::size_t size, char fill = 'x') {
  return ironSeal(
      {.json = R"({"id":"h3","createdAt":1700000000000,"user":"ada","data":")" + std::string(size, fill) + "\"}",
       .expires = 1'700'000'900'000,
       .iterations = 8192});
}

SessionOptions reading(const VirtualClock& clock) {
  SessionOptions options = with(clock, {native, fe26});
  options.seal.fe26Iterations = {1, 8192};
  return options;
}

std::string encoded(std::string seal, const std::string& star) {
  for (std::size_t at = 0; (at = seal.find('*', at)) != std::string::npos;) seal.replace(at, 1, star);
  return seal;
}

}  // namespace

TEST_CASE("sessions of h3 2.x are read, in one cookie or in its chunks") {
  const VirtualClock clock;
  const SessionJar jar(reading(clock));
  for (const std::size_t size : {100U, 2000U, 4000U, 8000U, 11'000U}) {
    const std::string cookies = h3Cookies(h3Seal(size));
    CAPTURE(cookies.size());
    const Session session = jar.open(cookies);
    CHECK(user(session) == "ada");
    CHECK(session.get<std::string>("data")->size() == size);
    CHECK(user(jar.open("sid.1=decoy; sid=ij1.decoy; sid.2=; " + cookies + "; sid.4=stale; sid.0=theirs")) == "ada");
  }
}

TEST_CASE("a head that tells another number, or parts that are missing, make no session") {
  const VirtualClock clock;
  const SessionJar jar(reading(clock));
  const std::string cookies = h3Cookies(h3Seal(4000));
  REQUIRE(cookies.starts_with("sid=__chunked__2; sid.1="));
  const std::string parts = cookies.substr(cookies.find(';'));
  for (const char* head :
       {"sid=__chunked__1", "sid=__chunked__3", "sid=__chunked__02", "sid=__chunked__", "sid=__chunked__-2",
        "sid=__chunked__99999999999999999999", "sid=chunked2", "other=__chunked__2"}) {
    CHECK(jar.open(head + parts).empty());
  }
  CHECK(jar.open(cookies.substr(0, cookies.rfind(';'))).empty());
}

TEST_CASE("what h3 wrote is sealed anew, and its parts are deleted") {
  const VirtualClock clock;
  for (const bool chunk : {false, true}) {
    SessionOptions options = reading(clock);
    options.chunk = chunk;
    const SessionJar jar(options);
    Browser browser;
    const std::string seal = h3Seal(3000);
    REQUIRE(seal.size() > 4000);
    browser.take({"sid=__chunked__2", "sid.1=" + seal.substr(0, 4000), "sid.2=" + seal.substr(4000)});
    support::visit(jar, browser, [](Session& s) { s.erase("data"); });
    CHECK(browser.pairs().size() == 1);
    CHECK(browser.header().starts_with("sid=ij1."));
    CHECK(user(jar.open(browser.header())) == "ada");
  }
}

TEST_CASE("a percent-encoded Fe26.2 cookie opens, whole or in chunks, as the same session (C04)") {
  const VirtualClock clock;
  const SessionJar jar(with(clock, {fe26}));
  const std::string cookie = support::cookieOf(jar, {{"user", "ada"}});
  const std::string id = jar.open(cookie).id();
  for (const char* star : {"%2A", "%2a"}) {
    const std::string seal = encoded(cookie.substr(4), star);
    CHECK(user(jar.open("sid=" + seal)) == "ada");
    CHECK(jar.open("sid=" + seal).id() == id);
    CHECK(jar.open(cookie + "; sid=" + seal).id() == id);
    const std::size_t cut = seal.find('%', 20) + 1;  // within an escape
    CHECK(jar.open("sid.0=" + seal.substr(0, cut) + "; sid.1=" + seal.substr(cut)).id() == id);
    std::string all = seal;
    for (std::size_t at = 0; (at = all.find('~', at)) != std::string::npos;) all.replace(at, 1, "%7E");
    CHECK(jar.open("sid=" + all).id() == id);
    for (const char* end : {"%", "%2", "%zz", "%00", "%3B", "%252A"}) CHECK(jar.open("sid=" + seal + end).empty());
  }
  CHECK(jar.open("sid=Fe26%2E2" + cookie.substr(10)).empty());
  SessionOptions options = with(clock, {fe26});
  const auto list = std::make_shared<LocalRevocationList>(RevocationOptions{.now = clock.wall()});
  options.isRevoked = revokedBy(list);
  list->deny({RevocationList::Mark::Kind::session, id});
  CHECK(SessionJar(options).open("sid=" + encoded(cookie.substr(4), "%2A")).empty());
}

}  // namespace session_foreign_test

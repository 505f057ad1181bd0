#include "support/browser.hpp"

namespace session_chunks_test {

using namespace ironjar;
using support::basicOptions;
using support::Browser;
using support::Cookies;
using support::deletes;
using support::errorOf;
using support::look;
using support::ofBytes;
using support::pairOf;
using support::visit;

namespace {

SessionOptions chunked(std::size_t maxCookieHeader = 4 * 4096) {
  SessionOptions options = basicOptions();
  options.chunk = true;
  options.maxCookieHeader = maxCookieHeader;
  return options;
}

}  // namespace

TEST_CASE("every size round-trips or is refused, around every boundary (K06 exact-multiple, K11 writer-reader, R77)") {
  const SessionJar jar(chunked());
  bool refused = false;
  for (std::size_t size = 1; size <= 16'000; size += size % 1000 > 900 || size % 1000 < 100 ? 1 : 13) {
    Browser browser;
    Session session = jar.open("");
    session.set("d", ofBytes(size));
    const auto cookies = jar.commit(session);
    if (!cookies) {
      REQUIRE(errorOf(cookies) == Errc::tooLarge);
      refused = true;
      continue;
    }
    REQUIRE_FALSE(refused);
    for (const std::string& cookie : *cookies) {
      REQUIRE(cookie.size() <= maxCookieSize);
      REQUIRE(pairOf(cookie).ends_with('=') == (cookie.find("=; Max-Age=0;") != std::string::npos));
    }
    browser.take(*cookies);
    REQUIRE(browser.header().size() <= jar.options().maxCookieHeader);
    REQUIRE(jar.open(browser.header()).get<std::string>("d")->size() == size);
  }
  CHECK(refused);
}

TEST_CASE("growing and shrinking leaves what was written last (K07 shrink)") {
  const SessionJar jar(chunked());
  Browser browser;
  for (const std::size_t size : {9000U, 3500U, 10U, 9000U, 10U, 6000U, 9000U, 3500U}) {
    visit(jar, browser, [&](Session& s) { s.set("d", ofBytes(size)); });
    CHECK(jar.open(browser.header()).get<std::string>("d")->size() == size);
  }
}

TEST_CASE("the Cookie header stays below what servers take, unless told otherwise (C16 8k-line)") {
  const SessionJar jar(chunked(SessionOptions{"sid", support::password}.maxCookieHeader));
  std::size_t most = 0;
  std::size_t size = 4000;
  for (; size < 8000; ++size) {
    Session session = jar.open("");
    session.set("d", ofBytes(size));
    const auto cookies = jar.commit(session);
    if (!cookies) break;
    Browser browser;
    browser.take(*cookies);
    CHECK(browser.pairs().size() == 2);
    most = browser.header().size();
  }
  CHECK(most > 6134);
  CHECK(most <= 6144);
}

TEST_CASE(
    "chunks of two sessions, reordered, doubled or missing are nothing, and left alone (K01 splice, K02 reorder, K03 "
    "duplicate, K04 missing, K13 partial-eviction)") {
  const SessionJar jar(chunked());
  const auto chunksOf = [&](char fill) {
    Browser browser;
    visit(jar, browser, [&](Session& s) { s.set("d", std::string(9000, fill)); });
    std::vector<std::string> values;
    for (const std::string& pair : browser.pairs()) values.push_back(pair.substr(6));
    return values;
  };
  const auto a = chunksOf('a');
  const auto b = chunksOf('b');
  REQUIRE(a.size() == 4);
  const auto header = [](const std::vector<std::string>& values) {
    std::string text;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!values[i].empty()) text += "sid." + std::to_string(i) + "=" + values[i] + "; ";
    }
    return text;
  };
  CHECK_FALSE(jar.open(header(a)).empty());
  for (const auto& bad : {std::vector{a[0], b[1], a[2], a[3]}, std::vector{a[1], a[0], a[2], a[3]},
                          std::vector{a[0], a[0], a[1], a[2]}, std::vector{a[3], a[2], a[1], a[0]}}) {
    Session session = jar.open(header(bad));
    CHECK(session.empty());
    CHECK(session.rejection());
    CHECK(jar.commit(session)->empty());
  }
  for (unsigned kept = 1; kept < 15; ++kept) {
    auto some = a;
    for (std::size_t i = 0; i < 4; ++i) {
      if ((kept >> i & 1U) == 0) some[i].clear();
    }
    Browser browser;
    for (std::size_t i = 0; i < 4; ++i) {
      if (!some[i].empty()) browser.take({"sid." + std::to_string(i) + "=" + some[i]});
    }
    CHECK(jar.open(header(some)).empty());
    CHECK(visit(jar, browser, look).empty());
  }
}

TEST_CASE("a stale last chunk, or a decoy among the chunks, does not hide the session") {
  const SessionJar jar(chunked());
  Browser browser;
  visit(jar, browser, [](Session& s) { s.set("d", ofBytes(4000)); });
  REQUIRE(browser.pairs().size() == 2);
  CHECK_FALSE(jar.open(browser.header() + "; sid.2=stale").empty());
  CHECK_FALSE(jar.open(browser.header() + "; sid.2=stale; sid.3=older").empty());
  CHECK_FALSE(jar.open("sid.1=decoy; " + browser.header()).empty());
  CHECK_FALSE(jar.open("sid.0=ij1.decoy; sid.1=decoy; " + browser.header()).empty());
  CHECK_FALSE(jar.open(browser.header() + "; sid.0=ij1.decoy; sid.1=decoy; sid.2=d; sid.3=d").empty());
  CHECK_FALSE(jar.open("sid.0=ij1.d; sid.1=d; sid.2=d; sid.3=d; " + browser.header()).empty());
  std::string junk;
  for (int i = 0; i < 100; ++i) junk += "sid.0=x; ";
  CHECK_FALSE(jar.open(junk + browser.header()).empty());
  Session session = jar.open(browser.header() + "; sid.2=stale");
  session.set("e", 1);
  const Cookies cookies = jar.commit(session).value();
  CHECK(std::any_of(cookies.begin(), cookies.end(), [](const std::string& c) { return deletes(c, "sid.2"); }));
}

TEST_CASE(
    "of sessions that began together, a whole cookie comes before chunks, and chunks when it does not open (K12 "
    "mixed-plain)") {
  const SessionJar jar(chunked());
  Browser small;
  Browser large;
  visit(jar, small, [](Session& s) { s.set("d", "small"); });
  visit(jar, large, [](Session& s) { s.set("d", ofBytes(4000)); });
  CHECK(jar.open(large.header() + "; " + small.header()).get<std::string>("d") == "small");
  CHECK(jar.open(large.header() + "; sid=ij1.junk").get<std::string>("d")->size() == 4000);
}

TEST_CASE("only canonical chunk names are chunks, and no cookie tells how many (K05 count-bomb, K09 suffix-names)") {
  const SessionJar jar(chunked());
  Browser browser;
  visit(jar, browser, [](Session& s) { s.set("d", ofBytes(4000)); });
  const std::string second = browser.pairs()[1].substr(6);
  for (const char* name : {"sid.00", "sid.-1", "sid.1x", "sidx.1", "sid__1", "sid.01", "sid.+1", "sid. 1", "sid.4",
                           "sid.10", "sid.99999999999999999999"}) {
    CHECK(jar.open(browser.pairs()[0] + "; " + name + "=" + second).empty());
  }
  for (const char* count : {"99999999", "-1", "0", "18446744073709551616", "01", "+2", " 2"}) {
    const std::string told = std::string("; sid.count=") + count + "; sid.n=" + count;
    CHECK_FALSE(jar.open(browser.header() + told).empty());
    CHECK(jar.open(browser.pairs()[0] + told).empty());
  }
}

TEST_CASE("chunks are read whatever the setting") {
  Browser browser;
  visit(SessionJar(chunked()), browser, [](Session& s) { s.set("d", ofBytes(4000)); });
  CHECK_FALSE(SessionJar(basicOptions()).open(browser.header()).empty());
}

}  // namespace session_chunks_test

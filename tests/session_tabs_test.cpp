// What another tab wrote meanwhile: a response may be the last to answer, whatever its request brought.
#include "support/browser.hpp"

#include <numeric>

namespace session_tabs_test {

using namespace ironjar;
using support::basicOptions;
using support::Browser;
using support::Cookies;
using support::deletes;
using support::ofBytes;
using support::visit;

namespace {

SessionOptions chunked() {
  SessionOptions options = basicOptions();
  options.chunk = true;
  return options;
}

// Both requests are sent with what the browser holds now; tab 1's response is the last.
template <class First, class Second>
void race(const SessionJar& jar, Browser& browser, First first, Second second) {
  const std::string sent = browser.header();
  Session one = jar.open(sent);
  Session two = jar.open(sent);
  second(two);
  browser.take(jar.commit(two).value());
  first(one);
  browser.take(jar.commit(one).value());
}

auto write(const std::string& user, std::size_t size) {
  return [=](Session& s) { s.assign({{"user", user}, {"d", ofBytes(size)}}); };
}
auto signIn(const std::string& user, std::size_t size) {
  return [=](Session& s) {
    s.replace();
    s.assign({{"user", user}, {"d", ofBytes(size)}});
  };
}
void signOut(Session& s) { s.destroy(); }

std::vector<std::string> namesIn(const Browser& browser) {
  std::vector<std::string> names;
  for (const std::string& pair : browser.pairs()) names.push_back(pair.substr(0, pair.find('=')));
  std::sort(names.begin(), names.end());
  return names;
}

using Names = std::vector<std::string>;

std::size_t bytesOfDeletions(const Cookies& cookies) {
  return std::accumulate(cookies.begin(), cookies.end(), std::size_t{0}, [](std::size_t sum, const std::string& c) {
    return sum + (c.find("=; Max-Age=0;") == std::string::npos ? 0 : std::string("Set-Cookie: \r\n").size() + c.size());
  });
}

}  // namespace

TEST_CASE("a logout that answers last signs out, whatever another tab made of the session") {
  for (const bool chunk : {true, false}) {
    for (const std::size_t before : {10U, 4000U}) {
      for (const std::size_t meanwhile : {10U, 4000U, 4400U}) {
        Browser browser;
        visit(SessionJar(chunked()), browser, write("ada", before));
        const std::string sent = browser.header();
        visit(SessionJar(chunked()), browser, write("ada", meanwhile));
        SessionOptions options = basicOptions();
        options.chunk = chunk;
        const SessionJar jar(options);
        Session session = jar.open(sent);
        session.destroy();
        browser.take(jar.commit(session).value());
        CHECK(browser.header().empty());
      }
    }
  }
}

TEST_CASE("a smaller session that answers last leaves none of a larger one's chunks") {
  const SessionJar jar(chunked());
  Browser browser;
  visit(jar, browser, write("ada", 10));
  race(jar, browser, write("ada", 2400), write("ada", 4400));
  CHECK(namesIn(browser) == Names{"sid"});
  race(jar, browser, write("ada", 4000), write("ada", 10));
  CHECK(namesIn(browser) == Names{"sid.0", "sid.1"});
}

TEST_CASE("a large login that answers last is the one that counts") {
  const SessionJar jar(chunked());
  Browser nobody;
  race(jar, nobody, signIn("bob", 4000), write("visitor", 10));
  CHECK(jar.open(nobody.header()).get<std::string>("user") == "bob");
  CHECK(namesIn(nobody) == Names{"sid.0", "sid.1"});
  Browser ada;
  visit(jar, ada, write("ada", 4000));
  race(jar, ada, signIn("bob", 4000), write("ada", 10));
  CHECK(jar.open(ada.header()).get<std::string>("user") == "bob");
  CHECK(namesIn(ada) == Names{"sid.0", "sid.1"});
}

TEST_CASE("a chunk without its first is deleted by every logout, and by a write") {
  for (const bool chunk : {false, true}) {
    SessionOptions options = basicOptions();
    options.chunk = chunk;
    const SessionJar jar(options);
    for (const char* orphan : {"sid.0", "sid.1", "sid.2", "sid.3"}) {
      Browser browser;
      browser.take({std::string(orphan) + "=ij1.rest"});
      CHECK(visit(jar, browser, support::look).empty());
      Browser other = browser;
      visit(jar, browser, signOut);
      CHECK(browser.header().empty());
      visit(jar, other, write("ada", 10));
      CHECK(namesIn(other) == Names{"sid"});
    }
  }
}

TEST_CASE("without `chunk` a write deletes no more than the request brought") {
  const SessionJar jar(basicOptions());
  Browser browser;
  CHECK(visit(jar, browser, write("ada", 10)).size() == 1);
  browser.take({"sid.0=theirs", "sid.2=theirs"});  // no seal: another program's
  CHECK(visit(jar, browser, write("ada", 20)).size() == 1);
}

TEST_CASE("cookies beyond our four chunks are another program's") {
  for (const bool chunk : {false, true}) {
    SessionOptions options = basicOptions();
    options.chunk = chunk;
    const SessionJar jar(options);
    Browser browser;
    browser.take({"sid.4=x", "sid.10=x", "sid.00=x", "sidx=x", "sid.0x=x"});
    visit(jar, browser, write("ada", 10));
    visit(jar, browser, signOut);
    CHECK(namesIn(browser) == Names{"sid.00", "sid.0x", "sid.10", "sid.4", "sidx"});
  }
}

TEST_CASE("deletions take less than 1 KiB of a response's head, those first that the request brought") {
  SessionOptions options = chunked();
  options.cookieName = "__Secure-" + std::string(30, 's');
  options.cookie.domain = std::string(60, 'd') + ".example.com";
  CHECK(bytesOfDeletions([&] {
          Session session = SessionJar(options).open("");
          session.destroy();
          return SessionJar(options).commit(session).value();
        }()) < 1024);
  options.cookie.path = "/" + std::string(150, 'p');
  const SessionJar jar(options);
  for (const char* brought : {"", ".0", ".3"}) {
    Session session = jar.open(options.cookieName + brought + "=ij1.rest");
    session.destroy();
    const Cookies cookies = jar.commit(session).value();
    CHECK(deletes(cookies.front(), options.cookieName + brought));
    CHECK(bytesOfDeletions(cookies) < 1024);
  }
}

}  // namespace session_tabs_test

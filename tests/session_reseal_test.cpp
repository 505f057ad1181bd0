// Sealing anew what nobody changed: a new password, a new format, half of the lifetime gone, a former shape.
#include "support/browser.hpp"

namespace session_reseal_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::basicOptions;
using support::Browser;
using support::errorOf;
using support::look;
using support::ofBytes;
using support::otherPassword;
using support::password;
using support::visit;
using testing::VirtualClock;

namespace {

constexpr auto native = SealFormat::native;
constexpr auto fe26 = SealFormat::fe26;

// What a jar leaves undone.
struct Skips {
  std::shared_ptr<std::vector<Error>> errors = std::make_shared<std::vector<Error>>();

  [[nodiscard]] Observer observer() const {
    return [all = errors](const Event& event) {
      if (const auto* skipped = std::get_if<event::ResealSkipped>(&event)) all->push_back(skipped->error);
    };
  }
};

// A browser with the largest session that fits one cookie of this jar.
Browser full(const SessionJar& jar) {
  for (std::size_t size = 4000; size > 0; --size) {
    Session session = jar.open("");
    session.set("d", ofBytes(size));
    const auto cookies = jar.commit(session);
    if (!cookies) continue;
    Browser browser;
    browser.take(*cookies);
    return browser;
  }
  return {};
}

// The cookie stays, the answer goes out, the observer is told once; what was changed is refused as ever.
void requireSkipped(SessionOptions options, Browser browser, Errc why) {
  const Skips skips;
  options.observer = skips.observer();
  const SessionJar jar(options);
  const std::string before = browser.header();
  CHECK(visit(jar, browser, [](Session& s) { CHECK_FALSE(s.empty()); }).empty());
  CHECK(browser.header() == before);
  REQUIRE(skips.errors->size() == 1);
  CHECK(skips.errors->front().code == why);
  Session changed = jar.open(before);
  changed.set("more", 1);
  CHECK(errorOf(jar.commit(changed)) == why);
  CHECK(skips.errors->size() == 1);
}

}  // namespace

TEST_CASE("a session that nobody changed and that does not fit any more stays as it is") {
  const VirtualClock clock;
  SessionOptions options = basicOptions(clock);
  options.seal.ttl = 1000s;
  const Browser browser = full(SessionJar(options));
  SessionOptions rotated = options;
  rotated.passwords = {{1, password}, {2, otherPassword}};
  rotated.cookie.path = "/a/longer/path";
  requireSkipped(rotated, browser, Errc::tooLarge);
  SessionOptions migrated = options;
  migrated.seal.formats = {fe26, native};
  requireSkipped(migrated, browser, Errc::tooLarge);
  SessionOptions moved = options;
  moved.former = {{.path = "/a"}};
  moved.cookie.path = "/a/longer/path";
  Browser twice = browser;
  twice.take({"other=1"});
  const Skips skips;
  moved.observer = skips.observer();
  Session both = SessionJar(moved).open(browser.header() + "; " + browser.header());
  CHECK(SessionJar(moved).commit(both)->empty());
  CHECK(skips.errors->size() == 1);
  clock.advance(501s);
  SessionOptions rolling = options;
  rolling.rolling = true;
  rolling.cookie.path = "/a/longer/path";
  requireSkipped(rolling, browser, Errc::tooLarge);
}

TEST_CASE("a session in chunks stays readable when `chunk` goes and a password comes") {
  SessionOptions options = basicOptions();
  options.chunk = true;
  Browser browser;
  visit(SessionJar(options), browser, [](Session& s) { s.set("d", ofBytes(4000)); });
  options.chunk = false;
  options.passwords = {{1, password}, {2, otherPassword}};
  requireSkipped(options, browser, Errc::tooLarge);
}

TEST_CASE("a cookie.expires that has passed does not end what it does not have to write") {
  const VirtualClock clock;
  SessionOptions options = basicOptions(clock);
  options.seal.ttl = 1000s;
  options.rolling = true;
  Browser browser;
  visit(SessionJar(options), browser, [](Session& s) { s.set("a", 1); });
  options.cookie.expires = clock.wallNow() + 600s;
  const SessionJar jar(options);
  clock.advance(601s);
  const Skips skips;
  Session session = jar.open(browser.header());
  CHECK(jar.commit(session)->empty());
  session.set("a", 2);
  CHECK(errorOf(jar.commit(session)) == Errc::expired);
}

TEST_CASE("events of later versions are nothing to a visitor that has the others' part") {
  struct Logouts : event::Others {
    using event::Others::operator();
    void operator()(const event::LoggedOut&) const { ++*count; }
    int* count;
  };
  int count = 0;
  Logouts visitor;
  visitor.count = &count;
  for (const Event& event :
       {Event(event::LoggedOut{"t"}), Event(event::ResealSkipped{"t", fail(Errc::tooLarge, "")})}) {
    std::visit(visitor, event);
  }
  CHECK(count == 1);
  CHECK(toLine(event::ResealSkipped{"t", fail(Errc::tooLarge, "")}) == "event=reseal_skipped session=t error=tooLarge");
}

}  // namespace session_reseal_test

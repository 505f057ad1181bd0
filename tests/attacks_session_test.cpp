// Attacks on sessions: copied, prolonged and forged cookies.
#include "support/planted.hpp"

#include <ctime>

namespace attacks_session_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::basicOptions;
using support::Browser;
using support::cookieOf;
using support::Cookies;
using support::fe26;
using support::forged;
using support::ironSeal;
using support::native;
using support::user;
using support::visit;
using support::with;
using testing::VirtualClock;

TEST_CASE("V14 a denied Fe26.2 session stays denied in its other spelling, whole or in chunks") {
  const VirtualClock clock;
  const SessionJar plain(with(clock, {fe26}));
  const std::string cookie = cookieOf(plain, {{"user", "ada"}});
  REQUIRE(cookie.ends_with("~2"));
  const std::string unmarked = cookie.substr(0, cookie.size() - 2);
  const std::string id = plain.open(cookie).id();
  CHECK(plain.open(unmarked).id() == id);
  const std::string seal = cookie.substr(4);
  CHECK(plain.open("sid.0=" + seal.substr(0, 200) + "; sid.1=" + seal.substr(200)).id() == id);
  CHECK(plain.open("sid.0=" + seal).id() == id);
  SessionOptions options = with(clock, {fe26});
  const auto list = std::make_shared<LocalRevocationList>(RevocationOptions{.now = clock.wall()});
  options.isRevoked = revokedBy(list);
  const SessionJar jar(options);
  list->deny({RevocationList::Mark::Kind::session, id});
  CHECK(jar.open(cookie).empty());
  CHECK(jar.open(unmarked).empty());
  CHECK(jar.open(unmarked).rejection()->code == Errc::loginRequired);
  CHECK(plain.open(cookieOf(plain, {{"user", "ada"}})).id() != id);
  // What is no more than another text does not open.
  for (const char* end : {"~1", "~3", "~2~2", "~", "*"}) CHECK(plain.open(unmarked + end).empty());
  CHECK(plain.open("sid=\"" + seal + "\"").empty());
}

TEST_CASE("V15 with absoluteTtl, what an Fe26.2 cookie brought ends no later than that cookie") {
  const std::int64_t begin = 1'700'000'000'000;
  for (const bool rolling : {false, true}) {
    for (const auto& [ttl, absolute] : std::vector<std::pair<Seconds, Seconds>>{
             {1000s, 3000s}, {1000s, 1000s}, {3000s, 1000s}, {0s, 2000s}, {100s, 300s}}) {
      if (rolling && ttl == 0s) continue;
      const VirtualClock clock(support::at(begin));
      SessionOptions options = with(clock, {native, fe26});
      options.seal.ttl = ttl;
      options.absoluteTtl = absolute;
      options.rolling = rolling;
      options.untilBrowserCloses = ttl == 0s;
      const SessionJar jar(options);
      const std::int64_t end = begin + 900'000;
      const std::string kept = "sid=" + ironSeal({.expires = end});
      std::int64_t last = 0;
      for (int minute = 0; minute < 100; ++minute, clock.advance(1min)) {
        const std::int64_t now = begin + minute * 60'000;
        // Opened again and again, and what it became used all the time.
        Browser browser;
        browser.take({kept});
        for (int visits = 0; visits < 3; ++visits) {
          visit(jar, browser, [&](Session& s) {
            if (s.empty()) return;
            last = now;
            s.set("visits", visits);
          });
        }
        if (minute == 10) {
          Browser active;
          active.take({kept});
          const VirtualClock later(support::at(now));
          SessionOptions same = options;
          same.seal.now = later.wall();
          const SessionJar there(same);
          for (int i = 0; i < 600; ++i, later.advance(10s)) {
            visit(there, active, [&](Session& s) {
              if (s.empty()) return;
              CHECK(now + i * 10'000 < end);
              s.set("n", i);
            });
          }
        }
      }
      CHECK(last < end);
      if (ttl <= absolute) CHECK(last > 0);
    }
  }
}

TEST_CASE("V15 with absoluteTtl, an Fe26.2 cookie without an end is refused, and left alone") {
  const VirtualClock clock;
  SessionOptions options = with(clock, {native, fe26});
  options.absoluteTtl = 3000s;
  const SessionJar jar(options);
  const std::string eternal = "sid=" + ironSeal({});
  Session session = jar.open(eternal);
  CHECK(session.empty());
  CHECK(session.rejection()->code == Errc::notAllowed);
  CHECK(jar.commit(session)->empty());
  CHECK(user(jar.open(eternal + "; " + cookieOf(jar, {{"user", "bob"}}))) == "bob");
  options.absoluteTtl = 0s;
  CHECK(user(SessionJar(options).open(eternal)) == "ada");
}

TEST_CASE("V19 a clock that moves while a session is committed never makes one that does not end") {
  for (const SealFormat second : {native, fe26}) {
    for (int step = 0; step < 8; ++step) {
      const auto reads = std::make_shared<int>(-1000);
      const VirtualClock clock;
      SessionOptions options = basicOptions(clock);
      if (second == fe26) options.seal.formats.push_back(fe26);
      options.seal.ttl = step % 2 == 0 ? 1000s : 0s;
      options.absoluteTtl = 3000s;
      options.seal.now = [=] { return clock.wallNow() + (++*reads > step ? 1s : 0s); };
      const SessionJar jar(options);
      Session session = jar.open("");
      session.set("user", "ada");
      clock.advance(2999s);
      *reads = 0;
      const Cookies cookies = jar.commit(session).value();
      REQUIRE(cookies.size() <= 1);
      *reads = -1000;
      clock.advance(1h);
      for (const std::string& cookie : cookies) {
        CHECK(cookie.find("Max-Age=2147483647") == std::string::npos);
        CHECK(jar.open(support::pairOf(cookie)).empty());
        SessionOptions without = options;
        without.absoluteTtl = 0s;
        CHECK(SessionJar(without).open(support::pairOf(cookie)).empty());
      }
    }
  }
}

TEST_CASE("V27 reading deletes neither what could not be verified nor what has ended") {
  const VirtualClock clock;
  const SessionJar jar(with(clock, {native, fe26}));
  SessionOptions others = with(clock, {native});
  others.seal.purpose = "admin";
  const SessionJar other(others);
  const std::string theirs = cookieOf(other, {{"user", "root"}});
  const auto committed = [&](const std::string& header) {
    Session session = jar.open(header);
    CHECK(session.empty());
    CHECK(session.rejection());
    return jar.commit(session).value();
  };
  CHECK(committed(theirs).empty());
  CHECK(committed("sid=ij1.junk").empty());
  CHECK(committed("sid=" + forged(ironSeal({.expires = 1}))).empty());  // its end is looked at behind its MAC
  CHECK(jar.open("sid=" + forged(ironSeal({.expires = 1}))).rejection()->code == Errc::tampered);
  const std::string ours = cookieOf(jar, {{"user", "ada"}});
  const std::string iron = "sid=" + ironSeal({.expires = 1'700'000'100'000});
  clock.advance(std::chrono::hours{24 * 15});
  for (const std::string& ended : {ours, iron, iron + "; " + ours, iron + "; " + theirs, theirs + "; " + ours}) {
    CHECK(committed(ended).empty());
  }
}

TEST_CASE("V28 forged seals cost no more iterations than an honest one") {
  SessionOptions options = with(VirtualClock(), {native, fe26});
  options.seal.fe26Iterations = {1, 8192};
  const SessionJar jar(options);
  const std::int64_t later = 1'700'000'900'000;
  const std::string honest = "sid=" + ironSeal({.expires = later, .iterations = 8192});
  const auto cpu = [&](const std::string& header) {
    auto best = std::chrono::nanoseconds::max();
    for (int round = 0; round < 5; ++round) {
      timespec begin{};
      timespec end{};
      ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
      const Session session = jar.open(header);
      ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
      best = std::min<std::chrono::nanoseconds>(best, std::chrono::seconds(end.tv_sec - begin.tv_sec) +
                                                          std::chrono::nanoseconds(end.tv_nsec - begin.tv_nsec));
    }
    return best;
  };
  std::string eight;
  for (char c = 'a'; c < 'f'; ++c) eight += "sid=" + forged(ironSeal({.expires = later + 1, .salt = c})) + "; ";
  for (char c = '0'; c < '3'; ++c) eight += "sid=" + forged(ironSeal({.expires = later + 1, .salt = c})) + "; ";
  std::string full;
  while (full.size() < 7800) full += eight.substr(0, eight.find(';') + 2);
  const auto one = cpu(honest);
  const auto worst = std::max(cpu(eight), cpu(full));
  MESSAGE("an honest one ", one.count() / 1000, " us, forged ones ", worst.count() / 1000, " us");
  CHECK(user(jar.open(honest)) == "ada");
  CHECK(worst < 2 * one);
  CHECK(cpu(honest + "; " + eight) < 3 * one);
  // It opens behind any that claim an earlier end, and one that claims a later.
  std::string earlier;
  for (char c = 'a'; c < 'f'; ++c) earlier += "sid=" + forged(ironSeal({.expires = later - 1, .salt = c})) + "; ";
  CHECK(user(jar.open(earlier + honest)) == "ada");
  CHECK(user(jar.open("sid=" + forged(ironSeal({.expires = later + 1})) + "; " + honest)) == "ada");
  // Iron-session's own are not in danger.
  CHECK(user(jar.open(eight + "sid=" + ironSeal({.expires = later, .salt = '9'}))) == "ada");
  // Nor is one seal, whatever the numbers.
  options.seal.fe26Iterations = {20'000, 10'000, 1};
  CHECK(user(SessionJar(options).open("sid=" + ironSeal({.expires = later, .iterations = 20'000}))) == "ada");
  options.seal.fe26Iterations = {8192};
  CHECK(user(SessionJar(options).open(honest)) == "ada");
}

}  // namespace attacks_session_test

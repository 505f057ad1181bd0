// Which of several cookies counts, and what decoys cost.
#include "support/instrumented.hpp"
#include "support/planted.hpp"

#include <chrono>
#include <ctime>

namespace attacks_decoys_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::basicOptions;
using support::Browser;
using support::cookieOf;
using support::deletes;
using support::fe26;
using support::ironSeal;
using support::isInstrumented;
using support::native;
using support::user;
using support::visit;
using support::with;
using testing::VirtualClock;

TEST_CASE("V04 what does not open uses up no tries: any number of decoys, before and behind") {
  for (const char* name : {"sid", "__Host-sid"}) {
    const SessionJar jar(with(VirtualClock(), {native, fe26}, name));
    const std::string real = cookieOf(jar, {{"user", "ada"}});
    for (const char* decoy : {"=ij1.x; ", "=Fe26.2*1*x; ", "=junk; ", ".0=ij1.x; ", ".1=x; "}) {
      for (const std::size_t count : {8U, 800U}) {
        std::string decoys;
        for (std::size_t i = 0; i < count; ++i) decoys.append(name).append(decoy);
        CAPTURE(decoy);
        CHECK(user(jar.open(decoys + real)) == "ada");
        CHECK_FALSE(jar.open(decoys + real).rejection());
        CHECK(user(jar.open(real + "; " + decoys)) == "ada");
      }
    }
  }
}

TEST_CASE("V04 of several seals of one session the one made last counts") {
  const VirtualClock clock;
  for (const char* name : {"sid", "__Host-sid"}) {
    const SessionJar jar(with(clock, {native}, name));
    Browser browser;
    visit(jar, browser, [](Session& s) { s.set("user", "ada"); });
    const std::string older = browser.header();
    clock.advance(1s);
    visit(jar, browser, [](Session& s) { s.set("user", "ada lovelace"); });
    CHECK(user(jar.open(older + "; " + browser.header())) == "ada lovelace");
    CHECK(user(jar.open(browser.header() + "; " + older)) == "ada lovelace");
    CHECK(user(jar.open(older + "; " + browser.header() + "; " + older)) == "ada lovelace");
  }
}

TEST_CASE("V04 of different sessions the one that began last counts, however it was sealed since") {
  const VirtualClock clock;
  const SessionJar jar(basicOptions(clock));
  Browser first;
  visit(jar, first, [](Session& s) { s.set("user", "mallory"); });
  clock.advance(10s);
  const std::string second = cookieOf(jar, {{"user", "ada"}});
  const std::string equal = cookieOf(jar, {{"user", "bob"}});
  clock.advance(10s);
  visit(jar, first, [](Session& s) { s.set("x", 1); });
  CHECK(user(jar.open(first.header() + "; " + second)) == "ada");
  CHECK(user(jar.open(second + "; " + first.header())) == "ada");
  CHECK(user(jar.open(first.header() + "; " + second + "; " + equal)) == "ada");
  CHECK(user(jar.open(equal + "; " + second)) == "bob");
}

TEST_CASE("V04 an Fe26.2 session began a ttl before its end, and one without an end is the oldest") {
  const VirtualClock clock;
  const std::int64_t now = 1'700'000'000'000;
  SessionOptions options = with(clock, {native, fe26});
  options.seal.ttl = 1000s;
  const SessionJar jar(options);
  const std::string older = "sid=" + ironSeal({R"({"user":"older"})", now + 400'000});
  const std::string newer = "sid=" + ironSeal({R"({"user":"newer"})", now + 900'000});
  const std::string eternal = "sid=" + ironSeal({R"({"user":"eternal"})"});
  const std::string fresh = cookieOf(jar, {{"user", "fresh"}});
  CHECK(user(jar.open(older + "; " + newer)) == "newer");
  CHECK(user(jar.open(newer + "; " + older)) == "newer");
  CHECK(user(jar.open(eternal + "; " + older)) == "older");
  CHECK(user(jar.open(eternal)) == "eternal");
  CHECK(user(jar.open(newer + "; " + fresh + "; " + eternal)) == "fresh");
  CHECK(jar.open(older).startedAt() == support::at(now - 600'000));
  CHECK(jar.open(eternal).startedAt() == support::at(0));
}

TEST_CASE("V04 two different sessions under a __Host- name: one was planted, and none counts") {
  const VirtualClock clock;
  std::vector<std::string> told;
  for (const char* name : {"__Host-sid", "__Host-Http-sid", "__host-sid"}) {
    for (const bool chunk : {false, true}) {
      SessionOptions options = with(clock, {native}, name);
      options.chunk = chunk;
      options.observer = [&](const Event& event) { told.push_back(toLine(event)); };
      const SessionJar jar(options);
      const std::string planted = cookieOf(jar, {{"user", "mallory"}});
      clock.advance(10s);
      Json large = {{"user", "ada"}};
      if (chunk) large["filler"] = support::ofBytes(4000);
      const std::string real = cookieOf(jar, large);
      for (const std::string& header : {planted + "; " + real, real + "; " + planted}) {
        told.clear();
        Session session = jar.open(header);
        CHECK(session.empty());
        CHECK_FALSE(session.tokensAreFromCookie());
        CHECK(session.rejection()->code == Errc::loginRequired);
        CHECK(told == std::vector<std::string>{
                          "event=rejected error=loginRequired detail=\"two different sessions under a __Host- name: "
                          "one was planted\""});
        CHECK(jar.commit(session)->empty());  // a read deletes nothing
        Session login = jar.open(header);
        login.replace();
        login.set("user", "ada");
        CHECK(user(jar.open(support::pairOf(jar.commit(login)->front()))) == "ada");
        Session logout = jar.open(header);
        logout.destroy();
        CHECK(deletes(jar.commit(logout)->front(), name));
      }
    }
  }
  // Of other names, and with two cookies that may be there: the general rule.
  SessionOptions options = with(clock, {native}, "__Host-sid");
  options.cookie.partitioned = true;
  for (const SessionJar& jar : {SessionJar(options), SessionJar(with(clock, {native}, "__Secure-sid"))}) {
    const std::string first = cookieOf(jar, {{"user", "first"}});
    clock.advance(10s);
    CHECK(user(jar.open(first + "; " + cookieOf(jar, {{"user", "second"}}))) == "second");
  }
}

TEST_CASE("V04 a revoked session does not count, and does not shadow another") {
  const VirtualClock clock;
  for (const char* name : {"sid", "__Host-sid"}) {
    SessionOptions options = with(clock, {native}, name);
    options.isRevoked = [](const Session& session) { return user(session) == "mallory"; };
    const SessionJar jar(options);
    const std::string real = cookieOf(jar, {{"user", "ada"}});
    clock.advance(10s);
    const std::string planted = cookieOf(jar, {{"user", "mallory"}});
    CHECK(user(jar.open(planted + "; " + real)) == "ada");
    CHECK(user(jar.open(real + "; " + planted)) == "ada");
    Session session = jar.open(planted);
    CHECK(session.rejection()->code == Errc::loginRequired);
    CHECK(jar.commit(session)->empty());
  }
}

TEST_CASE("V04 decoys of chunks do not hide a session, as many as browsers keep") {
  const VirtualClock clock;
  for (const SealFormat format : {native, fe26}) {
    SessionOptions options = with(clock, {format});
    options.chunk = true;
    const SessionJar jar(options);
    for (const std::size_t size : {3100U, 3200U, 4000U, 4300U}) {
      CAPTURE(size);
      const std::string real = cookieOf(jar, {{"user", "ada"}, {"filler", support::ofBytes(size)}});
      REQUIRE(real.starts_with("sid.0="));
      for (const auto& kinds :
           std::vector<std::vector<std::string>>{{"sid.1=x; "},
                                                 {"sid.0=ij1.x; "},
                                                 {"sid.0=ij1.x; ", "sid.1=x; "},
                                                 {"sid.0=Fe26.2*x; ", "sid.1=x; ", "sid.2=x; ", "sid.3=x; "},
                                                 {"sid.0=ij1.longer; ", "sid.1=longer; ", "sid.2=longer; "},
                                                 {"sid.1=" + std::string(40, 'x') + "; "}}) {
        std::string decoys;
        for (std::size_t i = 0; i < 180; ++i) decoys += kinds[i % kinds.size()];
        CAPTURE(decoys.substr(0, 60));
        CHECK(user(jar.open(decoys + real)) == "ada");
        CHECK(user(jar.open(real + "; " + decoys)) == "ada");
      }
    }
  }
}

TEST_CASE("V04 sets of chunks and whole cookies count alike") {
  const VirtualClock clock;
  SessionOptions options = basicOptions(clock);
  options.chunk = true;
  const SessionJar jar(options);
  const auto large = [&](const char* name) {
    return cookieOf(jar, {{"user", name}, {"filler", support::ofBytes(4000)}});
  };
  const std::string first = large("first");
  clock.advance(10s);
  const std::string second = large("second");
  clock.advance(10s);
  const std::string third = cookieOf(jar, {{"user", "third"}});
  CHECK(user(jar.open(first + "; " + second)) == "second");
  CHECK(user(jar.open(second + "; " + first)) == "second");
  CHECK(user(jar.open(second + "; " + third)) == "third");
  clock.advance(10s);
  const std::string fourth = large("fourth");
  CHECK(user(jar.open(third + "; " + fourth)) == "fourth");
}

TEST_CASE("V04 the worst of chunks costs little, however many there are") {
  const SessionJar jar(with(VirtualClock(), {native, fe26}));
  std::string header;
  const std::string half = std::string(230, 'A');
  for (int i = 0; i < 400; ++i) header += "sid.0=ij1." + half + "; sid.1=x; sid.2=y; sid.3=z; ";
  for (int i = 0; i < 400; ++i) header += "sid.0=" + ironSeal({.expires = 1}).substr(0, 300) + "; sid.1=a; ";
  auto best = std::chrono::nanoseconds::max();
  for (int round = 0; round < 5; ++round) {
    timespec begin{};
    timespec end{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
    CHECK(jar.open(header).empty());
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
    best = std::min<std::chrono::nanoseconds>(
        best, std::chrono::seconds(end.tv_sec - begin.tv_sec) + std::chrono::nanoseconds(end.tv_nsec - begin.tv_nsec));
  }
  MESSAGE(header.size(), " bytes of chunks: ", best.count() / 1000, " us");
  CHECK(best < std::chrono::milliseconds(isInstrumented ? 500 : 30));
}

}  // namespace attacks_decoys_test

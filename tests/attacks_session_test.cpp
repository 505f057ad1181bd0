// Attacks on sessions: planted, copied, prolonged and forged cookies.
#include "support/browser.hpp"
#include "support/forge.hpp"

#include <ctime>

using namespace ironjar;
using namespace std::chrono_literals;
using support::basicOptions;
using support::Browser;
using support::Cookies;
using support::deletes;
using support::FakeClock;
using support::look;
using support::password;
using support::visit;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool isInstrumented = true;
#elif defined(__has_feature)
constexpr bool isInstrumented = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool isInstrumented = false;
#endif

// A jar's cookies for a session that begins with `data` at the clock's time, as a browser sends them.
std::string cookieOf(const SessionJar& jar, const Json& data) {
  Session session = jar.open("");
  session.assign(data);
  Browser browser;
  browser.take(jar.commit(session).value());
  return browser.header();
}

std::string user(const Session& session) { return session.get<std::string>("user").value_or(""); }

struct Iron {
  std::string json = R"({"user":"ada"})";
  std::int64_t expires = 0;
  unsigned iterations = 1;
  char salt = 'a';
};

// As h3 or iron-session seals, under id 1.
std::string ironSeal(const Iron& iron) {
  using namespace detail;
  const Passwords passwords(password);
  const Key& key = passwords.keyring().newest();
  const std::string salt(64, iron.salt);
  std::string ciphertext(aesPaddedSize(iron.json.size()), '\0');
  std::copy(iron.json.begin(), iron.json.end(), ciphertext.begin());
  Secret<aesKeySize> aesKey;
  key.fe26.derive(aesKey.fill(), bytes(salt), iron.iterations);
  const std::array<unsigned char, aesBlockSize> iv{};
  aesEncrypt(writable(ciphertext.data(), ciphertext.size()), iron.json.size(), aesKey.expose(), iv);
  const std::string text = "Fe26.2*1*" + salt + "*" + support::base64url(iv) + "*" +
                           support::base64url(bytes(ciphertext)) + "*" +
                           (iron.expires == 0 ? "" : std::to_string(iron.expires));
  Secret<sha256Size> macKey;
  key.fe26.derive(macKey.fill(), bytes(salt), iron.iterations);
  std::array<unsigned char, sha256Size> mac{};
  hmacSha256(mac, macKey.expose(), bytes(text));
  return text + "*" + salt + "*" + support::base64url(mac) + "~2";
}

std::string forged(std::string seal) {
  const std::size_t mac = seal.rfind('*') + 3;
  seal[mac] = seal[mac] == 'A' ? 'B' : 'A';
  return seal;
}

SessionOptions with(const FakeClock& clock, std::vector<SealFormat> formats, std::string name = "sid") {
  SessionOptions options = basicOptions(clock);
  options.cookieName = std::move(name);
  options.seal.formats = std::move(formats);
  return options;
}

constexpr auto native = SealFormat::native;
constexpr auto fe26 = SealFormat::fe26;

}  // namespace

TEST_CASE("V04 what does not open uses up no tries: any number of decoys, before and behind") {
  for (const char* name : {"sid", "__Host-sid"}) {
    const SessionJar jar(with(FakeClock(), {native, fe26}, name));
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
  const FakeClock clock;
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
  const FakeClock clock;
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
  const FakeClock clock;
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
  const FakeClock clock;
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
  const FakeClock clock;
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
  const FakeClock clock;
  for (const SealFormat format : {native, fe26}) {
    SessionOptions options = with(clock, {format});
    options.chunk = true;
    const SessionJar jar(options);
    for (const std::size_t size : {3100U, 3200U, 4000U, 4500U}) {
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
  const FakeClock clock;
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
  const SessionJar jar(with(FakeClock(), {native, fe26}));
  std::string header;
  const std::string half = std::string(230, 'A');
  for (int i = 0; i < 400; ++i) header += "sid.0=ij1." + half + "; sid.1=x; sid.2=y; sid.3=z; ";
  for (int i = 0; i < 400; ++i) header += "sid.0=" + ironSeal({.expires = 1}).substr(0, 300) + "; sid.1=a; ";
  auto best = std::chrono::nanoseconds::max();
  for (int round = 0; round < 5; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    CHECK(jar.open(header).empty());
    best = std::min<std::chrono::nanoseconds>(best, std::chrono::steady_clock::now() - begin);
  }
  MESSAGE(header.size(), " bytes of chunks: ", best.count() / 1000, " us");
  CHECK(best < std::chrono::milliseconds(isInstrumented ? 500 : 30));
}

TEST_CASE("V14 a denied Fe26.2 session stays denied in its other spelling, whole or in chunks") {
  const FakeClock clock;
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
  const auto list = std::make_shared<LocalRevocationList>(RevocationOptions{.now = clock});
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
    for (const auto& [ttl, absolute] :
         std::vector<std::pair<Seconds, Seconds>>{{1000s, 3000s}, {1000s, 1000s}, {3000s, 1000s}, {0s, 2000s}}) {
      if (rolling && ttl == 0s) continue;
      const FakeClock clock(begin);
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
          const FakeClock later(now);
          SessionOptions same = options;
          same.seal.now = later;
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
  const FakeClock clock;
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
      const FakeClock clock;
      SessionOptions options = basicOptions(clock);
      if (second == fe26) options.seal.formats.push_back(fe26);
      options.seal.ttl = step % 2 == 0 ? 1000s : 0s;
      options.absoluteTtl = 3000s;
      options.seal.now = [=] { return clock() + (++*reads > step ? 1s : 0s); };
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

TEST_CASE("V27 what could not be verified is left alone, and what verified and has ended is deleted") {
  const FakeClock clock;
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
  CHECK(deletes(committed(ours).at(0), "sid"));
  CHECK(deletes(committed(iron).at(0), "sid"));
  CHECK(deletes(committed(iron + "; " + ours).at(0), "sid"));
  CHECK(committed(iron + "; " + theirs).empty());  // which of the two a deletion would meet is not known
  CHECK(committed(theirs + "; " + ours).empty());
}

TEST_CASE("V27 chunks are deleted when all of them verified and have ended") {
  const FakeClock clock;
  SessionOptions options = basicOptions(clock);
  options.chunk = true;
  const SessionJar jar(options);
  const std::string chunks = cookieOf(jar, {{"filler", support::ofBytes(4000)}});
  const std::string whole = cookieOf(jar, {{"user", "ada"}});
  Session cut = jar.open(chunks.substr(0, chunks.find(';')));
  CHECK(jar.commit(cut)->empty());
  clock.advance(std::chrono::hours{24 * 15});
  Session ended = jar.open(chunks);
  const Cookies cookies = jar.commit(ended).value();
  REQUIRE(cookies.size() == 2);
  CHECK(deletes(cookies[0], "sid.0"));
  CHECK(deletes(cookies[1], "sid.1"));
  Session doubled = jar.open(chunks + "; sid.1=theirs");
  CHECK(jar.commit(doubled)->size() == 1);
  Session mixed = jar.open("sid=ij1.theirs; " + chunks);
  CHECK(jar.commit(mixed)->size() == 2);
  Session both = jar.open(whole + "; " + chunks);
  CHECK(jar.commit(both)->size() == 3);
}

TEST_CASE("V28 forged seals cost no more iterations than an honest one") {
  SessionOptions options = with(FakeClock(), {native, fe26});
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

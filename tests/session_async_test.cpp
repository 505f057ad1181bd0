// SessionJar::startOpen and startCommit: they never wait, call back exactly once, and decide what open() and commit()
// do.
#include "support/support.hpp"

#include <optional>
#include <vector>

#include <ironjar/ironjar.hpp>
#include <ironjar/revocation.hpp>

namespace session_async_test {

using namespace ironjar;

namespace {

// Answers when a test says so.
struct Asked {
  RevocationCheck check() {
    return RevocationCheck(
        [](const Session&) -> Revoked {
          FAIL_CHECK("the form that blocks was used");
          return Revoked::yes;
        },
        [this](const Session& session, std::function<void(Revoked)> done) {
          ids.push_back(session.id());
          pending.push_back(std::move(done));
        });
  }
  void answer(std::size_t which, Revoked revoked) { std::exchange(pending.at(which), nullptr)(revoked); }

  std::vector<std::string> ids;
  std::vector<std::function<void(Revoked)>> pending;
};

struct Opened {
  std::function<void(Session)> handler() {
    return [this](Session opened) {
      ++times;
      session = std::move(opened);
    };
  }
  int times = 0;
  std::optional<Session> session;
};

SessionOptions options(RevocationCheck check = {}, const char* name = "sid") {
  SessionOptions made{.cookieName = name, .passwords = support::password};
  made.isRevoked = std::move(check);
  return made;
}

// A cookie of a user's, in the jar of that name.
std::string cookieOf(const std::string& user, const char* name = "sid") {
  const SessionJar jar(options({}, name));
  Session session = jar.open("");
  session.set("user", user);
  const std::string line = jar.commit(session)->at(0);
  return line.substr(0, line.find(';'));
}

std::string userOf(const Opened& opened) { return opened.session->get<std::string>("user").value_or("nobody"); }

}  // namespace

TEST_CASE("opening asks without waiting, and calls back once with the session") {
  Asked asked;
  const SessionJar jar(options(asked.check()));
  CHECK(jar.hasAsynchronousForms());
  for (const auto verdict : {Revoked::no, Revoked::yes, Revoked::unknown}) {
    asked.pending.clear();
    Opened opened;
    jar.startOpen(cookieOf("ada"), opened.handler());
    CHECK(opened.times == 0);
    REQUIRE(asked.pending.size() == 1);
    asked.answer(0, verdict);
    REQUIRE(opened.times == 1);
    CHECK(userOf(opened) == (verdict == Revoked::no ? "ada" : "nobody"));
    if (verdict == Revoked::no) CHECK_FALSE(opened.session->rejection());
    if (verdict == Revoked::yes) CHECK(opened.session->rejection()->code == Errc::loginRequired);
    if (verdict == Revoked::unknown) CHECK(opened.session->rejection()->code == Errc::overloaded);
  }
}

TEST_CASE("nothing is asked where no session came, and where no asynchronous form is there it is as open()") {
  Asked asked;
  Opened none;
  SessionJar(options(asked.check())).startOpen("other=1; sid=junk", none.handler());
  CHECK(none.times == 1);
  CHECK(asked.pending.empty());
  int times = 0;
  const SessionJar blocking(options([&](const Session&) { return ++times, false; }));
  CHECK_FALSE(blocking.hasAsynchronousForms());
  Opened opened;
  blocking.startOpen(cookieOf("ada"), opened.handler());
  CHECK(opened.times == 1);
  CHECK(times == 1);
  CHECK(userOf(opened) == "ada");
}

TEST_CASE("of several sessions the one counts that open() says, whatever is answered in whichever order") {
  const std::string older = cookieOf("old");
  std::string newer = cookieOf("new");
  for (int order = 0; order < 2; ++order) {
    for (const bool newerIsDenied : {false, true}) {
      for (const bool olderIsDenied : {false, true}) {
        Asked asked;
        Opened opened;
        SessionJar(options(asked.check())).startOpen(older + "; " + newer, opened.handler());
        REQUIRE(asked.pending.size() == 2);
        const auto verdict = [&](std::size_t which) {
          const bool isNewer = asked.ids[which] == SessionJar(options()).open(newer).id();
          return (isNewer ? newerIsDenied : olderIsDenied) ? Revoked::yes : Revoked::no;
        };
        const std::vector<Revoked> verdicts = {verdict(0), verdict(1)};
        const auto first = static_cast<std::size_t>(order);
        asked.answer(first, verdicts[first]);
        CHECK(opened.times == 0);
        asked.answer(1 - first, verdicts[1 - first]);
        REQUIRE(opened.times == 1);
        const SessionJar same(options([&](const Session& session) {
          const bool isNewer = session.id() == SessionJar(options()).open(newer).id();
          return isNewer ? newerIsDenied : olderIsDenied;
        }));
        const Session expected = same.open(older + "; " + newer);
        CHECK(userOf(opened) == expected.get<std::string>("user").value_or("nobody"));
        CHECK(bool(opened.session->rejection()) == bool(expected.rejection()));
      }
    }
  }
}

TEST_CASE("who is asked and never answers leaves a session that is not known") {
  Asked asked;
  Opened opened;
  SessionJar(options(asked.check())).startOpen(cookieOf("ada"), opened.handler());
  asked.pending.clear();
  REQUIRE(opened.times == 1);
  CHECK(opened.session->detached());
  CHECK(opened.session->rejection()->code == Errc::overloaded);
}

TEST_CASE("what cannot be told leaves the cookie in the browser, and is answered with 503") {
  const SessionJar jar(options(RevocationCheck([](const Session&) { return Revoked::unknown; })));
  Session unknown = jar.open(cookieOf("ada"));
  const auto answer = unknownSessionAnswer(unknown);
  REQUIRE(answer);
  CHECK(answer->status == 503);
  CHECK(findHeader(answer->headers, "Retry-After"));
  unknown.set("user", "eve");
  CHECK(jar.commit(unknown)->empty());
  CHECK_FALSE(unknownSessionAnswer(jar.open("")));
  CHECK_FALSE(unknownSessionAnswer(jar.open("sid=junk")));
}

TEST_CASE("a session that was let in is written though it cannot be told any more; a re-seal is left out") {
  Revoked verdict = Revoked::no;
  const SessionJar jar(options(RevocationCheck([&](const Session&) { return verdict; })));
  Session session = jar.open(cookieOf("ada"));
  session.set("user", "eve");
  verdict = Revoked::unknown;
  CHECK(jar.commit(session)->size() == 1);
  verdict = Revoked::yes;
  session.set("user", "ada");
  CHECK(support::errorOf(jar.commit(session)) == Errc::loginRequired);
}

TEST_CASE("committing runs its hooks one after the other, without waiting, and calls back once") {
  std::vector<std::string> seen;
  std::vector<std::function<void()>> pending;
  const auto never = [](const auto&) { FAIL_CHECK("the form that blocks was used"); };
  Asked asked;
  SessionOptions made = options(asked.check());
  made.commitHooks.before = CommitHook<Session>(never, [&](Session& session, std::function<void()> done) {
    session.set("before", 1);
    seen.emplace_back("before");
    pending.push_back(std::move(done));
  });
  made.commitHooks.after = CommitHook<const Session>(never, [&](const Session&, std::function<void()> done) {
    seen.emplace_back("after");
    pending.push_back(std::move(done));
  });
  const SessionJar jar(made);
  for (const bool isDenied : {false, true}) {
    seen.clear();
    pending.clear();
    asked.pending.clear();
    Session session = SessionJar(options()).open(cookieOf("ada"));
    session.set("user", "eve");
    std::optional<SessionJar::Committed> committed;
    int times = 0;
    jar.startCommit(session, [&](SessionJar::Committed done) {
      ++times;
      committed = std::move(done);
    });
    REQUIRE(pending.size() == 1);
    CHECK(asked.pending.empty());
    pending[0]();
    pending[0]();  // once is enough
    REQUIRE(asked.pending.size() == 1);
    asked.answer(0, isDenied ? Revoked::yes : Revoked::no);
    if (!isDenied) {
      CHECK(times == 0);
      REQUIRE(pending.size() == 2);
      pending[1]();
    }
    REQUIRE(times == 1);
    CHECK(seen.size() == (isDenied ? 1 : 2));
    CHECK(bool(committed->setCookies) != isDenied);
    CHECK(committed->session.get<int>("before") == 1);
    CHECK(committed->session.changed() == isDenied);
  }
}

TEST_CASE("a hook that throws, or never calls back, ends the commit, which says so once") {
  for (const bool throws : {false, true}) {
    SessionOptions made = options();
    made.commitHooks.before = CommitHook<Session>([](Session&) {},
                                                  [throws](Session&, const std::function<void()>&) {
                                                    if (throws) throw std::runtime_error("no");
                                                  });
    Session session;
    session.set("user", "ada");
    int times = 0;
    SessionJar(made).startCommit(session, [&](const SessionJar::Committed& done) {
      ++times;
      CHECK(done.setCookies);  // counts as done
    });
    CHECK(times == 1);
  }
}

TEST_CASE("an answer is finished without waiting, as finish() does") {
  Asked asked;
  const SessionJar jar(options(asked.check()));
  for (const auto verdict : {Revoked::no, Revoked::yes}) {
    asked.pending.clear();
    const std::string cookie = cookieOf("ada");
    Session session = SessionJar(options()).open(cookie);
    session.set("user", "eve");
    std::optional<Response> answer;
    startFinish(jar, cookie, session, {.status = 200, .body = "hello"},
                [&](Response done) { answer = std::move(done); });
    while (!answer) {
      REQUIRE_FALSE(asked.pending.empty());
      const auto next = std::exchange(asked.pending.back(), nullptr);
      asked.pending.pop_back();
      next(verdict);
    }
    CHECK(answer->status == (verdict == Revoked::no ? 200 : 401));
    CHECK(bool(findHeader(answer->headers, "Set-Cookie")) == (verdict == Revoked::no));
  }
}

TEST_CASE("a list that only blocks has both forms, and a logout is denied in either") {
  const auto list = std::make_shared<LocalRevocationList>();
  CHECK_FALSE(list->blocks());
  std::optional<Revoked> checked;
  const std::vector<RevocationList::Mark> marks = {{.value = "one"}};
  bool isDenied = false;
  list->startDeny(marks[0], [&] { isDenied = true; });
  CHECK(isDenied);
  list->startCheck(marks, {}, [&](Revoked revoked) { checked = revoked; });
  CHECK(checked == Revoked::yes);
  int all = 0;
  startBackChannelLogout(*list, {.issuer = "i", .sid = "s"}, [&](bool isFirst) { all += isFirst ? 1 : 0; });
  CHECK(all == 1);
  startBackChannelLogout(*list, {}, [&](bool isFirst) { all += isFirst ? 1 : 0; });
  CHECK(all == 1);

  SessionOptions made = options(revokedBy(list));
  made.commitHooks = denyingLogouts({}, list);
  const SessionJar jar(made);
  Session session = jar.open("");
  session.setTokens({.accessToken = "a", .refreshToken = "r"});
  const std::string line = jar.commit(session)->at(0);
  session.destroy();
  int times = 0;
  jar.startCommit(session, [&](const SessionJar::Committed&) { ++times; });
  CHECK(times == 1);
  CHECK(jar.open(line.substr(0, line.find(';'))).empty());
}

TEST_CASE("a list that throws has denied nobody, and the logout says so") {
  struct Broken final : RevocationList {
    void deny(const Mark&) override { throw std::runtime_error("the database is away"); }
    Revoked check(std::span<const Mark>, TimePoint) override { return Revoked::no; }
  } list;
  for (const char* id : {"", "jti-1"}) {
    int times = 0;
    bool isDenied = true;
    const LogoutToken token{.issuer = "i", .sid = "s", .id = id};
    try {
      startBackChannelLogout(list, token, [&](bool isFirst) {
        ++times;
        isDenied = isFirst;
      });
    } catch (const std::runtime_error&) {
      CHECK(times <= 1);
    }
    CHECK(times == 1);
    CHECK_FALSE(isDenied);
  }
}

TEST_CASE("a logout is one though it is rolled back while nobody can tell who came") {
  const auto list = std::make_shared<LocalRevocationList>();
  SessionOptions made = options();
  made.commitHooks = denyingLogouts({}, list);
  Session ada = SessionJar(made).open("");
  ada.setTokens({.accessToken = "a", .refreshToken = "r"});
  const std::string line = SessionJar(made).commit(ada)->at(0);
  const std::string cookie = line.substr(0, line.find(';'));
  Session session = SessionJar(made).open(cookie);
  session.destroy();
  made.isRevoked = RevocationCheck([](const Session&) { return Revoked::unknown; });
  const auto cookies = rollBack(SessionJar(made), cookie, session);
  CHECK_FALSE(cookies.empty());
  const std::vector<RevocationList::Mark> marks = {{.value = session.id()}};
  CHECK(list->check(marks, {}) == Revoked::yes);
}

}  // namespace session_async_test

#include "base/ascii.hpp"

#include <ironjar/tokens.hpp>
#include <ironjar/web.hpp>

namespace ironjar {

std::string cookieHeader(const WebRequest& request) {
  std::string all;
  for (const auto& [name, value] : request.fields) {
    if (!detail::equalIgnoringCase(name, "Cookie")) continue;
    if (!all.empty()) all += "; ";
    all += value;
  }
  return all;
}

std::optional<Response> unknownSessionAnswer(const Session& opened) {
  if (!opened.detached() || !opened.rejection()) return std::nullopt;
  return answerFor(*opened.rejection());
}

namespace {

// As the browser gets it.
Response answered(Response answer, const Finished& finished) {
  if (finished.error) {
    eraseFieldsOfBody(answer.headers);
    Response instead = notSavedAnswer(finished.error);
    putFields(answer.headers, instead.headers);
    instead.headers = std::move(answer.headers);
    answer = std::move(instead);
  }
  putSetCookies(answer.headers, finished.cookies);
  return answer;
}

// What a request that has failed leaves of its session, in that as it came.
void keepWhatMustStay(Session& before, const Session& session) {
  if (session.destroyed()) {
    if (unknownSessionAnswer(before)) before = session;  // it knows whose login has ended
    before.destroy();
  } else if (session.detached()) {
    before.detach();
  } else {
    before.adoptRenewals(session);
  }
}

}  // namespace

Finished finish(const SessionJar& jar, std::string_view cookieHeader, Session& session) {
  auto cookies = jar.commit(session);
  if (cookies) return {.cookies = *std::move(cookies)};
  return {.cookies = rollBack(jar, cookieHeader, session), .error = cookies.error()};
}

Response finish(const SessionJar& jar, std::string_view cookieHeader, Session& session, Response answer) {
  return answered(std::move(answer), finish(jar, cookieHeader, session));
}

void startFinish(const SessionJar& jar, std::string cookieHeader, Session session, Response answer,
                 std::function<void(Response)> done) {
  const auto told = [answer = std::move(answer), done = std::move(done)](const Finished& finished) {
    done(answered(answer, finished));
  };
  jar.startCommit(std::move(session),
                  [jar, cookieHeader = std::move(cookieHeader), told](SessionJar::Committed committed) mutable {
                    if (committed.setCookies) return told({.cookies = *std::move(committed.setCookies)});
                    startRollBack(jar, std::move(cookieHeader), std::move(committed.session),
                                  [told, error = committed.setCookies.error()](std::vector<std::string> cookies) {
                                    told({.cookies = std::move(cookies), .error = error});
                                  });
                  });
}

std::vector<std::string> rollBack(const SessionJar& jar, std::string_view cookieHeader, const Session& session) {
  Session before = jar.open(cookieHeader);
  keepWhatMustStay(before, session);
  return jar.commit(before).value_or({});
}

void startRollBack(const SessionJar& jar, std::string cookieHeader, Session session,
                   std::function<void(std::vector<std::string>)> done) {
  jar.startOpen(std::move(cookieHeader), [jar, session = std::move(session), done = std::move(done)](Session before) {
    keepWhatMustStay(before, session);
    jar.startCommit(std::move(before),
                    [done](SessionJar::Committed committed) { done(std::move(committed.setCookies).value_or({})); });
  });
}

Response internalErrorAnswer(const SessionJar& jar, std::string_view cookieHeader, const Session& session) {
  Response response = internalErrorAnswer();
  putSetCookies(response.headers, rollBack(jar, cookieHeader, session));
  return response;
}

}  // namespace ironjar

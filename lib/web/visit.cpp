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

Finished finish(const SessionJar& jar, std::string_view cookieHeader, Session& session) {
  auto cookies = jar.commit(session);
  if (cookies) return {.cookies = *std::move(cookies)};
  return {.cookies = rollBack(jar, cookieHeader, session), .error = cookies.error()};
}

Response finish(const SessionJar& jar, std::string_view cookieHeader, Session& session, Response answer) {
  const Finished finished = finish(jar, cookieHeader, session);
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

std::vector<std::string> rollBack(const SessionJar& jar, std::string_view cookieHeader, const Session& session) {
  Session before = jar.open(cookieHeader);
  if (session.destroyed()) {
    before.destroy();
  } else if (session.detached()) {
    before.detach();
  } else {
    before.adoptRenewals(session);
  }
  return jar.commit(before).value_or({});
}

}  // namespace ironjar

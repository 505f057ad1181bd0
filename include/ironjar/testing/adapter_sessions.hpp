// The rules of an adapter about sessions and logins. Part of checkAdapter.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <ironjar/testing/adapter_probe.hpp>

namespace ironjar::testing::detail {

inline std::vector<std::string> setCookiesOf(const Response& response) {
  std::vector<std::string> lines;
  for (const auto& [name, value] : response.headers)
    if (AdapterVisitor::isSetCookie(name)) lines.push_back(value);
  return lines;
}
inline bool hasToken(const Response& response, std::string_view name, std::string_view token) {
  return findHeader(response.headers, name).value_or("").find(token) != std::string_view::npos;
}

inline void checkSession(AdapterProbe& probe) {
  AdapterVisitor visitor = probe.visitor();
  const Response first = visitor.get("/count");
  probe.expectAnswer(first, 200, "1", "a first visit");
  probe.expect(setCookiesOf(first).size() == 1, "a session that was written is one Set-Cookie");
  probe.expect(hasToken(first, "Cache-Control", "no-store"), "an answer that sets a cookie is not for caches");
  probe.expectAnswer(visitor.get("/count"), 200, "2", "a second visit");
  const Response read = visitor.get("/look");
  probe.expectAnswer(read, 200, "2", "a visit that reads");
  probe.expect(setCookiesOf(read).empty(), "a session that was only read sets no cookie");
  probe.expectAnswer(probe.visitor().get("/look"), 200, "0", "a visitor without cookies");
}

inline void checkCookieLines(AdapterProbe& probe) {
  AdapterVisitor visitor = probe.visitor();
  visitor.get("/count");
  const std::string own = "Cookie: " + visitor.header() + "\r\n";
  const auto look = [&](const std::string& lines, const std::string& when) {
    probe.expectAnswer(visitor.send("GET", "/look", lines), 200, "1", when);
  };
  look("Cookie: a=1; b=2\r\n" + own, "a second Cookie line");
  look(own + "cookie: a=1\r\n", "a first Cookie line");
  look("Cookie: sid=ij1.decoy\r\n" + own, "a decoy's Cookie line before it");
  look("Cookie: sid=ij1.decoy; " + own.substr(8), "a decoy of its name before it");
  look(own + "Cookie: sid=ij1.decoy\r\n", "a decoy's Cookie line behind it");
  look("Cookie: " + visitor.header() + "; sid=ij1.decoy\r\n", "a decoy of its name behind it");
  look("Cookie: q=\"a; " + own.substr(8), "a quote before it");
  const std::string word = "a==?x?q?=3B=20sid=3Dij1.x?=";
  probe.expectAnswer(visitor.send("GET", "/echo", "Cookie: " + word + "\r\n"), 200, "\ncookie: " + word + "\n",
                     "an encoded word (RFC 2047) in a cookie is one");
}

inline void checkSetCookies(AdapterProbe& probe) {
  AdapterVisitor visitor = probe.visitor();
  const Response response = visitor.get("/cookies");
  const std::vector<std::string> lines = setCookiesOf(response);
  probe.expect(lines.size() == 3, "the handler's cookies and the session's are lines of their own");
  probe.expect(std::count(lines.begin(), lines.end(), "theme=dark; Path=/") == 1,
               "a handler's cookie is sent as it is");
  probe.expect(!hasToken(response, "Cache-Control", "max-age"), "what would let caches keep it is taken off");
  probe.expectAnswer(visitor.get("/look"), 200, "100", "the visit after it");
}

inline void checkFailures(AdapterProbe& probe) {
  AdapterVisitor visitor = probe.visitor();
  visitor.get("/login");
  visitor.get("/count");
  probe.provider.expireAccessTokens();
  const int refreshes = probe.provider.counts().refreshes;
  const Response thrown = visitor.get("/throws");
  probe.expectAnswer(thrown, 500, "internal_error", "a handler that throws");
  probe.expect(thrown.body.find("nobody") == std::string::npos, "an exception's text is told");
  probe.expect(!setCookiesOf(thrown).empty(), "tokens that a refresh has brought are lost when the handler throws");
  probe.expectAnswer(visitor.get("/look"), 200, "1", "the visit after a handler that throws");
  probe.expect(visitor.get("/look").body == "1", "what a handler that throws has written is kept");
  probe.expectAnswer(visitor.get("/api/x"), 200, "", "the API after a handler that throws");
  probe.expect(probe.provider.counts().refreshes == refreshes + 1, "the tokens of a handler that throws serve on");
  const Response large = visitor.get("/large");
  probe.expectAnswer(large, 500, "session_not_saved", "a session that does not fit");
  probe.expectAnswer(visitor.get("/look"), 200, "1", "the visit after a session that does not fit");
}

inline void checkAuth(AdapterProbe& probe) {
  AdapterVisitor visitor = probe.visitor();
  probe.expectAnswer(visitor.get("/auth/status"), 200, "\"authenticated\":false", "the status of nobody");
  visitor.get("/login");
  probe.expectAnswer(visitor.get("/auth/status?x"), 200, "\"authenticated\":true", "the status of a login");
  probe.expectAnswer(visitor.visit("POST", "/auth/refresh"), 403, "cross_site", "a refresh from nowhere");
  probe.expectAnswer(visitor.visit("POST", "/auth/logout", "Origin: https://evil.example\r\n"), 403, "cross_site",
                     "a logout from elsewhere");
  const std::string twice = "Origin: http://localhost\r\nOrigin: https://evil.example\r\n";
  probe.expectAnswer(visitor.visit("POST", "/auth/logout", twice), 403, "cross_site", "two Origin fields");
  const int refreshes = probe.provider.counts().refreshes;
  const Response refreshed = visitor.post("/auth/refresh");
  probe.expectAnswer(refreshed, 200, "\"authenticated\":true", "a refresh");
  probe.expect(!setCookiesOf(refreshed).empty(), "a refresh sets the cookie");
  probe.expect(probe.provider.counts().refreshes == refreshes + 1, "a refresh asks the provider once");
  probe.expectAnswer(visitor.post("/auth/logout"), 204, "", "a logout");
  probe.expect(!visitor.hasCookies(), "a logout deletes the session's cookies");
  probe.expectAnswer(visitor.get("/auth/status"), 200, "\"authenticated\":false", "the status after a logout");
}

inline void checkProxy(AdapterProbe& probe) {
  AdapterVisitor visitor = probe.visitor();
  const int before = probe.api.counts().calls;
  probe.expectAnswer(visitor.get("/api/items"), 401, "login_required", "a visitor who is not signed in");
  visitor.get("/login");
  for (const char* target : {"/api/%2e%2e/secret", "/api/../secret", "/api/..%2fsecret", "/api/a\\..\\..\\secret"}) {
    probe.expectAnswer(visitor.get(target), 400, "", std::string("a path that leads out: ") + target);
  }
  probe.expect(probe.api.counts().calls == before, "the API is asked for what is refused");
  ApiBehaviour behaviour = probe.api.behaviour();
  behaviour.cookies = {"theirs=1"};
  probe.api.behave(behaviour);
  probe.provider.expireAccessTokens();
  const Response response = visitor.get("/api/items/%C3%A9?x=%20y+z");
  probe.expectAnswer(response, 200, "ada", "a request that is passed on");
  const std::vector<std::string> lines = setCookiesOf(response);
  probe.expect(lines.size() == 1 && lines[0].starts_with("sid="), "renewed tokens are set, and no cookie of the API's");
  const std::vector<Request> seen = probe.api.seen();
  probe.expect(!seen.empty() && seen.back().url == probe.api.options().origin + "/v1/items/%C3%A9?x=%20y+z",
               "path and query reach the API byte for byte");
  probe.expect(!seen.empty() && !findHeader(seen.back().headers, "Cookie"), "the visitor's cookies stay here");
  const std::string body = AdapterProbe::allBytes();
  probe.expectAnswer(visitor.visit("POST", "/api/items", {}, body), 403, "cross_site", "a POST from nowhere");
  probe.expectAnswer(visitor.post("/api/items", body), 200, "ada", "a POST");
  const std::vector<Request> posted = probe.api.seen();
  probe.expect(!posted.empty() && posted.back().body == body, "a body reaches the API byte for byte");
  probe.expectAnswer(visitor.get("/apiary"), 200, "GET /apiary", "a path that only begins as the API's do");
}

inline void checkThreads(AdapterProbe& probe) {
  std::vector<std::thread> threads;
  std::vector<std::string> last(8);
  for (std::string& count : last) {
    threads.emplace_back([&] {
      AdapterVisitor visitor = probe.visitor();
      for (int i = 0; i < 25; ++i) count = visitor.get("/count").body;
    });
  }
  for (std::thread& thread : threads) thread.join();
  const bool isOwn = std::all_of(last.begin(), last.end(), [](const std::string& count) { return count == "25"; });
  probe.expect(isOwn, "eight visitors at a time each have their own session");
}

}  // namespace ironjar::testing::detail

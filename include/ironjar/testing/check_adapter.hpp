// Whether an adapter of your own, between a server and <ironjar/web.hpp>, does what the others do: for its tests.
// include/ironjar/web/README.md says how one is written.
//
// Example:
//   struct MyServer {
//     explicit MyServer(const ironjar::testing::AdapterSite&) {}  // serves it, on a thread of its own
//     int port = 0;
//   };
//   const auto start = [](const ironjar::testing::AdapterSite& served) {
//     const auto running = std::make_shared<MyServer>(served);
//     return ironjar::testing::AdapterServer{running->port, running};
//   };
//   for (const std::string& line : ironjar::testing::checkAdapter(start)) std::cout << line << '\n';
#pragma once

#include <string>
#include <vector>

#include <ironjar/testing/adapter_messages.hpp>
#include <ironjar/testing/adapter_probe.hpp>
#include <ironjar/testing/adapter_sessions.hpp>
#include <ironjar/testing/rules.hpp>

namespace ironjar::testing {

// What breaks a rule: a line for each thing that was seen, which begins with the rule's name. Empty when all hold.
// - session: opened before the handler and committed after; a cookie when it was written, none when it was read
// - cookieLines: the session is found among several Cookie lines, and behind decoys of its name
// - setCookies: each is a line of its own, and no cache keeps it
// - failures: a handler that throws, and a session that does not fit: renewed tokens are kept, nothing else, no text
// told
// - auth: status, refresh and logout; not from other sites
// - proxy: the access token, path, query and body go up; no cookie goes up or comes down; nothing leads out
// - threads: visitors at the same time
// - targets: a target is not decoded
// - fields: duplicates, their order, their bytes
// - bodies: byte for byte, in chunks, or not at all
// - answers: status, fields, body; HEAD, 204 and 304 without one
// - framing: no second request is found where another parser sees one
// - garbage: the server survives it
// Starts the server once, and sends requests to it; takes some ten seconds. Throws std::invalid_argument for a rule in
// `except` that is none, and whatever `start` throws.
[[nodiscard]] inline std::vector<std::string> checkAdapter(const StartAdapter& start,
                                                           const AdapterCheck& options = {}) {
  constexpr detail::Rule<detail::AdapterProbe> rules[] = {{"session", detail::checkSession},
                                                          {"cookieLines", detail::checkCookieLines},
                                                          {"setCookies", detail::checkSetCookies},
                                                          {"failures", detail::checkFailures},
                                                          {"auth", detail::checkAuth},
                                                          {"proxy", detail::checkProxy},
                                                          {"threads", detail::checkThreads},
                                                          {"targets", detail::checkTargets},
                                                          {"fields", detail::checkFields},
                                                          {"bodies", detail::checkBodies},
                                                          {"answers", detail::checkAnswers},
                                                          {"framing", detail::checkFraming},
                                                          {"garbage", detail::checkGarbage}};
  detail::requireRules<detail::AdapterProbe>(rules, options.except, "an adapter");
  detail::AdapterProbe probe(start);
  if (probe.visitor().get("/look").status == 0) return {"session: the server does not answer"};
  detail::checkRules<detail::AdapterProbe>(rules, options.except, probe);
  return probe.violations();
}

}  // namespace ironjar::testing

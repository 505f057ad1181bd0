// Whether a Transport keeps to its contract: for the tests of applications that bring their own.
//
// Example:
//   const auto violations = ironjar::testing::checkTransport(ironjar::httplibTransport());
//   for (const std::string& line : violations) std::cout << line << '\n';
#pragma once

#include <string>
#include <vector>

#include <ironjar/testing/rules.hpp>
#include <ironjar/testing/transport_connections.hpp>
#include <ironjar/testing/transport_deadlines.hpp>
#include <ironjar/testing/transport_early.hpp>
#include <ironjar/testing/transport_messages.hpp>
#include <ironjar/testing/transport_probe.hpp>
#include <ironjar/testing/transport_streams.hpp>
#include <ironjar/testing/transport_uploads.hpp>

namespace ironjar::testing {

// What breaks the contract of Transport (<ironjar/http.hpp>): a line for each thing that was seen, which begins with
// the rule's name. Empty when all rules hold. None of them may throw, or return late.
// - response: status, fields (one of 12,000 bytes, too) and body as they were sent; no redirects, no content codings
// - target: path and query byte for byte
// - fields: the transport's own are written by it, all others as they are; nothing breaks out of its line
// - body: in memory or in pieces, opened once, with its size where that is known; a body that fails is never sent as a
//   whole one
// - early: a response that comes before the request is sent to its end is returned, though the server reads no more;
//   one that does not end is bounded as any other
// - stream: with Request::streamsResponse, where the transport gives readers: the response comes at its head, each
//   piece before the next one is sent; no more is read than is asked for; the end, and what is no end, is told for
//   good; the last reader's copy closes the connection. Otherwise that the body is whole
// - interim: 1xx and trailers are skipped
// - once: nothing is sent twice, on a kept connection neither
// - leavings: nothing of an earlier answer is taken for the next one
// - groups: connections are kept for one group, and never used for a fresh one
// - limits: heads and bodies are bounded
// - threads: many calls at once
// - errors: the codes, but for those of time
// - deadline: it holds against slow peers and slow bodies; before anything was sent it is Errc::unreachable
// - uploads: a body that is streamed up moves the deadline on as Request::uploadIdle says, nothing else does
// - lifetime: the request is not read after the return
// Not looked at: how long names take to resolve, and whether a request that is gone is read other than by its body's
// reader (AddressSanitizer tells). Sends requests to servers of its own on free ports of the loopback interface, which
// takes some ten seconds; a transport that does not keep deadlines may take a minute. Throws std::runtime_error
// when there is no port to listen on, std::invalid_argument for a rule in `except` that is none.
[[nodiscard]] inline std::vector<std::string> checkTransport(const Transport& transport,
                                                             const TransportCheck& options = {}) {
  constexpr detail::Rule<detail::TransportProbe> rules[] = {
      {"response", detail::checkResponse}, {"target", detail::checkTarget},     {"fields", detail::checkFields},
      {"body", detail::checkBody},         {"early", detail::checkEarly},       {"interim", detail::checkInterim},
      {"once", detail::checkOnce},         {"leavings", detail::checkLeavings}, {"groups", detail::checkGroups},
      {"limits", detail::checkLimits},     {"threads", detail::checkThreads},   {"errors", detail::checkErrors},
      {"deadline", detail::checkDeadline}, {"uploads", detail::checkUploads},   {"lifetime", detail::checkLifetime},
      {"stream", detail::checkStreams}};
  detail::requireRules<detail::TransportProbe>(rules, options.except, "a transport");
  detail::TransportProbe probe(transport, options);
  detail::checkRules<detail::TransportProbe>(rules, options.except, probe);
  return probe.violations();
}

}  // namespace ironjar::testing

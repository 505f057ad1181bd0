// The rules of a Transport about what is sent and what is read. Part of checkTransport.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ironjar/testing/transport_probe.hpp>

namespace ironjar::testing::detail {

inline std::vector<std::string> valuesOf(const Headers& headers, std::string_view name) {
  std::vector<std::string> values;
  for (const auto& [key, value] : headers) {
    if (lower(key) == lower(name)) values.push_back(value);
  }
  return values;
}

// A body in pieces; the last one may be an error.
inline std::function<BodyReader()> piecewise(std::vector<Result<std::string>> pieces) {
  return [pieces = std::move(pieces)] {
    return BodyReader([pieces, next = std::make_shared<std::size_t>(0)]() -> Result<std::string> {
      if (*next == pieces.size()) return std::string();
      return pieces[(*next)++];
    });
  };
}

inline void checkResponse(TransportProbe& probe) {
  struct Case {
    std::string when;
    std::string method;
    std::string bytes;
    int status;
    std::string body;
  };
  const std::string binary("a\0b", 3);
  const std::string whole =
      "HTTP/1.1 418 Teapot\r\nX-Check: 1\r\nContent-Encoding: gzip\r\nx-check: 2, 3\r\n"
      "Content-Length: 3\r\nLocation: /%0d%0aX:%20y\r\n\r\n" +
      binary;
  const std::vector<Case> cases = {
      {"any status", "POST", whole, 418, binary},
      {"a redirect", "GET", "HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n", 302, ""},
      {"an error of the server", "GET", "HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\nno", 500, "no"},
      {"an answer to HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200, ""},
      {"204", "POST", "HTTP/1.1 204 No Content\r\n\r\n", 204, ""},
      {"304", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, ""},
      {"a field of 12,000 bytes", "GET",
       "HTTP/1.1 200 OK\r\nX-Long: " + std::string(12'000, 'x') + "\r\nContent-Length: 2\r\n\r\nok", 200, "ok"},
      {"a body in chunks", "GET",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1;x=y\r\nk\r\n0\r\n\r\n", 200, "ok"},
  };
  for (const Case& one : cases) {
    const Peer peer = probe.always(one.bytes);
    const auto response = probe.answered({.method = one.method, .url = probe.urlOf(peer.port())}, one.when);
    if (!response) continue;
    const Headers& fields = response->headers;
    if (response->status != one.status) {
      probe.violated(one.when, "has become status " + std::to_string(response->status));
    } else if (response->body != one.body) {
      probe.violated(one.when, "has another body than was sent");
    } else if (one.status == 418 && (valuesOf(fields, "X-Check") != std::vector<std::string>{"1", "2, 3"} ||
                                     findHeader(fields, "Content-Encoding") != "gzip" ||
                                     findHeader(fields, "Location") != "/%0d%0aX:%20y")) {
      probe.violated(one.when, "has other fields than were sent");
    }
    if (peer.seen().size() > 1) probe.violated(one.when, "made it ask again");
  }
}

inline void checkTarget(TransportProbe& probe) {
  const Peer peer = probe.always(answerWith("ok"));
  for (const std::string target :
       {"/a%20b%2Fc%2f?z=1&a=%20+%2B&q=a/b:c@d", "/?sig=%3D%3d&b=2&a=1", "/;p=1/,x?a[]=1&&=", "/?", "//a//", ""}) {
    const std::string line = "GET " + (target.empty() ? "/" : target) + " HTTP/1.1";
    if (!probe.answered({.url = probe.urlOf(peer.port(), target)}, "a request for " + target)) continue;
    const std::string head = peer.seen().back().head;
    const std::string seen = head.substr(0, head.find("\r\n"));
    if (seen != line) probe.violated(line, "was sent as " + seen);
  }
}

inline void checkInjections(TransportProbe& probe) {
  const Peer peer = probe.always(answerWith("ok"));
  const std::string url = probe.urlOf(peer.port());
  const std::vector<Request> injections = {
      {.url = url, .headers = {{"X-Check", "1\r\nX-Injected: 1"}}},
      {.url = url, .headers = {{"X-Check: 1\r\nX-Injected", "1"}}},
      {.method = "GET / HTTP/1.1\r\nX-Injected: 1\r\nX-Rest:", .url = url},
  };
  for (const Request& request : injections) {
    const std::string when = "a request that would break out of a line";
    const std::size_t before = peer.seen().size();
    const auto result = probe.call(request, when);
    if (peer.seen().size() > before) {
      probe.violated(when, "was sent");
    } else if (result) {
      probe.expectError(Errc::malformed, *result, when);
    }
  }
}

inline void checkFields(TransportProbe& probe) {
  const Peer peer = probe.always(answerWith("ok"));
  const std::string url = probe.urlOf(peer.port());
  for (const std::string when : {"a body in memory", "a body in pieces"}) {
    Request request{.method = "POST", .url = url, .headers = {{"X-Check", "1"}}, .body = "12345678"};
    for (const char* name : {"Host", "content-length", "TRANSFER-Encoding", "Connection", "Keep-Alive",
                             "Proxy-Connection", "TE", "Trailer", "Upgrade", "Expect"}) {
      request.headers.emplace_back(name, "evil");  // what is the transport's to say
    }
    request.headers.emplace_back("x-check", "2, 3");
    const bool inMemory = when == "a body in memory";
    if (!inMemory) request.openBody = piecewise({std::string("12345678")});
    if (!probe.answered(request, when)) continue;
    const std::string head = peer.seen().back().head;
    const auto expect = [&](const char* name, const std::vector<std::string>& values) {
      if (fieldsOf(head, name) != values) probe.violated(when, std::string(name) + " is not as it should be");
    };
    using Values = std::vector<std::string>;
    expect("host", {url.substr(url.find("://") + 3, url.size() - url.find("://") - 4)});
    expect("content-length", inMemory ? Values{"8"} : Values{});
    expect("transfer-encoding", inMemory ? Values{} : Values{"chunked"});
    expect("x-check", {"1", "2, 3"});
    if (head.find("evil") != std::string::npos) probe.violated(when, "the request's own framing was sent");
  }
  checkInjections(probe);
}

inline void checkBodyThatFails(TransportProbe& probe) {
  struct Case {
    std::string when;
    std::function<BodyReader()> open;
    Errc code;
    std::optional<std::uint64_t> size = {};
  };
  const std::vector<Case> cases = {
      {"a body whose reader gives an error", piecewise({std::string("one "), fail(Errc::notAllowed)}),
       Errc::notAllowed},
      {"a body whose reader throws",
       [] { return BodyReader([]() -> Result<std::string> { throw std::runtime_error(""); }); }, Errc::malformed},
      {"a body that throws when it is opened", []() -> BodyReader { throw std::runtime_error(""); }, Errc::malformed},
      {"a body that cannot be opened again", [] { return BodyReader(); }, Errc::malformed},
      {"a body that is shorter than its size", piecewise({std::string("one")}), Errc::malformed, 4},
      {"a body that is longer than its size", piecewise({std::string("one"), std::string("two")}), Errc::malformed, 4},
  };
  for (const Case& one : cases) {
    const Peer peer = probe.always(answerWith("ok"));
    const auto result = probe.call(
        {.method = "POST", .url = probe.urlOf(peer.port()), .openBody = one.open, .bodySize = one.size}, one.when);
    peer.waitUntilClosed(probe.options().grace);
    const std::vector<Peer::Seen> seen = peer.seen();
    if (std::any_of(seen.begin(), seen.end(), [](const Peer::Seen& request) { return request.complete; })) {
      probe.violated(one.when, "was sent as if it had come to its end");
    } else if (result) {
      probe.expectError(one.code, *result, one.when);
    }
  }
}

inline void checkBody(TransportProbe& probe) {
  struct Case {
    std::string when;
    std::vector<std::string> pieces;
    bool inMemory = false;
    std::optional<std::uint64_t> size = {};
  };
  const std::string start("x\0y", 3);
  const std::string rest(100'000, 'x');
  for (const Case& one :
       {Case{"a body in memory", {start + rest}, true}, Case{"a body in pieces", {start, rest}},
        Case{"a body in no pieces", {}},
        Case{"a body in pieces, of a size that is known", {start, rest}, false, 100'003},
        Case{"a body whose reader would give more than its size", {start, rest, "more"}, false, 100'003},
        Case{"a body in no pieces, of size 0", {}, false, 0}}) {
    const Peer peer = probe.always(answerWith("ok"));
    Request request{.method = "POST", .url = probe.urlOf(peer.port()), .body = one.inMemory ? one.pieces[0] : ""};
    int opened = 0;
    if (!one.inMemory) {
      request.openBody = [&] { return ++opened, piecewise({one.pieces.begin(), one.pieces.end()})(); };
    }
    request.bodySize = one.size;
    if (!probe.answered(request, one.when)) continue;
    const std::string length = one.size ? std::to_string(*one.size) : "";
    if (one.size && fieldsOf(peer.seen().back().head, "content-length") != std::vector{length}) {
      probe.violated(one.when, "its size was not sent as Content-Length");
    }
    const std::string expected = one.pieces.empty() ? "" : start + rest;
    if (peer.seen().back().body != expected) probe.violated(one.when, "arrived as another one");
    if (opened > 1) probe.violated(one.when, "was opened " + std::to_string(opened) + " times");
  }
  checkBodyThatFails(probe);
}

inline void checkInterim(TransportProbe& probe) {
  const std::string hints = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX-Interim: 1\r\n\r\n";
  const std::string final = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Trailer: 1\r\n\r\n";
  const std::string when = "two interim responses, a response, and a trailer";
  const Peer peer = probe.always(hints + final);
  const auto response = probe.answered({.url = probe.urlOf(peer.port())}, when);
  if (!response) return;
  if (response->status != 200 || response->body != "ok") {
    probe.violated(when, "status " + std::to_string(response->status) + " was taken for the response");
  }
  for (const char* name : {"X-Interim", "X-Trailer"}) {
    if (findHeader(response->headers, name)) probe.violated(when, std::string(name) + " is among the fields");
  }
}

}  // namespace ironjar::testing::detail

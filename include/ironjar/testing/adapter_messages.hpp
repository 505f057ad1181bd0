// The rules of an adapter about what a request says and what an answer does. Part of checkAdapter.
#pragma once

#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <ironjar/testing/adapter_probe.hpp>
#include <ironjar/testing/transport_peer.hpp>

namespace ironjar::testing::detail {

inline void checkTargets(AdapterProbe& probe) {
  const std::vector<std::string> targets = {"/echo",
                                            "/echo?",
                                            "/echo?x=%20y+z&x=2",
                                            "/echo/%2e%2E%2fa",
                                            "/echo//a///b",
                                            "/echo/%C3%A9;v=1",
                                            "/echo?a=%zz",
                                            "/echo?u=https://a.example/b",
                                            "/echo?%00",
                                            "/echo?" + std::string(3000, 'x')};
  for (const std::string& target : targets) {
    probe.expectAnswer(probe.visitor().get(target), 200, "GET " + target + "\n",
                       "a target comes byte for byte: " + target.substr(0, 40));
  }
}

inline void checkFields(AdapterProbe& probe) {
  const std::string lines =
      "X-Two: b\r\nX-Two: a\r\nX-Percent: %41+b%zz\r\nX-Blank:  a  b \r\nX-Utf: \xC3\xA9\r\nX-Word: a =?x?q?=3B=20b?= "
      "c\r\n";
  const Response response = probe.visitor().send("GET", "/echo", lines);
  const auto expect = [&](std::string_view line, const std::string& what) {
    probe.expectAnswer(response, 200, "\n" + std::string(line) + "\n", what);
  };
  expect("x-two: b\nx-two: a", "fields of one name come in their order");
  expect("x-percent: %41+b%zz", "a field's value is not decoded");
  expect("x-word: a =?x?q?=3B=20b?= c", "an encoded word (RFC 2047) is not decoded");
  expect("x-blank: a  b", "blanks around a value are not of it, those within are");
  expect("x-utf: \xC3\xA9", "bytes over 127 come as they are");
}

inline void checkBodies(AdapterProbe& probe) {
  const std::string body = AdapterProbe::allBytes();
  const auto isEcho = [](const Response& response, const std::string& sent) {
    return response.status == 200 && response.body.ends_with("\n\n" + sent);
  };
  AdapterVisitor visitor = probe.visitor();
  probe.expect(isEcho(visitor.post("/echo", body), body), "a body comes byte for byte");
  probe.expect(isEcho(visitor.post("/echo"), ""), "an empty body is one");
  const std::string chunked = "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
  AdapterClient pieces(probe.port());
  pieces.send(chunked + "3\r\nab\n\r\n");
  pieces.send("00A;x=y\r\n0123456789\r\n0\r\n\r\n");
  const Response response = pieces.response("POST");
  probe.expect(isEcho(response, "ab\n0123456789") || response.status == 411,
               "a body in chunks comes whole, or is refused with 411");
  const int echoes = probe.echoes();
  for (const std::string& cut : {AdapterVisitor::text("POST", "/echo", {}, body).substr(0, 1000),
                                 chunked + "A\r\n01234", chunked + "3\r\nabc\r\n", chunked + "3\r\nabc\r\n0\r\n"}) {
    AdapterClient client(probe.port());
    client.send(cut);
    client.sendNoMore();
    static_cast<void>(client.receiveAll(2000ms));
  }
  probe.expect(probe.echoes() == echoes, "a body that broke off is taken for a whole one");
  AdapterClient endless(probe.port());
  constexpr std::size_t tooMany = 64 * 1024 * 1024;
  endless.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(tooMany) + "\r\n\r\n");
  endless.send(std::string(tooMany, 'x'));
  static_cast<void>(endless.receiveAll(2000ms));
  probe.expect(probe.echoes() == echoes, "a body of 64 MiB is taken");
}

inline void checkAnswers(AdapterProbe& probe) {
  AdapterVisitor visitor = probe.visitor();
  const Response bytes = visitor.get("/bytes");
  probe.expect(bytes.status == 418, "a status is sent as it is");
  probe.expect(bytes.body == AdapterProbe::allBytes(), "an answer's body is sent byte for byte");
  probe.expect(findHeader(bytes.headers, "X-Answer") == "a, \"b\"", "an answer's field is sent as it is");
  for (const char* status : {"200", "204", "304", "404", "451", "503", "599"}) {
    const Response response = visitor.get(std::string("/status?") + status);
    probe.expect(std::to_string(response.status) == status && response.body.empty(),
                 std::string("an answer without a body: ") + status);
  }
  AdapterClient client(probe.port());
  client.send(AdapterVisitor::text("HEAD", "/bytes", "Connection: close\r\n"));
  const std::string head = client.receiveAll(3000ms);
  const std::size_t end = head.find("\r\n\r\n");
  probe.expect(head.starts_with("HTTP/1.1 418") && end != std::string::npos && end + 4 == head.size(),
               "the answer to a HEAD is a head");
  const Response unsendable = visitor.get("/unsendable");
  const bool isSplit =
      unsendable.body.find("evil") != std::string::npos || visitor.header().find("evil") != std::string::npos;
  probe.expect(!isSplit, "a field that breaks its line makes another");
  probe.expectAnswer(visitor.get("/look"), 200, "200", "an answer that cannot be sent keeps the session's cookie");
  AdapterClient framed(probe.port());
  framed.send(AdapterVisitor::text("GET", "/framed", "Connection: close\r\n"));
  const std::string once = framed.receiveAll(3000ms);
  const bool isWhole = once.ends_with("\r\n\r\nfour") &&
                       fieldsOf(once, "content-length") == std::vector<std::string>{"4"} &&
                       fieldsOf(once, "transfer-encoding").empty();
  probe.expect(isWhole, "an answer's own fields of its framing are not sent");
}

struct FramingAttack {
  std::string name;
  std::string first;
  bool isRefused = true;  // by refusalOf or hasPlainLines
};

inline std::vector<FramingAttack> framingAttacks(const std::string& size) {
  const auto head = [](const std::string& line, const std::string& fields) {
    return line + " HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n\r\n";
  };
  return {{"Content-Length of GET", head("GET /echo", "Content-Length: " + size), false},
          {"Content-Length of DELETE", head("DELETE /echo", "Content-Length: " + size), false},
          {"two lengths", head("POST /echo", "Content-Length: 0\r\nContent-Length: " + size)},
          {"a list of lengths", head("POST /echo", "Content-Length: 0, " + size)},
          {"a signed length", head("POST /echo", "Content-Length: +0")},
          {"a hexadecimal length", head("POST /echo", "Content-Length: 0x0")},
          {"a length and chunks",
           head("POST /echo", "Content-Length: " + size + "\r\nTransfer-Encoding: chunked") + "0\r\n\r\n"},
          {"an unknown coding", head("POST /echo", "Transfer-Encoding: xchunked\r\nContent-Length: 0")},
          {"a coding before chunked", head("POST /echo", "Transfer-Encoding: gzip, chunked") + "0\r\n\r\n"},
          {"a blank before the colon", head("POST /echo", "Content-Length: 0\r\nTransfer-Encoding : chunked")},
          {"a folded line", head("POST /echo", "X: y\r\n Content-Length: " + size)},
          {"a bare LF", head("POST /echo", "X: y\nContent-Length: " + size)},
          {"a bare CR", head("POST /echo", "X: y\rContent-Length: " + size)},
          {"HTTP/1.0", "POST /echo HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
          {"a method unknown", head("PROPFIND /echo", "Content-Length: " + size)},
          {"an expectation", head("POST /echo", "Expect: 5\r\nContent-Length: " + size)}};
}

// What a server takes for a request that its front server has not seen, or for the body of one that it has (RFC 9112
// section 11.2). Whoever serves one request a connection may serve what others refuse.
inline void checkFraming(AdapterProbe& probe) {
  const auto second = [](std::size_t number) {
    return "POST /smuggled?" + std::to_string(100 + number) + " HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
  };
  const std::vector<FramingAttack> attacks = framingAttacks(std::to_string(second(0).size()));
  for (std::size_t i = 0; i < attacks.size(); ++i) {
    const int echoes = probe.echoes();
    AdapterClient client(probe.port());
    client.send(attacks[i].first);
    static_cast<void>(client.receiveAll(100ms));  // some drop what is in their buffer when a request ends
    client.send(second(i));
    static_cast<void>(client.receiveAll(200ms));
    probe.expect(!attacks[i].isRefused || client.hasEnded() || probe.echoes() == echoes,
                 attacks[i].name + " is served, and the connection kept");
  }
  static_cast<void>(probe.visitor().get("/look"));
  std::this_thread::sleep_for(500ms);  // for a server that is slow
  for (const std::string& target : probe.smuggled()) {
    const std::size_t number = std::stoul(target.substr(target.find('?') + 1)) - 100;
    probe.expect(false, "a second request is read behind " + attacks.at(number).name);
  }
}

// Whatever comes, the next visitor is served.
inline void checkGarbage(AdapterProbe& probe) {
  std::string noise = AdapterProbe::allBytes();
  for (const std::string& bytes :
       {noise, "GET / HTTP/1.1\r\nX: " + std::string(1'000'000, 'x'), "GET /" + std::string(100'000, 'x'),
        "GET /echo HTTP/9.9\r\n\r\n" + noise, std::string("\r\n\r\n"), std::string("GET /echo HTTP/1.1\r\n: x\r\n\r\n"),
        std::string("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n")}) {
    AdapterClient client(probe.port());
    client.send(bytes);
    client.sendNoMore();
    static_cast<void>(client.receiveAll(1000ms));
    probe.expectAnswer(probe.visitor().get("/count"), 200, "1", "a visit after garbage");
  }
}

}  // namespace ironjar::testing::detail

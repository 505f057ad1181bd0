// The rules of a Transport about connections and limits. Part of checkTransport.
#pragma once

#include <atomic>
#include <cstddef>
#include <future>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <ironjar/testing/transport_probe.hpp>

namespace ironjar::testing::detail {

inline void checkOnce(TransportProbe& probe) {
  struct Case {
    std::string when;
    std::string bytes;  // that the request gets before the peer hangs up
  };
  const std::vector<Case> cases = {
      {"the connection broke before the response", ""},
      {"the connection broke within the response", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nx"},
      {"try again", "HTTP/1.1 503 No\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n"},
      {"a timeout of the server", "HTTP/1.1 408 Late\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"},
      {"a challenge", "HTTP/1.1 401 Who\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n"},
      {"the wrong server", "HTTP/1.1 421 Not Here\r\nContent-Length: 0\r\n\r\n"},
  };
  for (const Case& one : cases) {
    for (const std::string method : {"POST", "GET"}) {
      for (const int kept : {0, 1}) {  // requests that the connection has carried before
        const Peer peer = probe.peer([&](Peer::Connection& connection) {
          for (int i = 0; i < kept && connection.readRequest(); ++i) connection.put(answerWith("ok"));
          if (connection.readRequest()) connection.put(one.bytes);
        });
        const std::string when = method + (kept > 0 ? ", on a connection that was kept: " : ": ") + one.when;
        const Request request{.method = method,
                              .url = probe.urlOf(peer.port()),
                              .body = method == "POST" ? "x" : "",
                              .connectionGroup = "ada"};
        if (kept > 0 && !probe.answered(request, "a request before " + when)) continue;
        if (!probe.call(request, when)) continue;
        const std::size_t times = peer.seen().size() - static_cast<std::size_t>(kept);
        if (times > 1) probe.violated(when, "it was sent " + std::to_string(times) + " times");
      }
    }
  }
}

// A first answer, and what its peer writes besides.
struct Leaving {
  std::string when;
  std::vector<std::string> writes;
  bool answers = true;
};

inline void checkLeaving(TransportProbe& probe, const Leaving& one, bool streams) {
  const std::string when = one.when + (streams ? ", streamed" : "");
  std::atomic<bool> isFirst = true;
  std::promise<void> written;
  const Peer peer = probe.peer([&](Peer::Connection& connection) {
    while (connection.readRequest()) {
      if (!isFirst.exchange(false)) {
        connection.put(answerWith("ok"));
        continue;
      }
      for (const std::string& bytes : one.writes) connection.put(bytes);
      written.set_value();
    }
  });
  Request request{.url = probe.urlOf(peer.port()), .streamsResponse = streams, .connectionGroup = "ada"};
  const auto first = probe.call(request, when, one.answers ? TransportProbe::enough : probe.options().deadline);
  if (first && *first && one.answers) static_cast<void>(wholeBody(**first));
  if (!first || written.get_future().wait_for(TransportProbe::enough) != std::future_status::ready) return;
  request.streamsResponse = false;
  const auto second = probe.call(request, "the request after " + when);
  if (!second) return;
  const std::vector<Peer::Seen> seen = peer.seen();
  if (*second && (*second)->body != "ok") {
    probe.violated(when, "the next request got what was left");
  } else if (seen.size() > 1 && seen[0].connection == seen[1].connection) {
    probe.violated(when, "the connection was kept");
  }
}

inline void checkLeavings(TransportProbe& probe) {
  const std::string ok = answerWith("ok");
  const std::string evil = answerWith("EVIL");
  const std::vector<Leaving> cases = {
      {"two answers in one write", {ok + evil}},
      {"two answers in two writes", {ok, evil}},
      {"an answer and a byte", {ok + "x"}},
      {"an answer in chunks, and another", {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + evil}},
      {"204, and another answer", {"HTTP/1.1 204 No Content\r\n\r\n" + evil}},
      {"304, and another answer", {"HTTP/1.1 304 Not Modified\r\n\r\n", evil}},
      {"an answer that ends the connection, and another", {answerWith("ok", "Connection: close\r\n"), evil}},
      {"an answer of HTTP/1.0", {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"}},
      {"half an answer, up to the deadline", {"HTTP/1.1 200 OK\r\nContent-Length: 25\r\n\r\nx"}, false},
  };
  for (const Leaving& one : cases) {
    for (const bool streams : {false, true}) checkLeaving(probe, one, streams);
  }
}

inline void checkGroups(TransportProbe& probe) {
  struct Step {
    std::string whose;
    std::string group;
    bool fresh = false;
  };
  const std::vector<Step> steps = {{"ada's", "ada"},
                                   {"ada's", "ada"},
                                   {"a fresh one's", "ada", true},
                                   {"bob's", "bob"},
                                   {"nobody's", ""},
                                   {"another one's of nobody", ""},
                                   {"another fresh", "ada", true},
                                   {"ada's", "ada"},
                                   {"bob's", "bob"}};
  const Peer peer = probe.always(answerWith("ok"));
  std::map<int, std::string> owners;  // of the peer's connections
  for (const Step& step : steps) {
    const Request request{
        .url = probe.urlOf(peer.port()), .freshConnection = step.fresh, .connectionGroup = step.group};
    if (!probe.answered(request, step.whose)) return;
    const std::string& owner = owners.emplace(peer.seen().back().connection, step.whose).first->second;
    if (owner != step.whose) probe.violated(step.whose + " request", "used " + owner + " connection");
  }
}

inline void checkLimits(TransportProbe& probe) {
  struct Case {
    std::string when;
    std::string begin;
    std::string step;
    Errc code = Errc::transport;
  };
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::vector<Case> cases = {
      {"a status line without end", "HTTP/1.1 200 ", "xxxxxxxx"},
      {"a field without end", "HTTP/1.1 200 OK\r\nX-Long: ", "xxxxxxxx"},
      {"fields without end", "HTTP/1.1 200 OK\r\n", "X-Many: 1\r\n"},
      {"interim responses without end", "", "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"},
      {"trailers without end", chunked + "0\r\n", "X-Many: 1\r\n"},
      {"a chunk's size without end", chunked + "1;", "xxxxxxxx"},
      {"chunks without end", chunked, "8\r\nxxxxxxxx\r\n", Errc::tooLarge},
      {"a body up to the end of the connection", "HTTP/1.1 200 OK\r\n\r\n", "xxxxxxxx", Errc::tooLarge},
      {"a body of 1 TB", "HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n", "xxxxxxxx", Errc::tooLarge},
  };
  for (const Case& one : cases) {
    std::string block;
    while (block.size() < 64 * 1024) block += one.step;
    std::atomic<bool> tookAll = false;
    const Peer peer = probe.peer([&](Peer::Connection& connection) {
      if (!connection.readRequest() || !connection.put(one.begin)) return;
      std::size_t sent = 0;
      while (sent < probe.options().largest && connection.put(block)) sent += block.size();
      tookAll = sent >= probe.options().largest;
    });
    const auto result = probe.call({.url = probe.urlOf(peer.port())}, one.when, 2 * TransportProbe::enough);
    if (tookAll) {
      probe.violated(one.when, "it took " + std::to_string(probe.options().largest) + " bytes");
    } else if (result) {
      probe.expectError(one.code, *result, one.when);
    }
  }
}

inline void checkThreads(TransportProbe& probe) {
  const Peer peer = probe.peer([](Peer::Connection& connection) {
    while (const auto request = connection.readRequest()) {
      if (!connection.put(answerWith(request->head.substr(0, request->head.find("\r\n"))))) break;
    }
  });
  std::vector<std::thread> threads;
  for (int user = 0; user < 8; ++user) {
    threads.emplace_back([&, user] {
      for (int i = 0; i < 10; ++i) {
        const std::string target = "/" + std::to_string(user) + "/" + std::to_string(i);
        const Request request{.url = probe.urlOf(peer.port(), target), .connectionGroup = std::to_string(user)};
        const auto response = probe.answered(request, "many requests at once");
        if (!response || response->body == "GET " + target + " HTTP/1.1") continue;
        probe.violated("many requests at once", "one got another's answer");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace ironjar::testing::detail

// Many users, one API that misbehaves at random: nobody may get an answer to another's request.
//   cross_user [--share] [--seed N] REQUESTS
// Half of the requests go over TCP, half over TLS. Prints what the API did, what the requests ended with, and how many
// answers were another user's; the exit status is 1 if any was. With --share the transport keeps connections for
// everybody (TransportOptions::shareAmongGroups), and some are: the control.
#include "../support/raw_server.hpp"

#include <array>
#include <atomic>
#include <charconv>
#include <csignal>
#include <iostream>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <ironjar/httplib/transport.hpp>
#include <ironjar/ironjar.hpp>

using namespace std::chrono_literals;

namespace {

constexpr std::size_t users = 64;
constexpr std::size_t threads = 16;

constexpr std::array<std::string_view, 16> misbehaviours = {"good",
                                                            "bytes too many",
                                                            "two answers at once",
                                                            "two answers, two writes",
                                                            "a late second answer",
                                                            "too few bytes",
                                                            "too late",
                                                            "1xx flood",
                                                            "1xx only",
                                                            "chunked, and one more",
                                                            "a body to 304",
                                                            "a body to HEAD",
                                                            "close, yet one more",
                                                            "no length",
                                                            "cut in the middle",
                                                            "1xx afterwards"};
enum Kind {
  good,
  surplus,
  two,
  twoWrites,
  late,
  tooLittle,
  tooLate,
  flood,
  interimOnly,
  chunkedTwo,
  bodyTo304,
  bodyToHead,
  closeTwo,
  noLength,
  cut,
  interimAfter
};

// The same for client and server: the request's number and the seed decide.
Kind kindOf(std::size_t request, std::size_t seed) {
  std::mt19937_64 draw(request * 1'000'003 + seed);
  const std::size_t n = draw() % 60;
  return n < misbehaviours.size() ? static_cast<Kind>(n) : n < 24 ? late : n < 28 ? twoWrites : good;
}
bool isSlow(Kind kind) { return kind == tooLittle || kind == tooLate; }
constexpr auto patience = 30ms;  // of the client, with those

std::string bodyOf(std::string_view user, std::string_view request) {
  return "answer to " + std::string(user) + " number " + std::string(request);
}
std::string answer(const std::string& body, std::string_view fields = "") {
  return "HTTP/1.1 200 OK\r\n" + std::string(fields) + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         body;
}
std::string between(const std::string& text, std::string_view begin) {
  const std::size_t at = text.find(begin);
  if (at == std::string::npos) return {};
  return text.substr(at + begin.size(), text.find("\r\n", at) - at - begin.size());
}

// False when the connection is to be closed.
bool behave(support::Peer& peer, Kind kind, const std::string& body, std::size_t request) {
  const auto pause = std::chrono::microseconds(request * 7919 % 3000);
  switch (kind) {
    case good:
      return peer.put(answer(body));
    case surplus:
      return peer.put(answer(body) + "surplus");
    case two:
      return peer.put(answer(body) + answer(body));
    case twoWrites:
      return peer.put(answer(body)) && peer.put(answer(body));
    case late:
      if (!peer.put(answer(body))) return false;
      std::this_thread::sleep_for(pause);
      return peer.put(answer(body));
    case tooLittle:
      return peer.put("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + body);
    case tooLate:
      std::this_thread::sleep_for(patience + pause * 2);
      return peer.put(answer(body));
    case flood:
      for (int i = 0; i < 50; ++i) {
        if (!peer.put("HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n")) return false;
      }
      return peer.put(answer(body));
    case interimOnly:
      static_cast<void>(peer.put("HTTP/1.1 102 Processing\r\n\r\n"));
      return false;
    case chunkedTwo:
      return peer.put("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n" + body.substr(0, 5) + "\r\n") &&
             peer.put("ff;x\r\n" + body.substr(5) + std::string(255 - body.size() + 5, ' ') + "\r\n0\r\n\r\n" +
                      answer(body));
    case bodyTo304:
      return peer.put("HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n" + answer(body));
    case bodyToHead:
      return peer.put(answer(body)) && peer.put(answer(body));
    case closeTwo:
      return peer.put(answer(body, "Connection: close\r\n") + answer(body));
    case noLength:
      static_cast<void>(peer.put("HTTP/1.1 200 OK\r\n\r\n" + body));
      return false;
    case cut:
      static_cast<void>(peer.put(answer(body).substr(0, request % 60)));
      return false;
    case interimAfter:
      return peer.put(answer(body) + "HTTP/1.1 100 Continue\r\n\r\n");
  }
  return false;
}

std::size_t numberIn(std::string_view text) {
  std::size_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

struct Options {
  bool share = false;
  std::size_t seed = 1;
  std::size_t requests = 5000;
};

ironjar::Transport transport(const Options& options, const std::string& caCertFile) {
  ironjar::TransportOptions made;
  made.caCertFile = caCertFile;
  const auto set = [&](auto& o) {
    if constexpr (requires { o.shareAmongGroups; }) o.shareAmongGroups = options.share;
  };
  set(made);
  return [inner = ironjar::httplibTransport(made), seed = options.seed](const ironjar::Request& request,
                                                                        ironjar::Deadline deadline) {
    const std::size_t number = numberIn(ironjar::findHeader(request.headers, "X-Number").value_or(""));
    const auto soon = std::chrono::steady_clock::now() + patience;
    return inner(request, isSlow(kindOf(number, seed)) ? std::min(deadline, soon) : deadline);
  };
}

struct Counts {
  std::array<std::atomic<std::size_t>, misbehaviours.size()> done{};
  std::atomic<std::size_t> right{0};
  std::atomic<std::size_t> stale{0};  // the user's own, of an earlier request
  std::atomic<std::size_t> wrong{0};  // another user's
  std::atomic<std::size_t> empty{0};
  std::atomic<std::size_t> errors{0};
  std::size_t connections = 0;
};

void ask(const ironjar::Fetcher& fetcher, ironjar::Session session, const std::string& origin, std::size_t user,
         std::size_t request, Kind kind, Counts& counts) {
  ++counts.done[kind];
  const std::string number = std::to_string(request);
  const auto response = fetcher.performFetch(
      session, {.method = kind == bodyToHead ? "HEAD" : "GET", .url = origin + "/", .headers = {{"X-Number", number}}});
  if (!response) {
    ++counts.errors;
  } else if (response->body.empty()) {
    ++counts.empty;
  } else if (response->body.starts_with(bodyOf("user" + std::to_string(user), number))) {
    ++counts.right;
  } else if (response->body.starts_with("answer to user" + std::to_string(user) + " ")) {
    ++counts.stale;
  } else {
    ++counts.wrong;
  }
}

void run(const Options& options, const support::Certificate* certificate, const std::string& caCertFile,
         Counts& counts) {
  const support::RawServer api(
      [&](support::Peer& peer) {
        while (true) {
          const std::string head = peer.readRequest();
          if (head.empty()) return;
          const std::string number = between(head, "X-Number: ");
          const std::size_t request = numberIn(number);
          const std::string body = bodyOf(between(head, "Authorization: Bearer "), number);
          if (!behave(peer, kindOf(request, options.seed), body, request)) return;
        }
      },
      certificate);
  {
    const ironjar::Fetcher fetcher(
        {.transport = transport(options, caCertFile),
         .allowedOrigins = {api.origin()},
         .allowHttpOnLoopback = true,
         .tokenEndpoint = {.url = "https://id.example/token", .clientAuth = ironjar::publicClient("web")}});
    const ironjar::SessionJar jar(
        {.cookieName = "session", .passwords = "Zk3-first-password-that-is-long-enough-0001"});
    std::vector<ironjar::Session> sessions;
    for (std::size_t user = 0; user < users; ++user) {
      sessions.push_back(jar.open(""));
      sessions.back().setTokens({.accessToken = "user" + std::to_string(user)});
    }
    std::atomic<std::size_t> next = 0;
    std::vector<std::thread> clients;
    for (std::size_t t = 0; t < threads; ++t) {
      clients.emplace_back([&] {
        for (std::size_t request = 0; (request = next++) < options.requests / 2;) {
          const std::size_t user = (request * 2'654'435'761U >> 7U) % users;
          ask(fetcher, sessions[user], api.origin(), user, request, kindOf(request, options.seed), counts);
        }
      });
    }
    for (std::thread& client : clients) client.join();
  }
  counts.connections += static_cast<std::size_t>(api.connections());
}

}  // namespace

int main(int count, char** arguments) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string_view argument = arguments[i];
    if (argument == "--share") {
      options.share = true;
    } else if (argument == "--seed" && i + 1 < count) {
      options.seed = numberIn(arguments[++i]);
    } else {
      options.requests = numberIn(argument);
    }
  }
  static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
  const support::Certificate certificate;
  Counts counts;
  run(options, nullptr, "", counts);
  run(options, &certificate, certificate.file.string(), counts);
  for (std::size_t i = 0; i < misbehaviours.size(); ++i)
    std::cout << misbehaviours[i] << ": " << counts.done[i] << '\n';
  std::cout << "right: " << counts.right << "\nerrors: " << counts.errors << "\nempty: " << counts.empty
            << "\nthe user's own, of an earlier request: " << counts.stale << "\nconnections: " << counts.connections
            << "\nanother user's: " << counts.wrong << std::endl;
  return counts.wrong == 0 && counts.right > options.requests / 3 ? 0 : 1;
}

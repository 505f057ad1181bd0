// Large bodies through the Beast proxy, beside a bare one: `ironjar_proxy_bench SERVER [MEBIBYTES] [ROUNDS]`, with
// ironjar_reach_server. Both ways, in turn; medians of the ratios, and the most memory over idle. Fails when a byte was
// lost.
#include "median.hpp"
#include "reach.hpp"
#include "server_process.hpp"
#include "wire.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <utility>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

// Takes what is sent up and answers with its size; sends `size` bytes down.
void serve(bench::Wire& wire, const std::string& head, std::uint64_t size) {
  const bool isDown = head.starts_with("GET /down");
  const std::string text = std::to_string(wire.body(head));
  wire.put("HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: " +
           std::to_string(isDown ? size : text.size()) + "\r\n\r\n");
  isDown ? wire.putBody(size) : wire.put(text);
}

struct Passed {
  double seconds = 0;
  double processor = 0;  // seconds of the proxy's
  long mebibytes = 0;    // over idle
};

// A proxy with a browser at it.
class Proxy {
 public:
  Proxy(const char* program, const char* kind, int upstream, std::uint64_t size, std::string cookie)
      : server_(program, kind, upstream),
        size_(size),
        fields_("Host: localhost\r\nCookie: " + std::move(cookie) + "\r\n"),
        wire_(bench::connectTo(server_.port())) {
    wire_.put("POST /api/up HTTP/1.1\r\n" + fields_ + "Sec-Fetch-Site: same-origin\r\nContent-Length: 5\r\n\r\nsmall");
    if (wire_.body(wire_.head()) != 1) throw std::runtime_error("the proxy does not answer");
  }

  Passed down() {
    return watch([this] {
      wire_.put("GET /api/down HTTP/1.1\r\n" + fields_ + "\r\n");
      return wire_.body(wire_.head()) == size_;
    });
  }
  Passed up() {
    return watch([this] {
      wire_.put("POST /api/up HTTP/1.1\r\n" + fields_ +
                "Sec-Fetch-Site: same-origin\r\nContent-Length: " + std::to_string(size_) + "\r\n\r\n");
      wire_.putBody(size_);
      return wire_.body(wire_.head()) == std::to_string(size_).size();
    });
  }

 private:
  template <class Pass>
  Passed watch(Pass pass) {
    const long idle = server_.kibibytes();
    server_.forgetPeak();
    const auto spent = server_.processorTime();
    const auto begin = Clock::now();
    if (!pass()) throw std::runtime_error("a body did not come whole");
    return {.seconds = std::chrono::duration<double>(Clock::now() - begin).count(),
            .processor = std::chrono::duration<double>(server_.processorTime() - spent).count(),
            .mebibytes = (server_.peakKibibytes() - idle) / 1024};
  }

  const bench::ServerProcess server_;
  const std::uint64_t size_;
  const std::string fields_;
  bench::Wire wire_;
};

void compare(const char* name, Proxy& bare, Proxy& ours, Passed (Proxy::*pass)(), std::uint64_t size, int rounds) {
  std::vector<double> bares, all, ratios, costs;
  long most = 0;
  for (int i = 0; i < rounds; ++i) {
    Passed first = ((i % 2 == 0 ? bare : ours).*pass)();
    Passed second = ((i % 2 == 0 ? ours : bare).*pass)();
    if (i % 2 != 0) std::swap(first, second);
    bares.push_back(static_cast<double>(size) / 1e6 / first.seconds);
    all.push_back(static_cast<double>(size) / 1e6 / second.seconds);
    ratios.push_back(first.seconds / second.seconds);
    costs.push_back(second.processor / first.processor);
    most = std::max(most, second.mebibytes);
  }
  std::printf("%-5s %6.0f MB/s, bare %6.0f: %.3f; processor time %.3f of the bare one's; %ld MiB over idle at most\n",
              name, bench::median(all), bench::median(bares), bench::median(ratios), bench::median(costs), most);
}

std::string cookie() {
  const ironjar::SessionJar jar(bench::reachOptions());
  ironjar::Session session = jar.open("");
  session.setTokens({.accessToken = "some-access-token", .refreshToken = "some-refresh-token"});
  return bench::cookieOf(jar, session);
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) return std::cerr << "usage: ironjar_proxy_bench SERVER [MEBIBYTES] [ROUNDS]\n", 2;
  const std::uint64_t size = std::strtoull(count > 2 ? arguments[2] : "1024", nullptr, 10) * 1024 * 1024;
  const int rounds = count > 3 ? std::max(1, std::atoi(arguments[3])) : 7;
  try {
    const bench::Api api([size](bench::Wire& wire, const std::string& head) { serve(wire, head, size); });
    Proxy bare(arguments[1], "proxy", api.port(), size, cookie());
    Proxy ours(arguments[1], "ours", api.port(), size, cookie());
    compare("down", bare, ours, &Proxy::down, size, rounds);
    compare("up", bare, ours, &Proxy::up, size, rounds);
  } catch (const std::exception& problem) {
    return std::cerr << problem.what() << '\n', 1;
  }
}

// What sessions cost a Beast server, beside bare Beast: `ironjar_request_bench SERVER [ROUNDS] [MILLISECONDS]`, with
// ironjar_reach_server. Processor time of the server per request over kept connections, in the price of the bare seal;
// and performFetch beside a client of Beast's that reuses its connections. Rounds measure all in turn; medians. Fails
// when an answer is missing.
#include "median.hpp"
#include "reach.hpp"
#include "server_process.hpp"
#include "support.hpp"
#include "wire.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <memory>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

std::string cookie() {
  const ironjar::SessionJar jar(bench::reachOptions());
  ironjar::Session login = jar.open("");
  login.assign(bench::session(1024));
  ironjar::TokenSet tokens = login.tokens().value();
  tokens.expiresAt = ironjar::systemClock() + std::chrono::hours{24};
  tokens.lifetime = std::chrono::hours{24};
  login.setTokens(tokens);
  return bench::cookieOf(jar, login);
}

// Microseconds of this thread's.
template <class Act>
double cost(Act act) {
  const auto now = [] {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
  };
  constexpr int times = 2000;
  const double begin = now();
  for (int i = 0; i < times; ++i) act();
  return (now() - begin) / times;
}

// A page of a server's, asked for on connections that are kept.
class Page {
 public:
  Page(const bench::ServerProcess& server, const std::string& target, const std::string& cookie)
      : server_(server), request_("GET " + target + " HTTP/1.1\r\nHost: localhost\r\nCookie: " + cookie + "\r\n\r\n") {
    while (wires_.size() < together) wires_.push_back(std::make_unique<bench::Wire>(bench::connectTo(server.port())));
    ask(milliseconds{50});
  }

  // Microseconds of processor time each, and how many in a second.
  std::vector<double> costs, rates;
  void measure(milliseconds time) {
    const auto spent = server_.processorTime();
    const auto begin = Clock::now();
    const double requests = ask(time);
    const std::chrono::duration<double> wall = Clock::now() - begin;
    const std::chrono::duration<double, std::micro> own = server_.processorTime() - spent;
    costs.push_back(own.count() / requests);
    rates.push_back(requests / wall.count());
  }

 private:
  static constexpr std::size_t together = 4;

  int ask(milliseconds time) {
    const auto end = Clock::now() + time;
    for (const auto& wire : wires_) wire->put(request_);
    int answers = 0;
    for (bool isOver = false; !isOver;) {
      isOver = Clock::now() >= end;
      for (const auto& wire : wires_) {
        const std::string head = wire->head();
        if (!head.starts_with("HTTP/1.1 200 ") || wire->body(head) == 0) throw std::runtime_error("no answer");
        ++answers;
        if (!isOver) wire->put(request_);
      }
    }
    return answers;
  }

  const bench::ServerProcess& server_;
  const std::string request_;
  std::vector<std::unique_ptr<bench::Wire>> wires_;
};

std::vector<double> less(std::vector<double> a, const std::vector<double>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] -= b[i];
  return a;
}
// The median of a - b, round by round, in the price of `unit`.
double excess(const std::vector<double>& a, const std::vector<double>& b, const std::vector<double>& unit) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < a.size(); ++i) ratios.push_back((a[i] - b[i]) / unit[i]);
  return bench::median(ratios);
}
double ratio(const std::vector<double>& a, const std::vector<double>& b) {
  return excess(a, std::vector<double>(a.size()), b);
}

void run(const char* program, int rounds, milliseconds time) {
  const bench::Api api([](bench::Wire& wire, const std::string&) {
    static const std::string answer =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 300\r\n\r\n" + std::string(300, 'x');
    wire.put(answer);
  });
  const bench::ServerProcess bareServer(program, "bare", api.port());
  const bench::ServerProcess server(program, "ours", api.port());
  const std::string sent = cookie();
  Page bare(bareServer, "/page", sent), unseal(bareServer, "/unseal", sent), reseal(bareServer, "/reseal", sent);
  Page plain(server, "/plain", sent), read(server, "/page", sent);
  Page written(server, "/write", sent), client(server, "/client", sent), fetch(server, "/wait", sent);

  const ironjar::Passwords passwords(bench::reachPassword);
  const ironjar::Json data = bench::session(1024);
  const ironjar::SealOptions options{.context = "sid"};
  const std::string seal = ironjar::sealData(data, passwords, options).value();
  std::vector<double> unseals, both;
  for (int i = 0; i < rounds; ++i) {
    unseals.push_back(cost([&] { static_cast<void>(ironjar::unsealData(seal, passwords, options).value()); }));
    both.push_back(unseals.back() +
                   cost([&] { static_cast<void>(ironjar::sealData(data, passwords, options).value()); }));
    for (Page* page : {&bare, &unseal, &reseal, &plain, &read, &written}) page->measure(time);
    for (Page* page : {&client, &fetch, &fetch, &client}) page->measure(time);
  }
  std::printf("processor time, us each: bare Beast %.2f, without a session %.2f, read %.2f, written %.2f\n",
              bench::median(bare.costs), bench::median(plain.costs), bench::median(read.costs),
              bench::median(written.costs));
  std::printf("an unseal %.2f, with a seal %.2f; over bare Beast, in its handler: %.2f and %.2f\n",
              bench::median(unseals), bench::median(both), bench::median(less(unseal.costs, bare.costs)),
              bench::median(less(reseal.costs, bare.costs)));
  std::printf("over bare Beast: read %.2f unseals, written %.2f of both\n", excess(read.costs, bare.costs, unseals),
              excess(written.costs, bare.costs, both));
  std::printf("over no session: read %.2f unseals, written %.2f of both\n", excess(read.costs, plain.costs, unseals),
              excess(written.costs, plain.costs, both));
  std::printf(
      "the same in the price of these in Beast's handler: read %.2f, written %.2f; over no session %.2f, %.2f\n",
      excess(read.costs, bare.costs, less(unseal.costs, bare.costs)),
      excess(written.costs, bare.costs, less(reseal.costs, bare.costs)),
      excess(read.costs, plain.costs, less(unseal.costs, bare.costs)),
      excess(written.costs, plain.costs, less(reseal.costs, bare.costs)));
  std::printf("requests/s: bare Beast %.0f, without a session %.3f of it, read %.3f, written %.3f\n",
              bench::median(bare.rates), ratio(plain.rates, bare.rates), ratio(read.rates, bare.rates),
              ratio(written.rates, bare.rates));
  std::printf("performFetch: %.0f requests/s, a client of Beast's %.0f: %.3f; processor time %.3f of its\n",
              bench::median(fetch.rates), bench::median(client.rates), ratio(fetch.rates, client.rates),
              ratio(fetch.costs, client.costs));
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) return std::cerr << "usage: ironjar_request_bench SERVER [ROUNDS] [MILLISECONDS]\n", 2;
  try {
    run(arguments[1], count > 2 ? std::max(1, std::atoi(arguments[2])) : 15,
        milliseconds(count > 3 ? std::max(1, std::atoi(arguments[3])) : 300));
  } catch (const std::exception& problem) {
    return std::cerr << problem.what() << '\n', 1;
  }
}

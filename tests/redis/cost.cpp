// What a refresh, a waiting process, a logout, a denial and an opened session cost in Redis: commands, processor time
// of this process and of the server, and memory of the server. Starts a redis-server of its own.
//
//   ironjar_redis_cost [times]    2,000 by default
#include "redis_server.hpp"

#include <atomic>
#include <cstdio>
#include <sys/resource.h>

#include <ironjar/redis.hpp>

using namespace ironjar;
using support::RedisServer;
using Mark = RevocationList::Mark;

namespace {

constexpr const char* password = "a-password-of-at-least-thirty-two-characters";

double processorTime() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double numberIn(const std::string& info, const std::string& name) {
  const std::size_t at = info.find(name + ":");
  return at == std::string::npos ? 0 : std::strtod(info.c_str() + at + name.size() + 1, nullptr);
}

struct Now {
  explicit Now(RedisServer& server) : own(processorTime()) {
    const std::string cpu = server.command("INFO", "cpu");
    servers = numberIn(cpu, "used_cpu_user") + numberIn(cpu, "used_cpu_sys");
    memory = numberIn(server.command("INFO", "memory"), "used_memory");
    bytes = numberIn(server.command("INFO", "stats"), "total_net_input_bytes") +
            numberIn(server.command("INFO", "stats"), "total_net_output_bytes");
  }
  double own;
  double servers;
  double memory;
  double bytes;
};

// A process of a site; what it asks is counted.
struct Replica {
  explicit Replica(const RedisServer& server, RevocationLookup lookup = RevocationLookup::ask)
      : redis(std::make_shared<Redis>(
            RedisOptions{.passwords = password, .port = server.port(), .timeout = std::chrono::seconds{5}})),
        coordinator(redis),
        list(redis, {.lookup = lookup}) {}
  [[nodiscard]] std::uint64_t commands() const { return redis->stats().commands; }

  std::shared_ptr<Redis> redis;
  RedisCoordinator coordinator;
  RedisRevocationList list;
};

TokenSet tokensOf(int number) {
  // Of the size of JWTs.
  return {.accessToken = std::string(900, 'a') + std::to_string(number),
          .refreshToken = std::string(100, 'r') + std::to_string(number)};
}

template <class Work>
void measure(RedisServer& server, const char* what, int times, const std::vector<const Replica*>& replicas,
             const Work& work) {
  const auto commands = [&] {
    std::uint64_t all = 0;
    for (const Replica* replica : replicas) all += replica->commands();
    return all;
  };
  const std::uint64_t commandsBefore = commands();
  const Now before(server);
  for (int i = 0; i < times; ++i) work(i);
  const Now after(server);
  const double n = times;
  std::printf("%-44s %6.2f commands, %7.1f us here, %6.1f us in Redis, %6.0f bytes there, %6.0f on the wire\n", what,
              static_cast<double>(commands() - commandsBefore) / n, (after.own - before.own) / n * 1e6,
              (after.servers - before.servers) / n * 1e6, (after.memory - before.memory) / n,
              (after.bytes - before.bytes) / n);
}

void run(int times) {
  RedisServer server;
  Replica one(server);
  Replica two(server);
  Replica mirroring(server, RevocationLookup::mirror);
  const auto deadline = [] { return std::chrono::steady_clock::now() + std::chrono::seconds{30}; };
  const auto refresh = [&](Replica& replica, int number) {
    const auto ask = [number](const TokenSet&) { return RefreshAnswer{.tokens = tokensOf(number + 1'000'000)}; };
    if (!replica.coordinator.refresh("client", tokensOf(number), ask, deadline())) std::abort();
  };
  refresh(one, -1);
  measure(server, "a refresh", times, {&one}, [&](int i) { refresh(one, i); });
  measure(server, "one whose result another process has", times, {&two}, [&](int i) { refresh(two, i); });
  measure(server, "a logout, after a refresh", times, {&one},
          [&](int i) { one.coordinator.end("client", tokensOf(i), nullptr); });
  const auto marks = [](int i) {
    return std::vector<Mark>{{Mark::Kind::session, "session " + std::to_string(i)},
                             {Mark::Kind::sid, "sid " + std::to_string(i), "https://id.example"},
                             {Mark::Kind::sub, "sub " + std::to_string(i), "https://id.example"}};
  };
  measure(server, "a denial", times, {&one}, [&](int i) { one.list.deny(marks(i)[0]); });
  measure(server, "a denial, mirrored", times, {&mirroring}, [&](int i) { mirroring.list.deny(marks(i)[1]); });
  measure(server, "a session opened, one mark asked about", times, {&one}, [&](int i) {
    if (one.list.check({marks(i + times).data(), 1}, {}) != Revoked::no) std::abort();
  });
  measure(server, "a session opened, three marks asked about", times, {&one}, [&](int i) {
    if (one.list.check(marks(i + times), {}) != Revoked::no) std::abort();
  });
  measure(server, "a session opened, three marks in a mirror", 50 * times, {&mirroring}, [&](int i) {
    if (mirroring.list.check(marks(i + times), {}) != Revoked::no) std::abort();
  });
  const auto begin = std::chrono::steady_clock::now();
  const std::uint64_t before = mirroring.commands();
  std::this_thread::sleep_for(std::chrono::seconds{5});
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::printf("a mirror, while nothing happens: %.2f commands a second\n",
              static_cast<double>(mirroring.commands() - before) / took.count());
}

}  // namespace

int main(int argc, char** argv) {
  run(argc > 1 ? std::max(std::atoi(argv[1]), 1) : 2000);
  return 0;
}

#include "measure.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <limits>
#include <malloc.h>
#include <pthread.h>
#include <stdexcept>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IRONJAR_WORST_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define IRONJAR_WORST_SANITIZED 1
#endif
#endif

namespace worst {
namespace {

#ifdef IRONJAR_WORST_SANITIZED
constexpr bool isSanitized = true;  // which makes everything slower and larger
#else
constexpr bool isSanitized = false;
#endif

constexpr std::size_t stackSize = isSanitized ? 4 * MiB : 512 * KiB;
constexpr double mostMebibytes = 64;
constexpr double mostGrowth = 3.4;      // when an input doubles: 4 is quadratic, a busy cache makes 3 of 2
constexpr double leastToCompare = 0.3;  // ms: less is noise
constexpr double enoughTime = 100;      // ms
constexpr rlim_t mostSeconds = 20;
constexpr int mostTries = 3;  // a busy neighbour is not an input: what breaks a bound breaks it every time

struct Figures {
  std::array<double, mostMeasured> times{};
  std::size_t calls = 0;
  double mebibytes = 0;
};

double processorTime() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

// In KiB, from /proc/self/status.
double memory(const char* name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind(name, 0) == 0) return std::strtod(line.c_str() + std::strlen(name) + 1, nullptr);
  }
  return 0;
}

struct Work {
  const Family& family;
  const std::string& input;
  Figures figures = {};
};

// From now on what is let go stays with the process, so that the next call finds it there: on some virtual machines a
// page fault costs more than all that is done with the page.
void keepMemory() {
  ::mallopt(M_MMAP_THRESHOLD, 32 * static_cast<int>(MiB));
  ::mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
}

void* work(void* argument) {
  Work& given = *static_cast<Work*>(argument);
  const Call call = given.family.prepare(given.input);
  Figures& figures = given.figures;
  std::ofstream("/proc/self/clear_refs") << "5";  // the peak begins anew
  const double before = memory("VmRSS:");
  call();
  figures.mebibytes = std::max(0.0, memory("VmHWM:") - before) / 1024;
  if (isSanitized) return nullptr;  // which tells memory errors and stacks that overflow, and no time
  keepMemory();
  call();
  double spent = 0;
  while (figures.calls < mostMeasured && spent < enoughTime) {
    const double begin = processorTime();
    call();
    spent += figures.times[figures.calls++] = processorTime() - begin;
  }
  return nullptr;
}

[[noreturn]] void runChild(const Family& family, const std::string& input, int out) {
  const rlimit seconds{mostSeconds, mostSeconds};
  ::setrlimit(RLIMIT_CPU, &seconds);
  const rlimit noCore{0, 0};
  ::setrlimit(RLIMIT_CORE, &noCore);
  ::mallopt(M_ARENA_MAX, 1);
  Work given{family, input};
  pthread_attr_t attributes;
  pthread_t thread{};
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, stackSize);
  if (::pthread_create(&thread, &attributes, work, &given) != 0) ::_exit(2);
  ::pthread_join(thread, nullptr);
  const bool told = ::write(out, &given.figures, sizeof given.figures) == static_cast<ssize_t>(sizeof given.figures);
  ::_exit(told ? 0 : 2);
}

Cost costOf(const Family& family, std::size_t bytes) {
  const std::string input = family.make(bytes);
  Cost cost;
  cost.bytes = input.size();
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) throw std::runtime_error("no pipe");
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("no process");
  if (child == 0) runChild(family, input, ends[1]);
  ::close(ends[1]);
  Figures figures;
  const bool whole = ::read(ends[0], &figures, sizeof figures) == static_cast<ssize_t>(sizeof figures);
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) {
    cost.end =
        WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL ? "does not end" : ::strsignal(WTERMSIG(status));
  } else if (!whole || WEXITSTATUS(status) != 0) {
    cost.end = "ends the process";
  } else {
    const auto end = figures.times.begin() + static_cast<std::ptrdiff_t>(figures.calls);
    std::vector<double> times(figures.times.begin(), end);
    std::sort(times.begin(), times.end());
    cost.milliseconds = times.empty() ? 0 : times[times.size() / 2];
    cost.least = times.empty() ? 0 : times.front();
    cost.mebibytes = figures.mebibytes;
  }
  return cost;
}

// Over at least three doublings, so that what caches and page faults add does not count.
double growthOf(const std::vector<Cost>& costs) {
  const Cost& last = costs.back();
  for (const Cost& cost : costs) {
    const double doublings = std::log2(static_cast<double>(last.bytes) / static_cast<double>(cost.bytes));
    if (doublings < 2.9) return 0;
    if (cost.least >= leastToCompare) return std::exp2(std::log2(last.least / cost.least) / doublings);
  }
  return 0;
}

Row measureOnce(const Family& family) {
  Row row;
  row.family = &family;
  std::vector<Cost> costs;
  double closest = -1;
  const auto broken = [&row](const std::string& bound) {
    if (std::find(row.broken.begin(), row.broken.end(), bound) == row.broken.end()) row.broken.push_back(bound);
  };
  for (const std::size_t size : family.sizes) {
    const Cost& cost = costs.emplace_back(costOf(family, size));
    if (!cost.end.empty()) {
      row.cost = cost;
      broken(cost.end);
      return row;
    }
    const double share = cost.milliseconds / boundFor(family, cost.bytes);
    if (share > closest) row.cost = cost;
    closest = std::max(closest, share);
    if (!isSanitized && share > 1) broken("time");
    if (!isSanitized && cost.mebibytes > mostMebibytes) broken("memory");
  }
  row.growth = growthOf(costs);
  if (!isSanitized && row.growth > mostGrowth) broken("growth");
  return row;
}

}  // namespace

double boundFor(const Family& family, std::size_t bytes) {
  return family.atLeast + family.perMegabyte * static_cast<double>(bytes) / 1e6;
}

Row measure(const Family& family) {
  Row row = measureOnce(family);
  for (int tries = 1; tries < mostTries && !row.broken.empty() && row.cost.end.empty(); ++tries) {
    row = measureOnce(family);
  }
  return row;
}

}  // namespace worst

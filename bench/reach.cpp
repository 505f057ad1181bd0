// How far one Beast server with one thread reaches, with ironjar_reach_server: `ironjar_reach SERVER [MANY] [STREAMS]`.
// MANY requests that wait for a provider that hangs, beside a bare Beast server whose requests wait as long; sessions
// whose tokens end at once; streams of events that stay open while tokens rotate. Prints what it saw; fails when a
// request or an event was lost.
#include "median.hpp"
#include "reach_peers.hpp"
#include "server_process.hpp"

#include <cstdio>
#include <cstdlib>
#include <iostream>

#include <ironjar/http1.hpp>

namespace {

using namespace bench;

double secondsSince(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

struct Waiting {
  double bytesEach = 0;
  long threads = 0;
  double pageP99 = 0;       // ms
  double servedWithin = 0;  // s, of the release
  bool isWhole = false;
};

Waiting hang(const char* program, const char* kind, int many, const std::string& target = "/wait") {
  asio::io_context io(1);
  Upstream upstream(io);
  const ServerProcess server(program, kind, upstream.port());
  Visitors visitors(io, server.port());
  const auto sessions = cookies(static_cast<std::size_t>(many));
  int pages = 200;
  for (int i = 0; i < pages; ++i) visitors.ask("/page", sessions[0]);
  visitors.runUntil(pages);
  Waiting seen;
  const long before = server.kibibytes();
  long threadsBefore = 0;
  for (int i = 0; i < many; ++i) {
    visitors.ask(target, sessions[static_cast<std::size_t>(i)]);
    if (i % 50 == 0) visitors.runFor(5ms);
    if (i == 50) threadsBefore = server.threads();  // that of the deadlines, one for all, has begun
  }
  visitors.runFor(3s);
  seen.bytesEach = static_cast<double>(server.kibibytes() - before) * 1024 / many;
  seen.threads = server.threads() - threadsBefore;
  std::vector<double> times;
  for (int i = 0; i < 500; ++i) {
    const auto begin = Clock::now();
    visitors.ask("/page", "");
    visitors.runUntil(++pages);
    times.push_back(secondsSince(begin) * 1000);
  }
  std::sort(times.begin(), times.end());
  seen.pageP99 = times[times.size() * 99 / 100];
  const auto begin = Clock::now();
  upstream.release();
  if (std::string(kind) == "bare" || target == "/hold") visitors.ask("/release", ""), ++pages;
  visitors.runUntil(pages + many);
  seen.servedWithin = secondsSince(begin);
  seen.isWhole = visitors.good == pages + many;
  return seen;
}

// Different sessions whose tokens have ended, all at once, at a provider that takes 200 ms.
bool endAtOnce(const char* program, int many) {
  asio::io_context io(1);
  Upstream upstream(io);
  upstream.latency = 200ms;
  const ServerProcess server(program, "ours", upstream.port());
  Visitors visitors(io, server.port());
  const auto sessions = cookies(static_cast<std::size_t>(many));
  const auto begin = Clock::now();
  for (const std::string& each : sessions) visitors.ask("/wait", each);
  visitors.runUntil(many);
  std::printf("%d sessions end at once, provider 200 ms: served in %.2f s, %d token calls, %d at most at once\n", many,
              secondsSince(begin), upstream.answered, upstream.mostInside);
  return visitors.good == many && upstream.answered == many;
}

// Streams of events through the proxy, one event at a time: each must come before the next is sent.
class Events {
 public:
  Events(const char* program, int many)
      : sessions_(cookies(static_cast<std::size_t>(many))), watchers_(static_cast<std::size_t>(many)) {
    upstream_.latency = 5ms;
    server_.emplace(program, "ours", upstream_.port());
    for (std::size_t i = 0; i < watchers_.size(); ++i) {
      const std::string target = "/api/events?" + std::to_string(i);
      asio::co_spawn(io_, watchers_[i].watch(io_, server_->port(), target, sessions_[i]), asio::detached);
      if (i % 50 == 0) io_.run_for(5ms);
    }
    runUntil([this] {
      return std::all_of(watchers_.begin(), watchers_.end(), [](const Watcher& each) { return each.isOpen; });
    });
  }

  // An event to each; how long each took, in milliseconds.
  std::vector<double> pass() {
    std::vector<double> times;
    const std::string event = ironjar::chunkOf("data: something has happened\n\n");
    ++sent_;
    for (std::size_t i = 0; i < watchers_.size(); ++i) {
      const auto begin = Clock::now();
      asio::write(upstream_.streams.at(std::to_string(i)), asio::buffer(event));
      runUntil([&] { return watchers_[i].arrived == sent_; });
      times.push_back(std::chrono::duration<double, std::milli>(watchers_[i].last - begin).count());
    }
    return times;
  }
  // The same over and over, while each session needs new tokens for another request.
  std::vector<double> passWhileTokensRotate() {
    ++upstream_.generation;
    Visitors visitors(io_, server_->port());
    std::size_t next = 0;
    const auto visit = [&]() -> awaitable<void> {
      while (next < sessions_.size()) co_await visitors.visit("/wait", sessions_[next++]);
    };
    for (int i = 0; i < 8; ++i) asio::co_spawn(io_, visit, asio::detached);
    std::vector<double> times;
    const auto end = Clock::now() + patience;
    while (visitors.done < static_cast<int>(sessions_.size()) && Clock::now() < end) {
      const std::vector<double> more = pass();
      times.insert(times.end(), more.begin(), more.end());
    }
    areRotated_ = visitors.good == static_cast<int>(sessions_.size());
    return times;
  }
  // Whether all was served, each stream to its end.
  bool end() {
    for (auto& [number, stream] : upstream_.streams) asio::write(stream, asio::buffer(ironjar::chunkOf("")));
    runUntil([this] { return whole() == watchers_.size(); });
    return whole() == watchers_.size() && areRotated_ && upstream_.answered == 2 * static_cast<int>(sessions_.size());
  }
  [[nodiscard]] std::size_t whole() const {
    return static_cast<std::size_t>(std::count_if(watchers_.begin(), watchers_.end(), [this](const Watcher& each) {
      return each.isWhole && each.arrived == sent_;
    }));
  }
  [[nodiscard]] int tokenCalls() const { return upstream_.answered; }

 private:
  static constexpr std::chrono::seconds patience{100};

  template <class Reached>
  void runUntil(Reached reached) {
    const auto end = Clock::now() + patience;
    while (!reached() && Clock::now() < end) io_.run_one_for(100ms);
    if (!reached()) throw std::runtime_error("a stream was not opened, or an event or an end did not come");
  }

  const std::vector<std::string> sessions_;
  std::vector<Watcher> watchers_;
  asio::io_context io_{1};
  Upstream upstream_{io_};
  std::optional<ServerProcess> server_;
  int sent_ = 0;
  bool areRotated_ = false;
};

bool streamEvents(const char* program, int many) {
  Events events(program, many);
  const auto print = [](const char* when, std::vector<double> times) {
    std::sort(times.begin(), times.end());
    std::printf("an event, %s: median %.2f ms, p99 %.2f ms, longest %.2f ms, of %zu\n", when, median(times),
                times[times.size() * 99 / 100], times.back(), times.size());
  };
  print("quiet", events.pass());
  print("tokens rotating", events.passWhileTokensRotate());
  const bool isWhole = events.end();
  std::printf("%d streams, %zu of them whole, %d token calls\n", many, events.whole(), events.tokenCalls());
  return isWhole;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) return std::cerr << "usage: ironjar_reach SERVER [MANY] [STREAMS]\n", 2;
  const char* const program = arguments[1];
  const int many = count > 2 ? std::atoi(arguments[2]) : 10'000;
  const int streams = count > 3 ? std::atoi(arguments[3]) : 1000;
  bool isWhole = true;
  if (many > 0) {
    const Waiting bare = hang(program, "bare", many);
    const Waiting held = hang(program, "ours", many, "/hold");
    const Waiting ours = hang(program, "ours", many);
    std::printf(
        "%d wait, bytes each: bare %.0f; with an open session %.0f, for a provider that hangs %.0f: %.0f more\n", many,
        bare.bytesEach, held.bytesEach, ours.bytesEach, ours.bytesEach - held.bytesEach);
    std::printf("further threads: bare %ld, ours %ld\n", bare.threads, ours.threads);
    std::printf("a page meanwhile, p99: bare %.2f ms, ours %.2f ms\n", bare.pageP99, ours.pageP99);
    std::printf("all served after the release: bare %.2f s, ours %.2f s\n", bare.servedWithin, ours.servedWithin);
    isWhole = bare.isWhole && held.isWhole && ours.isWhole && endAtOnce(program, 1000);
  }
  return (streams == 0 || streamEvents(program, streams)) && isWhole ? 0 : 1;
}

// How far one Beast server with one thread reaches: `ironjar_reach SERVER`, with ironjar_reach_server. Requests that
// wait for a provider that hangs, beside a bare Beast server whose requests wait as long; and sessions whose tokens end
// at once. Prints what it saw; fails when a request was lost.
#include "reach.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <ironjar/tokens.hpp>

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::awaitable;
using asio::ip::tcp;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

double secondsSince(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

// The server under test, a process of its own.
class Server {
 public:
  Server(const char* program, const char* kind, int upstream) {
    int out[2];
    if (::pipe(out) != 0) throw std::runtime_error("no pipe");
    const std::string port = std::to_string(upstream);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(out[1], STDOUT_FILENO);
      ::execl(program, program, kind, port.c_str(), nullptr);
      ::_exit(127);
    }
    ::close(out[1]);
    std::FILE* const told = ::fdopen(out[0], "r");
    if (std::fscanf(told, "%d", &port_) != 1) throw std::runtime_error("the server did not start");
    std::fclose(told);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] long kibibytes() const { return status("VmRSS:"); }
  [[nodiscard]] long threads() const { return status("Threads:"); }

 private:
  [[nodiscard]] long status(const std::string& wanted) const {
    std::ifstream file("/proc/" + std::to_string(pid_) + "/status");
    for (std::string word; file >> word;) {
      long value = 0;
      if (word == wanted && file >> value) return value;
    }
    return 0;
  }
  pid_t pid_ = -1;
  int port_ = 0;
};

// Provider and API. The provider holds its answers until it is released, or for a time.
class Upstream {
 public:
  explicit Upstream(asio::io_context& io)
      : io_(io), acceptor_(io, {asio::ip::address_v4::loopback(), 0}), released_(io, 24h) {
    acceptor_.listen(20'000);
    asio::co_spawn(io_, accept(), asio::detached);
  }
  [[nodiscard]] int port() const { return acceptor_.local_endpoint().port(); }
  std::optional<std::chrono::milliseconds> latency;  // unset: until release()
  int inside = 0;
  int mostInside = 0;
  int answered = 0;
  void release() {
    latency = 0ms;
    released_.cancel();
  }

 private:
  awaitable<void> accept() {
    while (true) {
      auto socket = co_await acceptor_.async_accept(asio::use_awaitable);
      asio::co_spawn(io_, serve(boost::beast::tcp_stream(std::move(socket))), asio::detached);
    }
  }
  awaitable<void> wait() {
    boost::system::error_code woken;
    if (!latency) co_return co_await released_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    asio::steady_timer timer(io_, *latency);
    co_await timer.async_wait(asio::use_awaitable);
  }
  awaitable<void> serve(boost::beast::tcp_stream stream) {
    boost::beast::flat_buffer buffer;
    for (boost::system::error_code problem; !problem;) {
      http::request<http::string_body> request;
      co_await http::async_read(stream, buffer, request, asio::redirect_error(asio::use_awaitable, problem));
      if (problem) break;
      http::response<http::string_body> response(http::status::ok, 11);
      response.body() = "items";
      if (request.target() == "/token") {
        mostInside = std::max(mostInside, ++inside);
        co_await wait();
        --inside;
        const std::string number = std::to_string(++answered);
        response.set(http::field::content_type, "application/json");
        response.body() = "{\"token_type\":\"Bearer\",\"expires_in\":3600,\"access_token\":\"new-" + number +
                          "\",\"refresh_token\":\"next-" + number + "\"}";
      }
      response.prepare_payload();
      co_await http::async_write(stream, response, asio::redirect_error(asio::use_awaitable, problem));
    }
  }

  asio::io_context& io_;
  tcp::acceptor acceptor_;
  asio::steady_timer released_;
};

// Cookies of sessions whose access tokens have ended, each with a refresh token of its own.
std::vector<std::string> cookies(std::size_t count) {
  const ironjar::SessionJar jar(bench::reachOptions());
  std::vector<std::string> made;
  while (made.size() < count) {
    ironjar::Session session = jar.open("");
    session.setTokens({.accessToken = "ended",
                       .refreshToken = "first-" + std::to_string(made.size()),
                       .expiresAt = ironjar::systemClock() - std::chrono::hours{1}});
    const std::string line = jar.commit(session).value().at(0);
    made.push_back(line.substr(0, line.find(';')));
  }
  return made;
}

// Visitors that each ask once, on a connection of their own.
class Visitors {
 public:
  Visitors(asio::io_context& io, int port) : io_(io), port_(port) {}
  int good = 0;
  int done = 0;

  void ask(const std::string& target, const std::string& cookie) {
    asio::co_spawn(io_, visit(target, cookie), asio::detached);
  }
  // Runs the context until that many are done.
  void runUntil(int count, std::chrono::seconds patience = 100s) {
    const auto end = Clock::now() + patience;
    while (done < count && Clock::now() < end) io_.run_one_for(100ms);
  }
  void runFor(std::chrono::milliseconds time) { io_.run_for(time); }

 private:
  awaitable<void> visit(std::string target, std::string cookie) {
    boost::beast::tcp_stream stream(io_);
    boost::system::error_code problem;
    const tcp::endpoint server(asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(port_));
    co_await stream.async_connect(server, asio::redirect_error(asio::use_awaitable, problem));
    http::request<http::empty_body> request(http::verb::get, target, 11);
    request.set(http::field::host, "localhost");
    if (!cookie.empty()) request.set(http::field::cookie, cookie);
    if (!problem) co_await http::async_write(stream, request, asio::redirect_error(asio::use_awaitable, problem));
    boost::beast::flat_buffer buffer;
    http::response<http::string_body> response;
    if (!problem) {
      co_await http::async_read(stream, buffer, response, asio::redirect_error(asio::use_awaitable, problem));
    }
    good += !problem && response.result() == http::status::ok ? 1 : 0;
    ++done;
  }

  asio::io_context& io_;
  int port_;
};

struct Waiting {
  double bytesEach = 0;
  long threads = 0;
  double pageP99 = 0;       // ms
  double servedWithin = 0;  // s, of the release
  bool isWhole = false;
};

Waiting hang(const char* program, const char* kind, int many) {
  asio::io_context io(1);
  Upstream upstream(io);
  const Server server(program, kind, upstream.port());
  Visitors visitors(io, server.port());
  const auto sessions = cookies(static_cast<std::size_t>(many));
  int pages = 200;
  for (int i = 0; i < pages; ++i) visitors.ask("/page", sessions[0]);
  visitors.runUntil(pages);
  Waiting seen;
  const long before = server.kibibytes();
  long threadsBefore = 0;
  for (int i = 0; i < many; ++i) {
    visitors.ask("/wait", sessions[static_cast<std::size_t>(i)]);
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
  if (std::string(kind) == "bare") visitors.ask("/release", ""), ++pages;
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
  const Server server(program, "ours", upstream.port());
  Visitors visitors(io, server.port());
  const auto sessions = cookies(static_cast<std::size_t>(many));
  const auto begin = Clock::now();
  for (const std::string& each : sessions) visitors.ask("/wait", each);
  visitors.runUntil(many);
  std::printf("%d sessions end at once, provider 200 ms: served in %.2f s, %d token calls, %d at most at once\n", many,
              secondsSince(begin), upstream.answered, upstream.mostInside);
  return visitors.good == many && upstream.answered == many;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) return std::cerr << "usage: ironjar_reach SERVER [WAITERS]\n", 2;
  const int many = count > 2 ? std::atoi(arguments[2]) : 10'000;
  const Waiting bare = hang(arguments[1], "bare", many);
  const Waiting ours = hang(arguments[1], "ours", many);
  std::printf("%d wait for a provider that hangs, bytes each: bare %.0f, ours %.0f, more: %.0f\n", many, bare.bytesEach,
              ours.bytesEach, ours.bytesEach - bare.bytesEach);
  std::printf("further threads: bare %ld, ours %ld\n", bare.threads, ours.threads);
  std::printf("a page meanwhile, p99: bare %.2f ms, ours %.2f ms\n", bare.pageP99, ours.pageP99);
  std::printf("all served after the release: bare %.2f s, ours %.2f s\n", bare.servedWithin, ours.servedWithin);
  const bool isWhole = endAtOnce(arguments[1], 1000);
  return bare.isWhole && ours.isWhole && isWhole ? 0 : 1;
}

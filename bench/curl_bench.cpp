// Requests per second of the transports on libcurl beside libcurl itself, all over connections that are kept, to a
// server in this process. Alternating rounds, medians of the ratios.
//   ironjar_curl_bench [rounds] [milliseconds a round]
#include "median.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <curl/curl.h>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <ironjar/curl.hpp>
#include <ironjar/testing/transport_peer.hpp>

namespace {

using Clock = std::chrono::steady_clock;
using ironjar::testing::detail::Peer;

constexpr std::size_t together = 64;  // requests in flight of the asynchronous ones

struct Round {
  std::string url;
  std::chrono::milliseconds time;
};

std::size_t collect(char* bytes, std::size_t, std::size_t size, void* to) {
  static_cast<std::string*>(to)->append(bytes, size);
  return size;
}

// A handle as somebody would set it up by hand.
class Handle {
 public:
  explicit Handle(const std::string& url) : easy_(curl_easy_init()) {
    fields_ = curl_slist_append(nullptr, "Authorization: Bearer some-access-token-of-usual-length");
    curl_easy_setopt(easy_, CURLOPT_URL, url.c_str());
    curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, fields_);
    curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &collect);
    curl_easy_setopt(easy_, CURLOPT_WRITEDATA, &body_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() {
    curl_easy_cleanup(easy_);
    curl_slist_free_all(fields_);
  }
  [[nodiscard]] CURL* get() const { return easy_; }
  [[nodiscard]] bool isAnswered() {
    long status = 0;
    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
    const bool isRight = status == 200 && body_.size() == 300;
    body_.clear();
    return isRight;
  }

 private:
  CURL* easy_;
  curl_slist* fields_ = nullptr;
  std::string body_;
};

void failed() {
  std::fprintf(stderr, "a request had no answer\n");
  std::exit(1);
}

double perSecond(std::size_t requests, Clock::time_point begin) {
  return static_cast<double>(requests) / std::chrono::duration<double>(Clock::now() - begin).count();
}

ironjar::Request requestTo(const std::string& url, const std::string& group) {
  return {
      .url = url, .headers = {{"Authorization", "Bearer some-access-token-of-usual-length"}}, .connectionGroup = group};
}

double bareEasy(const Round& round) {
  Handle handle(round.url);
  const auto begin = Clock::now();
  std::size_t requests = 0;
  for (; Clock::now() < begin + round.time; ++requests) {
    if (curl_easy_perform(handle.get()) != CURLE_OK || !handle.isAnswered()) failed();
  }
  return perSecond(requests, begin);
}

double blockingTransport(const Round& round) {
  static const ironjar::Transport transport = ironjar::curlTransport();
  const ironjar::Request request = requestTo(round.url, "ada");
  const auto begin = Clock::now();
  std::size_t requests = 0;
  for (; Clock::now() < begin + round.time; ++requests) {
    const auto response = transport(request, Clock::now() + std::chrono::seconds(10));
    if (!response || response->status != 200 || response->body.size() != 300) failed();
  }
  return perSecond(requests, begin);
}

double bareMulti(const Round& round) {
  CURLM* const multi = curl_multi_init();
  std::vector<std::unique_ptr<Handle>> handles;
  for (std::size_t i = 0; i < together; ++i) {
    handles.push_back(std::make_unique<Handle>(round.url));
    curl_easy_setopt(handles.back()->get(), CURLOPT_PRIVATE, handles.back().get());
    curl_multi_add_handle(multi, handles.back()->get());
  }
  const auto begin = Clock::now();
  std::size_t requests = 0;
  while (Clock::now() < begin + round.time) {
    int running = 0;
    curl_multi_perform(multi, &running);
    int left = 0;
    while (const CURLMsg* const message = curl_multi_info_read(multi, &left)) {
      CURL* const easy = message->easy_handle;
      Handle* handle = nullptr;
      curl_easy_getinfo(easy, CURLINFO_PRIVATE, &handle);
      if (message->data.result != CURLE_OK || !handle->isAnswered()) failed();
      ++requests;
      curl_multi_remove_handle(multi, easy);
      curl_multi_add_handle(multi, easy);
    }
    curl_multi_poll(multi, nullptr, 0, 1000, nullptr);
  }
  const double rate = perSecond(requests, begin);
  for (const auto& handle : handles) curl_multi_remove_handle(multi, handle->get());
  handles.clear();
  curl_multi_cleanup(multi);
  return rate;
}

double asynchronousTransport(const Round& round) {
  static const ironjar::AsyncTransport transport = ironjar::asyncCurlTransport();
  struct Shared {
    std::atomic<std::size_t> requests = 0;
    std::atomic<std::size_t> ended = 0;
    std::atomic<bool> isOver = false;
    std::vector<ironjar::Request> users;
  } shared;
  for (std::size_t i = 0; i < together; ++i) shared.users.push_back(requestTo(round.url, std::to_string(i)));
  const std::function<void(std::size_t)> next = [&](std::size_t user) {
    transport(shared.users[user], Clock::now() + std::chrono::seconds(10), {}, [&, user](const auto& response) {
      if (!response || response->status != 200 || response->body.size() != 300) failed();
      ++shared.requests;
      if (shared.isOver) {
        ++shared.ended;
      } else {
        next(user);
      }
    });
  };
  const auto begin = Clock::now();
  for (std::size_t user = 0; user < together; ++user) next(user);
  std::this_thread::sleep_for(round.time);
  const double rate = perSecond(shared.requests, begin);
  shared.isOver = true;
  while (shared.ended < together) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return rate;
}

// Requests per second, and the processor time of one in seconds, the server's included.
struct Rate {
  double perSecond = 0;
  double cost = 0;
};

Rate measured(const std::function<double()>& requests) {
  const std::clock_t spent = std::clock();
  const auto begin = Clock::now();
  const double rate = requests();
  const std::chrono::duration<double> wall = Clock::now() - begin;
  return {rate, static_cast<double>(std::clock() - spent) / CLOCKS_PER_SEC / (rate * wall.count())};
}

void compare(const char* name, const std::function<double()>& bare, const std::function<double()>& ours, int rounds) {
  std::vector<double> bares, all, ratios, costs;
  for (int i = 0; i < rounds; ++i) {
    Rate first = measured(i % 2 == 0 ? bare : ours);
    Rate second = measured(i % 2 == 0 ? ours : bare);
    if (i % 2 != 0) std::swap(first, second);
    bares.push_back(first.perSecond);
    all.push_back(second.perSecond);
    ratios.push_back(second.perSecond / first.perSecond);
    costs.push_back(second.cost / first.cost);
  }
  std::printf("%-14s %8.0f requests/s, libcurl alone %8.0f: %.3f; processor time, with the server's, %.3f of its\n",
              name, bench::median(all), bench::median(bares), bench::median(ratios), bench::median(costs));
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 7;
  const std::chrono::milliseconds time(argc > 2 ? std::max(1, std::atoi(argv[2])) : 1000);
  curl_global_init(CURL_GLOBAL_DEFAULT);
  const std::string answer =
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 300\r\n\r\n" + std::string(300, 'x');
  const Peer server([&answer](Peer::Connection& connection) {
    while (connection.readRequest()) connection.put(answer);
  });
  const Round round{"http://127.0.0.1:" + std::to_string(server.port()) + "/items?page=1", time};
  compare(
      "blocking", [&] { return bareEasy(round); }, [&] { return blockingTransport(round); }, rounds);
  compare(
      "asynchronous", [&] { return bareMulti(round); }, [&] { return asynchronousTransport(round); }, rounds);
}

#include "base/completion.hpp"

#include <future>
#include <memory>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <ironjar/http.hpp>

namespace async_transport_test {

namespace {

using namespace ironjar;
using namespace std::chrono_literals;
using Answer = Result<Response>;

Deadline in(std::chrono::milliseconds time) { return std::chrono::steady_clock::now() + time; }

struct Waiting {
  std::promise<Answer> promise = {};
  std::atomic<int> calls = 0;
  [[nodiscard]] ResponseHandler done() {
    return [this](Answer answer) {
      if (calls++ == 0) promise.set_value(std::move(answer));
    };
  }
  [[nodiscard]] Answer wait() { return promise.get_future().get(); }
};

Errc codeOf(const Answer& answer) { return answer ? Errc{} : answer.error().code; }

}  // namespace

TEST_CASE("a completion is called once, and by itself when nobody calls it") {
  std::vector<int> called;
  {
    const auto once = detail::exactlyOnce<int>([&](int value) { called.push_back(value); }, -1);
    const auto copy = once;
    once(1), copy(2);
  }
  CHECK(called == std::vector{1});
  static_cast<void>(detail::exactlyOnce<int>([&](int value) { called.push_back(value); }, -1));
  CHECK(called == std::vector{1, -1});
  detail::exactlyOnce<int>([](int) { throw std::runtime_error("theirs"); }, 0)(1);
}

TEST_CASE("a blocking transport's answers come on threads, as many at a time as there are") {
  std::atomic<int> running = 0;
  std::atomic<int> most = 0;
  const auto transport = onThreads(
      [&](const Request& request, Deadline) -> Answer {
        const int now = ++running;
        for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) continue;
        for (const auto end = in(10s); most < 2 && std::chrono::steady_clock::now() < end;) {
          std::this_thread::sleep_for(1ms);
        }
        std::this_thread::sleep_for(2ms);
        --running;
        return Response{.status = 200, .body = request.url};
      },
      2);
  std::vector<Waiting> waiting(20);
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    const Request request{.url = std::to_string(i)};  // need not live until the end of a call that is cancelled
    transport(request, in(10s), {}, waiting[i].done());
  }
  for (std::size_t i = 0; i < waiting.size(); ++i) CHECK(waiting[i].wait()->body == std::to_string(i));
  CHECK(most == 2);
}

TEST_CASE("who is cancelled, or has no turn by the deadline, is told at once") {
  std::promise<void> begun;
  std::promise<void> end;
  const auto transport = onThreads(
      [&](const Request& request, Deadline) -> Answer {
        if (request.url == "first") begun.set_value(), end.get_future().wait();
        return Response{.status = 200};
      },
      1);
  Waiting first, second, third;
  std::stop_source stop;
  transport({.url = "first"}, in(10s), stop.get_token(), first.done());
  begun.get_future().wait();
  transport({.url = "second"}, in(10s), stop.get_token(), second.done());
  transport({.url = "third"}, in(10ms), {}, third.done());
  CHECK(codeOf(third.wait()) == Errc::unreachable);
  stop.request_stop();
  CHECK(codeOf(first.wait()) == Errc::cancelled);
  CHECK(codeOf(second.wait()) == Errc::cancelled);
  Waiting late;
  transport({.url = "late"}, in(10s), stop.get_token(), late.done());
  CHECK(codeOf(late.wait()) == Errc::cancelled);
  end.set_value();
  Waiting last;
  transport({.url = "last"}, in(10s), {}, last.done());
  CHECK(last.wait()->status == 200);
  for (const Waiting* each : {&first, &second, &third, &last}) CHECK(each->calls == 1);
}

TEST_CASE("a transport that goes completes what is queued") {
  std::promise<void> begun;
  Waiting first, second;
  {
    const auto transport = onThreads(
        [&](const Request&, Deadline) -> Answer {
          begun.set_value();
          std::this_thread::sleep_for(5ms);
          return Response{.status = 200};
        },
        1);
    transport({.url = "first"}, in(10s), {}, first.done());
    transport({.url = "second"}, in(10s), {}, second.done());
    begun.get_future().wait();
  }
  CHECK(first.wait()->status == 200);
  CHECK(codeOf(second.wait()) == Errc::transport);
}

TEST_CASE("what an asynchronous transport brings is waited for, pieces too") {
  const AsyncTransport pieces = [](const Request&, Deadline, const std::stop_token&, const ResponseHandler& done) {
    std::jthread([done] {
      const auto left = std::make_shared<std::vector<std::string>>(std::vector<std::string>{"", "b", "a"});
      Response response{.status = 200};
      response.asyncBodyReader = [left](const auto& next) {
        next(left->back());
        left->pop_back();
      };
      done(std::move(response));
    });
  };
  const Answer answer = blocking(pieces)({.url = "u"}, in(1s));
  REQUIRE(answer);
  REQUIRE(answer->bodyReader);
  CHECK_FALSE(answer->asyncBodyReader);
  std::string body;
  for (auto piece = answer->bodyReader(); piece && !piece->empty(); piece = answer->bodyReader()) body += *piece;
  CHECK(body == "ab");

  const AsyncTransport drops = [](const Request&, Deadline, const std::stop_token&, const ResponseHandler&) {};
  CHECK(codeOf(blocking(drops)({.url = "u"}, in(1s))) == Errc::transport);
}

TEST_CASE("a blocking transport, or a body's reader, that throws is an error, and ends no thread") {
  const auto transport = onThreads(
      [](const Request& request, Deadline) -> Answer {
        if (request.url == "throws") throw std::runtime_error("theirs");
        return Response{.status = 200, .bodyReader = []() -> Result<std::string> { throw 1; }};
      },
      1);
  Waiting thrown;
  transport({.url = "throws"}, in(10s), {}, thrown.done());
  CHECK(codeOf(thrown.wait()) == Errc::transport);
  Waiting streamed;
  transport({.url = "streams"}, in(10s), {}, streamed.done());
  const Answer answer = streamed.wait();
  REQUIRE(answer);
  std::promise<Errc> piece;
  answer->asyncBodyReader([&](const Result<std::string>& came) { piece.set_value(came ? Errc{} : came.error().code); });
  CHECK(piece.get_future().get() == Errc::transport);
}

TEST_CASE("a body's reader that has its state in itself is one reader for all pieces") {
  const auto transport = blocking(onThreads(
      [](const Request&, Deadline) -> Answer {
        return Response{.status = 200, .bodyReader = [left = 3]() mutable -> Result<std::string> {
                          return left-- > 0 ? std::string("x") : std::string();
                        }};
      },
      1));
  const Answer answer = transport({.url = "u"}, in(10s));
  REQUIRE(answer);
  std::string body;
  while (body.size() < 10) {
    const auto piece = answer->bodyReader();
    REQUIRE(piece);
    if (piece->empty()) break;
    body += *piece;
  }
  CHECK(body == "xxx");
}

}  // namespace async_transport_test

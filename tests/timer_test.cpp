#include "base/timer.hpp"

#include <atomic>
#include <future>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

namespace timer_test {

namespace {

using namespace std::chrono_literals;
using ironjar::detail::Timer;

auto now() { return std::chrono::steady_clock::now(); }

}  // namespace

TEST_CASE("functions are called in the order of their times") {
  std::vector<int> called;
  std::promise<void> inserted;
  std::promise<void> last;
  Timer timer;  // whose thread ends before what it uses goes
  const auto begin = now();
  REQUIRE(timer.at(begin - 2s, [&] { inserted.get_future().wait(); }));
  REQUIRE(timer.at(begin + 40ms, [&] { called.push_back(3), last.set_value(); }));
  REQUIRE(timer.at(begin + 20ms, [&] { called.push_back(2); }));
  REQUIRE(timer.at(begin - 1s, [&] { called.push_back(1); }));
  inserted.set_value();
  last.get_future().wait();
  CHECK(called == std::vector{1, 2, 3});
  CHECK(now() - begin >= 40ms);
}

TEST_CASE("a timer that has had nothing to wait for wakes up for what comes") {
  Timer timer;
  for (int i = 0; i < 3; ++i) {
    std::promise<void> called;
    REQUIRE(timer.at(now() + 5ms, [&] { called.set_value(); }));
    const auto isCalled = called.get_future();
    REQUIRE(isCalled.wait_for(5s) == std::future_status::ready);
    std::this_thread::sleep_for(5ms);  // it waits for nothing now
  }
}

TEST_CASE("what was taken back is not called, and can be taken back once") {
  Timer timer;
  std::atomic<bool> isCalled = false;
  const auto ticket = timer.at(now() + 1h, [&] { isCalled = true; });
  REQUIRE(ticket);
  CHECK(timer.cancel(*ticket));
  CHECK_FALSE(timer.cancel(*ticket));
  CHECK_FALSE(isCalled);
}

TEST_CASE("a function may use the timer, and destroy it") {
  auto timer = std::make_unique<Timer>();
  std::promise<void> gone;
  REQUIRE(timer->at(now(), [&] {
    const auto another = timer->at(now() + 1h, [] {});
    if (another) static_cast<void>(timer->cancel(*another));
    timer.reset();
    gone.set_value();
  }));
  gone.get_future().wait();
  CHECK_FALSE(timer);
}

TEST_CASE("a timer that is closed takes nothing any more") {
  Timer timer;
  timer.close();
  CHECK_FALSE(timer.at(now(), [] { FAIL_CHECK("it was called"); }));
  timer.close();
}

TEST_CASE("what has not come is dropped with the timer, not called") {
  const auto held = std::make_shared<int>(0);
  {
    Timer timer;
    REQUIRE(timer.at(now() + 1h, [held] { FAIL_CHECK("it was called"); }));
    CHECK(held.use_count() == 2);
  }
  CHECK(held.use_count() == 1);
}

}  // namespace timer_test

// PendingCalls: what waits for Redis to come back.
#include "redis/pending.hpp"
#include "support/support.hpp"

using namespace ironjar::detail;

namespace {

RedisCall logout(const std::string& key, const std::string& what = "x") { return {&logOutScript(), {key}, {what}}; }
RedisCall published(const std::string& key) { return {&publishScript(), {key}, {"tokens"}}; }

std::vector<std::string> keysOf(const PendingCalls::Calls& calls) {
  std::vector<std::string> keys;
  for (const auto& pending : calls) keys.push_back(pending.call.keys[0]);
  return keys;
}

}  // namespace

TEST_CASE("V06 a logout that is repeated crowds out nobody's: it takes its own place") {
  PendingCalls calls;
  calls.add(logout("ada"));
  calls.add(published("bob"));
  for (int i = 0; i < 20'000; ++i) calls.add(logout("mallory", std::to_string(i)));
  CHECK(calls.size() == 3);
  const auto taken = calls.take();
  CHECK(keysOf(taken) == std::vector<std::string>{"ada", "bob", "mallory"});
  CHECK(taken.back().call.arguments == std::vector<std::string>{"19999"});
}

TEST_CASE("tokens of one key are sent one after the other, logouts of others stay in their order") {
  PendingCalls calls;
  for (const char* key : {"a", "a", "b"}) calls.add(published(key));
  CHECK(keysOf(calls.take()) == std::vector<std::string>{"a", "a", "b"});
  CHECK(calls.empty());
}

TEST_CASE("what could not be sent is in front again, save what has been replaced meanwhile") {
  PendingCalls calls;
  for (const char* key : {"a", "b", "c"}) calls.add(logout(key));
  auto taken = calls.take();
  taken.pop_front();
  calls.add(logout("b", "newer"));
  calls.add(logout("d"));
  calls.putBack(std::move(taken));
  calls.add(logout("c", "newest"));
  CHECK(keysOf(calls.take()) == std::vector<std::string>{"b", "d", "c"});
}

TEST_CASE("they are bounded by number and by bytes; the oldest go") {
  PendingCalls calls;
  for (int i = 0; i < 10'005; ++i) calls.add(logout(std::to_string(i)));
  CHECK(calls.size() == 10'000);
  CHECK(calls.take().front().call.keys[0] == "5");
  for (int i = 0; i < 70; ++i) calls.add(logout(std::to_string(i), std::string(1024 * 1024, 'x')));
  CHECK(calls.size() < 64);
}

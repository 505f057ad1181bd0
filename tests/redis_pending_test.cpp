// PendingCalls: what waits for Redis to come back.
#include "redis/pending.hpp"
#include "support/support.hpp"

namespace redis_pending_test {

using namespace ironjar::detail;

namespace {

// At a time, in seconds, of a session that began at another; 0: not known when.
RedisCall logout(const std::string& key, std::int64_t at = 100, std::int64_t begun = 50,
                 const std::string& seal = "seal") {
  const std::string note = begun == 0 ? "" : sortable(support::at(1000 * begun));
  return {&logOutScript(),
          {key, key + ":lock", key + ":last"},
          {"size", "owner", "lease", "keep", "longest", "", note, "ttl", "",
           "o" + sortable(support::at(1000 * at)) + seal}};
}
RedisCall denial(const std::string& key, std::int64_t at) {
  return {&storeLatestScript(), {key}, {"size", "ttl", sortable(support::at(1000 * at)) + "seal"}};
}
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
  for (int i = 0; i < 20'000; ++i) calls.add(logout("mallory", 100 + i, 50 + i % 100));
  CHECK(calls.size() == 3);
  CHECK(keysOf(calls.take()) == std::vector<std::string>{"ada", "bob", "mallory"});
}

TEST_CASE("V24 of two logouts that wait the one goes that the script would not have taken") {
  struct Row {
    RedisCall earlier;
    RedisCall later;
    bool laterWins;
  };
  const std::vector<Row> rows = {
      {logout("k", 100, 50), logout("k", 200, 150), true},   // the next login's
      {logout("k", 100, 50), logout("k", 200, 50), false},   // of a session that has ended already
      {logout("k", 100, 50), logout("k", 200, 100), false},  // or began in that second
      {logout("k", 100, 50), logout("k", 200, 0), false},    // or nobody knows when
      {logout("k", 200, 50), logout("k", 150, 250), false},  // takes nothing back
      {denial("k", 100), denial("k", 200), true},           {denial("k", 200), denial("k", 100), false},
  };
  for (std::size_t row = 0; row < rows.size(); ++row) {
    CAPTURE(row);
    const auto& [earlier, later, laterWins] = rows[row];
    PendingCalls calls;
    calls.add(earlier);
    calls.add(later);
    const auto taken = calls.take();
    REQUIRE(taken.size() == 1);
    CHECK(taken.front().call.arguments == (laterWins ? later : earlier).arguments);
    calls.add(later);  // likewise when the earlier one comes back
    PendingCalls::Calls back;
    back.push_back({earlier});
    calls.putBack(std::move(back));
    CHECK(calls.size() == 1);
    CHECK(calls.take().front().call.arguments == (laterWins ? later : earlier).arguments);
  }
}

TEST_CASE("tokens of one key are sent one after the other, logouts of others stay in their order") {
  PendingCalls calls;
  for (const char* key : {"a", "a", "b"}) calls.add(published(key));
  CHECK(keysOf(calls.take()) == std::vector<std::string>{"a", "a", "b"});
  CHECK(calls.empty());
}

TEST_CASE("what could not be sent is in front again, save what has been replaced meanwhile") {
  const auto newer = [](const char* key, int by) { return logout(key, 100 * by, 100 * by - 1); };
  PendingCalls calls;
  for (const char* key : {"a", "b", "c"}) calls.add(logout(key));
  auto taken = calls.take();
  taken.pop_front();
  calls.add(newer("b", 2));
  calls.add(logout("d"));
  calls.putBack(std::move(taken));
  calls.add(newer("c", 3));
  CHECK(keysOf(calls.take()) == std::vector<std::string>{"b", "d", "c"});
}

TEST_CASE("they are bounded by number and by bytes; the oldest go") {
  PendingCalls calls;
  for (int i = 0; i < 10'005; ++i) calls.add(logout(std::to_string(i)));
  CHECK(calls.size() == 10'000);
  CHECK(calls.take().front().call.keys[0] == "5");
  for (int i = 0; i < 70; ++i) calls.add(logout(std::to_string(i), 100, 50, std::string(1024 * 1024, 'x')));
  CHECK(calls.size() < 64);
}

}  // namespace redis_pending_test

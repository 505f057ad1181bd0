// A Redis that lies: it knows everything that it was ever told, and answers with other users' values, twice, late, in
// another order, too much and too little. Whatever it says, nobody gets another's tokens, and nothing hangs.
//
// IRONJAR_LIES is how many refreshes are made (5,000), IRONJAR_SEED where the lies begin.
#include "redis/fake_redis.hpp"
#include "redis/watched_replica.hpp"

#include <array>
#include <random>

namespace redis_liar_test {

using namespace ironjar;
using namespace std::chrono_literals;
using support::FakeRedis;
using Time = std::chrono::steady_clock;

namespace {

constexpr unsigned users = 64;
constexpr unsigned threads = 16;
constexpr std::chrono::milliseconds commandTime{20};

unsigned long numberIn(const char* name, unsigned long otherwise) {
  const char* const text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody changes the environment
  return text == nullptr ? otherwise : std::strtoul(text, nullptr, 10);
}

std::string bulk(std::string_view text) {
  return "$" + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n";
}
std::string list(const std::vector<std::string>& items) {
  std::string reply = "*" + std::to_string(items.size()) + "\r\n";
  for (const std::string& item : items) reply += item;
  return reply;
}

// Remembers every value that it was given, and every answer that it gave, to give them to others.
class Liar {
 public:
  explicit Liar(std::uint64_t seed) : random_(seed) {}

  std::string operator()(const std::vector<std::string>& words) {
    std::unique_lock lock(mutex_);
    ++told_;
    remember(words);
    // Often enough that refreshes go on, and that there are values.
    std::string honest = honestAnswer(words);
    const std::string answer = oneIn(2) ? honest : lie(words, honest);
    last_ = honest;
    const bool isLate = oneIn(60);
    lock.unlock();
    if (isLate) std::this_thread::sleep_for(commandTime * 2);  // and then it comes all the same, to whoever listens
    return answer;
  }

  [[nodiscard]] std::size_t values() const {
    const std::lock_guard lock(mutex_);
    return values_.size();
  }
  [[nodiscard]] std::uint64_t told() const {
    const std::lock_guard lock(mutex_);
    return told_;
  }

 private:
  bool oneIn(std::uint64_t n) { return random_() % n == 0; }
  std::string anyValue() { return values_.empty() ? "rij1.AAAA" : values_[random_() % values_.size()]; }
  std::size_t keysOf(const std::vector<std::string>& words) const {
    return words.size() > 2 ? std::strtoul(words[2].c_str(), nullptr, 10) : 0;
  }

  void remember(const std::vector<std::string>& words) {
    for (const std::string& word : words) {
      if (word.find("ij1.") != std::string::npos && word.size() < 4096 && values_.size() < 20'000)
        values_.push_back(word);
    }
  }

  std::string honestAnswer(const std::vector<std::string>& words) {
    if (words.at(1).find("'mine'") != std::string::npos) return list({bulk("mine")});
    if (words[1].find("'renewed'") != std::string::npos) return list({bulk("renewed")});
    if (words[1].find("return values\n") != std::string::npos) return nils(keysOf(words));
    if (words[1].find("'none'") != std::string::npos) return list({bulk("none")});
    return list({bulk("stored")});
  }
  static std::string nils(std::size_t count) {
    std::vector<std::string> items(count, "$-1\r\n");
    return list(items);
  }

  std::string lie(const std::vector<std::string>& words, const std::string& honest) {
    const std::string value = bulk(anyValue());
    const std::vector<std::string> wholeLists(keysOf(words), value);
    switch (random_() % 24) {
      case 0:
      case 1:
      case 2:
      case 3:
        return list({bulk("value"), ":1\r\n", value});  // another's, under this one's key
      case 4:
        return list({bulk("value"), ":" + std::to_string(static_cast<int>(random_() % 9) - 3) + "\r\n", value});
      case 5:
      case 6:
        return list(wholeLists);
      case 7:
        return honest + honest;  // the second is for whoever comes next
      case 8:
        return honest + list({bulk("value"), ":1\r\n", value});
      case 9:
        return last_;  // what was due to the one before
      case 10:
        return honest.substr(0, random_() % (honest.size() + 1));
      case 11:
        return value.substr(0, random_() % value.size());
      case 12:
        return FakeRedis::hangUp;
      case 13:
        return "$" + std::to_string(random_()) + "\r\nx\r\n";
      case 14:
        return "$-" + std::to_string(2 + random_() % 1000) + "\r\n";
      case 15:
        return "*-" + std::to_string(2 + random_() % 1000) + "\r\n";
      case 16:
        return "*2147483647\r\n$5\r\nvalue\r\n";
      case 17:
        return list({list({list({bulk("value"), ":1\r\n", value})})});
      case 18:
        return ">3\r\n" + bulk("value") + ":1\r\n" + value;
      case 19:
        return "%1\r\n" + bulk("value") + value;
      case 20:
        return "*3\r\n" + bulk("value") + "-ERR in the middle\r\n" + value;
      case 21:
        return list({bulk("failed"), bulk(anyValue())});
      case 22:
        return oneIn(8) ? list({bulk("locked"), bulk("somebody")}) : list({bulk("lost")});
      default:
        return bulk(std::string(random_() % 70'000, 'x')) + std::string(random_() % 200, '\r');
    }
  }

  mutable std::mutex mutex_;
  std::mt19937_64 random_;
  std::vector<std::string> values_;
  std::string last_ = "+OK\r\n";
  std::uint64_t told_ = 0;
};

// What went wrong, from any thread; asserted on the test's own.
class Findings {
 public:
  void add(const std::string& what) {
    const std::lock_guard lock(mutex_);
    if (found_.size() < 10) found_.push_back(what);
  }
  std::vector<std::string> all() {
    const std::lock_guard lock(mutex_);
    return found_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> found_;
};

std::string nameOf(unsigned user) { return "user" + std::to_string(user) + "."; }
bool isOf(unsigned user, const TokenSet& tokens) {
  return tokens.accessToken.starts_with("at-" + nameOf(user)) && tokens.refreshToken.starts_with("rt-" + nameOf(user));
}

// One user's requests, one after the other.
// Time that a coordinator sees pass where it asks to be left alone: notes of failures, which are lies like all else,
// open a circuit breaker now and then, and whoever came meanwhile would try nothing.
class Skipping {
 public:
  [[nodiscard]] MonotonicTime now() const { return Time::now() + Seconds{skipped_}; }
  void skip(const Error& error) {
    if (error.retryAfter.value_or(0s) > 1s) skipped_ += error.retryAfter->count();
  }

 private:
  std::atomic<Seconds::rep> skipped_ = 0;
};

void refreshFor(unsigned user, unsigned long times, RedisCoordinator& coordinator, Findings& findings,
                std::atomic<std::uint64_t>& good, Skipping& time) {
  unsigned number = 0;
  const auto fresh = [&number, user] { return support::tokens(nameOf(user) + std::to_string(++number)); };
  TokenSet current = fresh();
  for (unsigned long i = 0; i < times; ++i) {
    const auto begin = Time::now();
    const auto ask = [&](const TokenSet& spent) {
      if (!isOf(user, spent)) findings.add("another's refresh token was spent for " + nameOf(user));
      return RefreshAnswer{.tokens = fresh()};
    };
    const auto result = coordinator.refresh("c", current, ask, begin + 500ms);
    if (Time::now() - begin > 500ms + support::overhead + 5s) findings.add("a refresh went on after its deadline");
    if (result && !isOf(user, result->tokens)) findings.add(nameOf(user) + " got another's tokens");
    if (!result && result.error().end == RefreshEnd::invalidGrant) findings.add(nameOf(user) + " was signed out");
    if (!result) time.skip(result.error());
    current = result ? result->tokens : fresh();
    if (result) ++good;
    if (i % 16 == 15) {
      coordinator.end("c", current, [&, user](const TokenSet& last) {
        if (!isOf(user, last)) findings.add("another's tokens were revoked for " + nameOf(user));
      });
      current = fresh();
    }
  }
}

RedisOptions optionsFor(const FakeRedis& server) {
  return {
      .passwords = support::password, .port = server.port(), .timeout = commandTime, .failures = 1000, .pause = 100ms};
}

}  // namespace

TEST_CASE("V02 a Redis that lies gives nobody another's tokens, and no refresh waits past its deadline") {
  const unsigned long refreshes = numberIn("IRONJAR_LIES", 5'000);
  const unsigned long seed = numberIn("IRONJAR_SEED", 20261128);
  CAPTURE(seed);
  Liar liar(seed);
  Findings findings;
  std::atomic<std::uint64_t> good = 0;
  Skipping time;
  FakeRedis server(support::answering([&](const std::vector<std::string>& words) { return liar(words); }));
  {
    support::WatchedReplica replica(optionsFor(server),
                                    {.local = {.threads = 16, .now = [&time] { return time.now(); }}, .lease = 100ms});
    std::vector<std::thread> workers;
    for (unsigned worker = 0; worker < threads; ++worker) {
      workers.emplace_back([&, worker] {
        for (unsigned user = worker; user < users; user += threads) {
          refreshFor(user, refreshes / users + 1, *replica.coordinator, findings, good, time);
        }
      });
    }
    for (std::thread& worker : workers) worker.join();
  }
  for (const std::string& what : findings.all()) FAIL_CHECK(what);
  // Or the lies are so many that nothing is tried. Where most answers come too late it is tried less often.
  CHECK(good > refreshes / 2);
  CHECK(liar.values() > users);
  MESSAGE(good.load(), " refreshes, ", liar.told(), " commands, ", liar.values(), " values to lie with");
}

TEST_CASE("V02 a Redis that lies denies no session that nobody denied, and none for long") {
  const unsigned long looks = numberIn("IRONJAR_LIES", 5'000);
  Liar liar(numberIn("IRONJAR_SEED", 20261128));
  Findings findings;
  FakeRedis server(support::answering([&](const std::vector<std::string>& words) { return liar(words); }));
  const auto redis = std::make_shared<Redis>(optionsFor(server));
  // The one process denies, so that the liar has real denials of others to show to the other.
  RedisRevocationList denying(redis);
  RedisRevocationList looking(redis);
  const auto marksOf = [](unsigned user) {
    return std::array<RevocationList::Mark, 2>{{{RevocationList::Mark::Kind::session, nameOf(user)},
                                                {RevocationList::Mark::Kind::sub, nameOf(user), "https://idp"}}};
  };
  for (unsigned user = 1; user < users; user += 2) {
    for (const auto& mark : marksOf(user)) denying.deny(mark);
  }
  std::vector<std::thread> workers;
  for (unsigned worker = 0; worker < threads; ++worker) {
    workers.emplace_back([&, worker] {
      for (unsigned long i = 0; i < looks / threads; ++i) {
        const unsigned user = 2 * ((worker + static_cast<unsigned>(i)) % (users / 2));  // whom nobody denied
        const auto begin = Time::now();
        if (looking.check(marksOf(user), systemClock() - 1h) == Revoked::yes) findings.add(nameOf(user) + " is denied");
        if (Time::now() - begin > commandTime * 4 + support::overhead + 5s) findings.add("a look takes too long");
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  for (const std::string& what : findings.all()) FAIL_CHECK(what);
  CHECK(liar.values() >= users);
}

}  // namespace redis_liar_test

// The simulator's Redis does what the scripts do in a real one: random calls on both, with what others may have
// planted, and time that passes.
#include "redis/redis_server.hpp"
#include "redis/scripts.hpp"
#include "sim/random.hpp"
#include "sim/redis/data.hpp"

#include <doctest/doctest.h>

namespace redis_simulated_test {

using namespace ironjar;
using namespace ironjar::detail;
using namespace std::chrono_literals;
using sim::Random;
using sim::RedisData;

namespace {

using Millis = std::chrono::milliseconds;
using Texts = std::vector<std::string>;

constexpr std::size_t size = 60;    // of the largest value
constexpr Millis tolerance{4'000};  // times end 5 s from where anything is decided
constexpr std::array<Millis, 4> times = {Millis{25'000}, Millis{75'000}, Millis{205'000}, Millis{1'005'000}};

class Real {
 public:
  Real() : context_(support::connectTo(server_.port())) {}

  std::string run(const Texts& words) {
    std::vector<const char*> texts;
    std::vector<std::size_t> sizes;
    for (const std::string& word : words) {
      texts.push_back(word.data());
      sizes.push_back(word.size());
    }
    const std::unique_ptr<redisReply, void (*)(void*)> reply(
        static_cast<redisReply*>(
            redisCommandArgv(context_.get(), static_cast<int>(words.size()), texts.data(), sizes.data())),
        freeReplyObject);
    REQUIRE(reply);
    if (reply->type == REDIS_REPLY_ERROR) return "error " + support::textOf(*reply);
    return support::textOf(*reply);
  }
  std::string run(const RedisScript& script, const Texts& keys, const Texts& arguments) {
    Texts words = {"EVAL", script.text, std::to_string(keys.size())};
    words.insert(words.end(), keys.begin(), keys.end());
    words.insert(words.end(), arguments.begin(), arguments.end());
    return run(words);
  }
  Millis left(const std::string& key) { return Millis{std::stoll(run({"PTTL", key}))}; }
  Texts keys() {
    Texts keys;
    std::istringstream lines(run({"KEYS", "*"}));
    for (std::string line; std::getline(lines, line);) keys.push_back(line);
    return keys;
  }

 private:
  support::RedisServer server_;
  support::RedisContext context_;
};

std::string textOf(const Reply& reply) {
  if (reply.kind == Reply::Kind::number) return std::to_string(reply.number);
  if (reply.kind != Reply::Kind::array) return reply.text;
  std::string text;
  for (const Reply& item : reply.items) text += textOf(item) + "\n";
  return text;
}

// Both servers, and what is done to them.
class Both {
 public:
  explicit Both(Real& real, std::uint64_t seed) : real_(real), random_(seed) {
    real_.run({"FLUSHALL"});
    passwords_ = random_.of({1U, 1U, 2U, 3U});
  }

  void step() {
    const std::size_t what = random_.below(100);
    if (what < 6) return pass(Millis{random_.of({30'000, 100'000, 400'000})});
    if (what < 16) return plant();
    const Texts keys = what < 76 || what >= 90 ? tokenKeys() : Texts{keys_.at(0), keys_.at(1)};
    using Script = const RedisScript& (*)();
    constexpr std::array<Script, 7> scripts = {claimScript,  publishScript, publishScript, renewScript,
                                               logOutScript, claimScript,   publishScript};
    if (what < 76) return run(random_.of(scripts)(), keys, tokenCall());
    if (what < 90) {
      return run(random_.chance(0.5) ? storeScript() : storeLatestScript(), keys,
                 {std::to_string(size), std::to_string(random_.of(times).count()), value(), value()});
    }
    run(lookUpScript(), keys, {std::to_string(size)});
  }

  void compare() {
    const auto simulated = data_.all(now());
    const Texts keys = real_.keys();
    CHECK(keys.size() == simulated.size());
    for (const std::string& key : keys) {
      const auto found = simulated.find(key);
      REQUIRE(found != simulated.end());
      const std::string type = real_.run({"TYPE", key});
      CHECK((type == "string") == found->second.isText);
      if (type == "string") CHECK(real_.run({"GET", key}) == found->second.text);
      const Millis left = real_.left(key);
      CHECK((left == Millis{-1}) == !found->second.endsAt);
      if (!found->second.endsAt) continue;
      CHECK(std::chrono::abs(*found->second.endsAt - now() - left) < tolerance);
    }
  }

 private:
  [[nodiscard]] MonotonicTime now() const { return std::chrono::steady_clock::now() + passed_; }

  [[nodiscard]] Texts tokenKeys() const {
    Texts keys;
    for (const char* part : {"", ":lock", ":last"}) {
      for (unsigned i = 0; i < passwords_; ++i) keys.push_back("t" + std::to_string(i) + part);
    }
    return keys;
  }
  std::string value() {
    const std::string digits = "000000000000000" + std::to_string(random_.below(3));
    return random_.of({std::string("o"), std::string("r"), std::string("d")}) + digits + random_.of({"x", "y"});
  }
  std::string owner() { return random_.of({"anna", "bert", "carl"}); }
  Texts tokenCall() {
    const auto time = [&] { return std::to_string(random_.of(times).count()); };
    Texts call = {std::to_string(size), owner(), time(), time(), "600000", {}, {}, time()};
    call[whatArgument] = random_.of({"r", "r", "d", "f", "", "anna", "bert"});
    call[noteArgument] = random_.of({std::string("a note"), std::string(), std::string(16, '0'),
                                     "000000000000" + std::to_string(random_.below(3)) + "000"});
    const auto there = data_.all(now());
    for (unsigned i = 0; i < passwords_; ++i) {
      const auto found = there.find("t" + std::to_string(i));
      call.push_back(found != there.end() && random_.chance(0.2) ? found->second.text : std::string());
    }
    for (unsigned i = 0; i < passwords_; ++i) call.push_back(value());
    return call;
  }

  void run(const RedisScript& script, const Texts& keys, const Texts& arguments) {
    const auto simulated = data_.run(script, keys, arguments, now());
    CHECK(textOf(simulated.reply) == real_.run(script, keys, arguments));
    CHECK(script.canAnswer(simulated.reply, keys.size()));
  }
  void pass(Millis time) {
    passed_ += time;
    for (const std::string& key : real_.keys()) {
      const Millis left = real_.left(key);
      if (left < Millis{0}) continue;
      left > time ? real_.run({"PEXPIRE", key, std::to_string((left - time).count())}) : real_.run({"DEL", key});
    }
  }
  void plant() {
    const Texts keys = tokenKeys();
    const std::string key = keys.at(random_.below(keys.size()));
    real_.run({"DEL", key});
    if (random_.chance(0.2)) {
      real_.run({"RPUSH", key, "x"});
      return data_.plant(key, {.text = "", .isText = false});
    }
    const std::string text = random_.of({std::string(), std::string(size, 'o'), std::string(size + 1, 'o'), value(),
                                         owner(), owner() + "|f for those that wait", owner() + "|r"});
    real_.run({"SET", key, text});
    if (random_.chance(0.3)) return data_.plant(key, {.text = text});
    const Millis time = random_.of(times);
    real_.run({"PEXPIRE", key, std::to_string(time.count())});
    data_.plant(key, {.text = text, .endsAt = now() + time});
  }

  Real& real_;
  Random random_;
  RedisData data_;
  Millis passed_{0};
  unsigned passwords_ = 1;
  const Texts keys_ = {"d0", "d1"};
};

TEST_CASE("the simulator's scripts do what those in a real Redis do") {
  Real real;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    Both both(real, seed);
    for (int i = 0; i < 60; ++i) {
      CAPTURE(i);
      both.step();
      if (i % 5 == 4) both.compare();
    }
  }
}

TEST_CASE("what a replica has not been sent is taken back, step by step") {
  const MonotonicTime begin{1h};
  const Texts keys = {"t", "t:lock", "t:last"};
  const auto call = [](const std::string& owner) {
    return Texts{"100", owner, "1000", "9000", "600000", "r", "", "9000", "", "rnew"};
  };
  RedisData data;
  CHECK(textOf(data.run(claimScript(), keys, call("anna"), begin).reply) == "mine\n");
  CHECK(textOf(data.run(publishScript(), keys, call("anna"), begin + 10ms).reply) == "stored\n");
  CHECK(data.takeBack(begin + 10ms) == 1);
  CHECK(textOf(data.run(claimScript(), keys, call("bert"), begin + 20ms).reply) == "locked\nanna\n");
  CHECK(textOf(data.run(claimScript(), keys, call("bert"), begin + 1001ms).reply) == "mine\n");
}

}  // namespace

}  // namespace redis_simulated_test

// AgedMap beside what it stands for, and StoredTokens.
#include "refresh/aged_map.hpp"

#include "refresh/stored_tokens.hpp"
#include "support/support.hpp"

#include <cstring>
#include <list>
#include <map>
#include <random>

namespace aged_map_test {

using namespace ironjar;
using namespace ironjar::detail;
using namespace std::chrono_literals;

namespace {

using Map = AgedMap<std::string, 2, std::string>;

// Few places to begin with, so that keys stand in each other's way.
TokenKey keyOf(std::uint32_t number) {
  TokenKey key{};
  key[0] = static_cast<unsigned char>(number % 5 * 51);
  key[15] = static_cast<unsigned char>(number);
  key[14] = static_cast<unsigned char>(number >> 8U);
  return key;
}

// The same with a tree and lists.
struct Model {
  struct Value {
    std::string text;
    std::size_t queue;
    Map::Note note = {};
  };
  std::map<TokenKey, Value> values;
  std::array<std::list<TokenKey>, 2> queues;

  void put(const TokenKey& key, std::size_t queue) {
    for (auto& each : queues) each.remove(key);
    queues.at(queue).push_back(key);
    values[key].queue = queue;
  }
  void erase(const TokenKey& key) {
    for (auto& each : queues) each.remove(key);
    values.erase(key);
  }
};

void step(Map& map, Model& model, const TokenKey& key, std::uint32_t what) {
  Map::Node* node = map.find(key);
  const std::size_t queue = what / 8 % 2;
  if (node == nullptr) {
    map.insert(key, queue, MonotonicTime(Seconds{what})).value = std::to_string(what);
    model.put(key, queue);
    model.values[key] = {std::to_string(what), queue};
  } else if (what % 4 == 0) {
    map.erase(*node);
    model.erase(key);
  } else if (what % 4 == 1) {
    map.move(*node, queue, MonotonicTime(Seconds{what}));
    model.put(key, queue);
  } else {
    static const std::string other;
    const Map::Note note{.isMarked = what % 4 == 2, .other = what % 8 < 4 ? &other : nullptr, .next = what};
    map.setNote(*node, note);
    model.values[key].note = note;
  }
}

void requireSame(Map& map, Model& model, std::uint32_t keys) {
  REQUIRE(map.size() == model.values.size());
  for (std::uint32_t number = 0; number < keys; ++number) {
    const TokenKey key = keyOf(number);
    const auto expected = model.values.find(key);
    const Map::Node* node = map.find(key);
    const auto [found, note] = map.look(key);
    map.prefetch(hashOf(key));
    REQUIRE(found == node);
    REQUIRE((node != nullptr) == (expected != model.values.end()));
    if (node == nullptr) continue;
    REQUIRE(node->key() == key);
    REQUIRE(node->value == expected->second.text);
    REQUIRE(note == expected->second.note);
  }
  for (std::size_t queue = 0; queue < 2; ++queue) {
    const auto& expected = model.queues.at(queue);
    const Map::Node* first = map.front(queue);
    REQUIRE((first != nullptr) == !expected.empty());
    if (first) REQUIRE(first->key() == expected.front());
  }
}

}  // namespace

TEST_CASE("a map whose slots fill huge pages finds every key, and none that it has forgotten") {
  constexpr std::uint32_t keys = 100'000;
  Map map;
  const auto spread = [](std::uint64_t number) {  // as real keys are, which are hashes
    TokenKey key{};
    number *= 0x9e3779b97f4a7c15U;
    std::memcpy(key.data(), &number, sizeof number);
    return key;
  };
  for (std::uint32_t n = 0; n < keys; ++n) map.insert(spread(n), 0, MonotonicTime()).value = std::to_string(n);
  for (std::uint32_t n = 0; n < keys; n += 3) map.erase(*map.find(spread(n)));
  std::uint32_t wrong = 0;
  for (std::uint32_t n = 0; n < keys; ++n) {
    const auto* const found = map.find(spread(n));
    wrong += n % 3 == 0 ? found != nullptr : found == nullptr || found->value != std::to_string(n);
  }
  CHECK(wrong == 0);
}

TEST_CASE("a map of any history holds what a tree and lists hold") {
  std::mt19937 engine(1);
  const auto below = [&engine](std::uint32_t most) { return static_cast<std::uint32_t>(engine() % most); };
  for (const std::uint32_t keys : {1U, 7U, 60U, 1'000U}) {
    CAPTURE(keys);
    Map map;
    Model model;
    for (int round = 0; round < 40; ++round) {
      for (std::uint32_t i = 0; i < keys; ++i) step(map, model, keyOf(below(keys)), below(1'000));
      requireSame(map, model, keys);
    }
    for (const std::size_t queue : {0U, 1U}) {  // in their order to the last
      while (Map::Node* first = map.front(queue)) {
        REQUIRE(first->key() == model.queues.at(queue).front());
        model.erase(first->key());
        map.erase(*first);
      }
    }
    CHECK(map.size() == 0);
    CHECK(model.values.empty());
  }
}

TEST_CASE("a new value is an empty one, whatever was erased before it") {
  Map map;
  Map::Node& erased = map.insert(keyOf(1), 0, {});
  erased.value = "a secret";
  map.erase(erased);
  CHECK(map.insert(keyOf(2), 0, {}).value.empty());
}

TEST_CASE("a node stays where it is while others come and go") {
  Map map;
  Map::Node& kept = map.insert(keyOf(0), 0, {});
  kept.value = "kept";
  for (std::uint32_t number = 1; number < 5'000; ++number) map.insert(keyOf(number), 1, {});
  for (std::uint32_t number = 1; number < 5'000; number += 2) map.erase(*map.find(keyOf(number)));
  CHECK(map.find(keyOf(0)) == &kept);
  CHECK(kept.value == "kept");
  CHECK(map.look(keyOf(0)).note == Map::Note());
}

TEST_CASE("stored tokens come back as they were, into whatever was there") {
  const std::vector<TokenSet> all = {
      {},
      {.accessToken = "a"},
      {.accessToken = std::string(5'000, 'a'),
       .refreshToken = std::string("with\0zero", 9),
       .expiresAt = support::at(7),
       .scope = "read write",
       .lifetime = 3600s,
       .subject = "ada",
       .cookies = "a=1; b=2",
       .resource = "https://api.example"},
  };
  TokenSet into;
  for (const TokenSet& tokens : all) {
    for (const TokenSet& before : all) {
      into = before;
      const StoredTokens::Pointer stored = StoredTokens::make(keyOf(7), tokens);
      stored->prefetch();
      stored->copyTo(into);
      CHECK(into == tokens);
      CHECK(stored->successor() == keyOf(7));
      CHECK(stored->size() >= tokens.accessToken.size() + tokens.refreshToken.size());
    }
  }
}

}  // namespace aged_map_test

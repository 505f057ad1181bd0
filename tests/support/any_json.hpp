// Random JSON of every kind, and the comparison that tells 1 from 1.0.
#pragma once

#include "support.hpp"

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>

namespace support {

// Random values of every kind, with keys and strings that need escapes, and numbers at the edges of their types.
inline Json randomJson(std::mt19937_64& random, std::size_t level = 0) {
  const auto string = [&] {
    constexpr std::array<const char*, 12> pieces = {
        "a", "\"", "\\", "\n", "\x01", "\x7f", "\u00fc", "\u65e5", "\u00e9", "\U0001F36A", "longer than a word", ""};
    std::string out;
    for (auto n = random() % 6; n > 0; --n) out += pieces[random() % pieces.size()];
    return out;
  };
  switch (random() % (level < 4 ? 9 : 7)) {
    case 0:
      return nullptr;
    case 1:
      return random() % 2 == 0;
    case 2:
      return static_cast<std::int64_t>(random()) >> (random() % 64);
    case 3:
      return random() >> (random() % 64);
    case 4: {
      const double any = std::bit_cast<double>(random());
      return std::isfinite(any) ? any : 0.5;
    }
    case 5:
      return static_cast<double>(static_cast<std::int64_t>(random()) >> (random() % 64)) / 8;
    case 6:
      return string();
    case 7: {
      Json array = Json::array();
      for (auto n = random() % 5; n > 0; --n) array.push_back(randomJson(random, level + 1));
      return array;
    }
    default: {
      Json object = Json::object();
      for (auto n = random() % 5; n > 0; --n) object[string()] = randomJson(random, level + 1);
      return object;
    }
  }
}

// Compared as text too: nlohmann's `==` does not tell 1 from 1.0.
inline bool isIdentical(const Json& a, const Json& b) { return a == b && a.dump() == b.dump(); }

}  // namespace support

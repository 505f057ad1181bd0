// Random data for exchanges with other programs: the same for the same seed on every platform.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

namespace support {

using Json = nlohmann::json;

// The same throws on every platform, which the standard's distributions do not promise.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t bits() { return engine_(); }
  std::size_t below(std::size_t limit) { return static_cast<std::size_t>(engine_() % limit); }
  bool oneIn(std::size_t limit) { return below(limit) == 0; }
  template <class List>
  const auto& pick(const List& list) {
    return list[below(list.size())];
  }

 private:
  std::mt19937_64 engine_;
};

// ---- text ----

struct Script {
  char32_t first, last;
};

inline constexpr std::array<Script, 11> scripts = {{
    {U'a', U'z'},
    {0x20, 0x7e},  // ASCII, quotes and backslashes included
    {0x00, 0x1f},  // what JSON must escape
    {U'"', U'"'},
    {U'\\', U'\\'},
    {0x7f, 0x7ff},        // two bytes: C1 controls, Latin, Greek, Cyrillic, Hebrew, Arabic
    {0x800, 0xd7ff},      // three bytes: Devanagari, line separators, Chinese, Korean
    {0xe000, 0xffff},     // the rest of three bytes: private use, byte order mark, noncharacters
    {0x1f300, 0x1f6ff},   // emoji
    {0x1f1e6, 0x1f1ff},   // halves of flags
    {0x10000, 0x10ffff},  // four bytes
}};

inline void appendUtf8(std::string& out, char32_t c) {
  const auto put = [&out](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) return put(c);
  if (c < 0x800) return put(0xc0 | c >> 6U), put(0x80 | (c & 0x3f));
  if (c < 0x10000) return put(0xe0 | c >> 12U), put(0x80 | (c >> 6U & 0x3f)), put(0x80 | (c & 0x3f));
  put(0xf0 | c >> 18U), put(0x80 | (c >> 12U & 0x3f)), put(0x80 | (c >> 6U & 0x3f)), put(0x80 | (c & 0x3f));
}

inline std::string randomText(Dice& dice, std::size_t length) {
  const bool mixed = dice.oneIn(2);
  const Script only = dice.pick(scripts);
  std::string text;
  for (std::size_t i = 0; i < length; ++i) {
    const Script script = mixed ? dice.pick(scripts) : only;
    appendUtf8(text, script.first + static_cast<char32_t>(dice.below(script.last - script.first + 1)));
  }
  return text;
}

inline std::string randomLetters(Dice& dice, std::size_t length) {
  constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  for (std::size_t i = 0; i < length; ++i) text.push_back(dice.pick(letters));
  return text;
}

// ---- data ----

inline Json randomFloat(Dice& dice) {
  const std::uint64_t bits = dice.bits();
  double number = 0;
  std::memcpy(&number, &bits, sizeof number);
  return std::isfinite(number) ? number : 0.5;
}

inline Json randomNumber(Dice& dice) {
  const std::uint64_t natural = dice.bits() >> (11 + dice.below(53));  // up to 2^53 - 1, what JavaScript counts exactly
  switch (dice.below(5)) {
    case 0:
      return natural;
    case 1:
      return -static_cast<std::int64_t>(natural);
    case 2:
      return static_cast<double>(natural);
    case 3:
      return static_cast<double>(natural) / 1000;
    default:
      return randomFloat(dice);
  }
}

inline std::string randomKey(Dice& dice) {
  constexpr std::array<const char*, 5> special = {"__proto__", "constructor", "toString", "0", ""};
  return dice.oneIn(15) ? dice.pick(special) : randomText(dice, dice.below(12));
}

inline Json randomValue(Dice& dice, std::size_t depth);

inline Json randomArray(Dice& dice, std::size_t depth) {
  Json array = Json::array();
  for (std::size_t size = dice.below(4); size > 0; --size) array.push_back(randomValue(dice, depth + 1));
  return array;
}

inline Json randomObject(Dice& dice, std::size_t depth) {
  Json object = Json::object();
  for (std::size_t size = dice.below(4); size > 0; --size) object[randomKey(dice)] = randomValue(dice, depth + 1);
  return object;
}

inline Json randomScalar(Dice& dice) {
  switch (dice.below(7)) {
    case 0:
      return nullptr;
    case 1:
      return dice.oneIn(2);
    case 2:
      return dice.below(1000);
    case 3:
      return randomNumber(dice);
    default:
      return randomText(dice, dice.below(60));
  }
}

inline Json randomValue(Dice& dice, std::size_t depth) {
  const std::size_t kind = depth < 8 ? dice.below(4) : 0;
  if (kind == 3) return randomArray(dice, depth);
  return kind == 2 ? randomObject(dice, depth) : randomScalar(dice);
}

inline Json nested(Dice& dice, Json value) {
  for (std::size_t depth = dice.below(64); depth > 0; --depth) {
    value = dice.oneIn(2) ? Json::array({std::move(value)}) : Json::object({{"n", std::move(value)}});
  }
  return value;
}

inline Json randomMember(Dice& dice) {
  return dice.oneIn(20) ? nested(dice, randomNumber(dice)) : randomValue(dice, 1);
}

// An object of up to some 3,000 bytes. Never an empty one, as that is also what iron-session makes of a seal that it
// does not open.
inline Json randomSession(Dice& dice) {
  const std::size_t target = dice.below(3000);
  Json session = Json::object();
  for (;;) {
    const std::string key = randomKey(dice);
    Json member = randomMember(dice);
    if (!session.empty() && session.dump().size() + member.dump().size() > target) return session;
    session[key] = std::move(member);
  }
}

}  // namespace support

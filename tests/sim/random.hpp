// Draws that follow from numbers, or from a fuzzer's bytes: what is drawn for one message does not depend on whether
// another one was sent, so that a history from which events were taken out is the same history otherwise.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

namespace sim {

[[nodiscard]] constexpr std::uint64_t mixed(std::uint64_t number) {  // SplitMix64
  number += 0x9e3779b97f4a7c15U;
  number = (number ^ (number >> 30U)) * 0xbf58476d1ce4e5b9U;
  number = (number ^ (number >> 27U)) * 0x94d049bb133111ebU;
  return number ^ (number >> 31U);
}
[[nodiscard]] constexpr std::uint64_t mixed(std::uint64_t a, std::uint64_t b) { return mixed(mixed(a) ^ b); }
[[nodiscard]] constexpr std::uint64_t mixed(std::uint64_t a, std::string_view text) {
  for (const char c : text) a = (a ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return mixed(a);
}

class Random {
 public:
  explicit constexpr Random(std::uint64_t seed) : state_(seed) {}
  // Each draw is one of the bytes, as long as there are some: a fuzzer that changes one changes that draw.
  explicit constexpr Random(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  constexpr std::uint64_t next() {
    if (bytes_.empty()) return mixed(state_++);
    const std::uint64_t byte = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return byte * 0x0101010101010101U;  // for chance(), which looks at the first bits, and for all others
  }
  // Both included.
  constexpr std::int64_t between(std::int64_t least, std::int64_t most) {
    return least + static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(most - least + 1));
  }
  constexpr std::size_t below(std::size_t count) { return next() % count; }
  constexpr bool chance(double probability) { return static_cast<double>(next() >> 11U) * 0x1.0p-53 < probability; }
  template <class List>
  constexpr auto of(const List& list) {
    return *(list.begin() + static_cast<std::ptrdiff_t>(below(list.size())));
  }
  template <class T>
  constexpr T of(std::initializer_list<T> list) {
    return *(list.begin() + static_cast<std::ptrdiff_t>(below(list.size())));
  }

 private:
  std::uint64_t state_ = 0;
  std::span<const std::uint8_t> bytes_;
};

}  // namespace sim

// What the fuzzers share. Each fuzz_<target>.cpp defines LLVMFuzzerTestOneInput for libFuzzer, which tests/check.sh
// fuzz runs; and for replay.cpp, by which the corpus is a test like any other, under any compiler.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include <ironjar/ironjar.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace fuzz {

inline constexpr const char* password = "Zk3-first-password-that-is-long-enough-0001";
inline constexpr const char* otherPassword = "Qm8-second-password-that-is-long-enough-002";

// An invariant: what does not hold is a finding, and ends the program so that libFuzzer keeps the input.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "invariant broken: %s\n", what);
  std::abort();
}

// One of the errors that a function's contract lists.
template <class T>
void requireError(const ironjar::Result<T>& result, std::initializer_list<ironjar::Errc> allowed) {
  require(std::find(allowed.begin(), allowed.end(), result.error().code) != allowed.end(), "an error of the contract");
}

inline ironjar::TimePoint noon() { return ironjar::TimePoint(std::chrono::seconds{1'700'000'000}); }

// Takes an input apart: numbers and texts off its front, until nothing is left, and then zeros and empty texts.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

  [[nodiscard]] bool empty() const { return rest_.empty(); }
  std::uint8_t byte() {
    const std::string_view taken = bytes(1);
    return taken.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(taken.front());
  }
  std::uint64_t number(std::size_t size) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < size; ++i) value = value << 8U | byte();
    return value;
  }
  bool flag() { return (byte() & 1U) != 0; }
  std::string_view bytes(std::size_t size) {
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  // Up to a 0x1e, which is taken too.
  std::string_view text() {
    const std::string_view taken = rest_.substr(0, rest_.find('\x1e'));
    rest_.remove_prefix(std::min(taken.size() + 1, rest_.size()));
    return taken;
  }
  std::string_view rest() { return bytes(rest_.size()); }

 private:
  std::string_view rest_;
};

}  // namespace fuzz

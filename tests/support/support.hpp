// What the tests share: recorded vectors, a password, a point in time.
#pragma once

#include "canary.hpp"

#include <cstdint>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <ironjar/ironjar.hpp>
#include <ironjar/testing/clock.hpp>

namespace ironjar {

// How doctest prints them.
inline std::ostream& operator<<(std::ostream& out, Errc code) { return out << describe(code); }

}  // namespace ironjar

namespace support {

using ironjar::Json;

inline const char* const password = secret("IRONJAR_TEST_PASSWORD", "Zk3-first-password-that-is-long-enough-0001");
inline const char* const otherPassword =
    secret("IRONJAR_TEST_OTHER_PASSWORD", "Qm8-second-password-that-is-long-enough-002");
inline const char* const clientSecret = secret("IRONJAR_TEST_CLIENT_SECRET", "secret");

inline Json vectors(const std::string& name) {
  std::ifstream file(std::string(IRONJAR_VECTORS) + "/" + name);
  if (!file) throw std::runtime_error("no such vectors: " + name);
  return Json::parse(file);
}

// By value, so that a range-for over it keeps it alive.
inline Json cases(const std::string& name) { return vectors(name).at("cases"); }

// A map id -> password as the recordings have them.
inline ironjar::Passwords passwordsFrom(const Json& byId) {
  std::vector<std::pair<std::uint32_t, std::string_view>> list;
  for (const auto& [id, secret] : byId.items()) {
    list.emplace_back(static_cast<std::uint32_t>(std::stoul(id)), secret.get_ref<const std::string&>());
  }
  return ironjar::Passwords(list);
}

inline ironjar::TimePoint at(std::int64_t milliseconds) {
  return ironjar::TimePoint(std::chrono::milliseconds(milliseconds));
}

// Why something has failed, or nothing: to be compared with a code, with how a login has ended, or with nullopt.
struct Failure {
  Failure(std::nullopt_t = std::nullopt) {}                                   // NOLINT: conversions are the point
  Failure(std::optional<ironjar::Errc> c) : code(c) {}                        // NOLINT
  Failure(ironjar::Errc c) : code(c) {}                                       // NOLINT
  Failure(ironjar::RefreshEnd e) : Failure(ironjar::loginOver(e)) {}          // NOLINT
  Failure(const ironjar::Error& error) : code(error.code), end(error.end) {}  // NOLINT

  explicit operator bool() const { return code.has_value(); }
  operator std::optional<ironjar::Errc>() const { return code; }  // NOLINT
  // Before std::optional's own, which would compare its value with a Failure.
  friend bool operator==(const Failure& seen, const std::optional<ironjar::Errc>& expected) {
    return seen.code == expected;
  }
  friend bool operator==(const Failure& seen, ironjar::Errc expected) { return seen.code == expected; }
  friend bool operator==(const Failure& seen, std::nullopt_t) { return !seen.code; }
  friend bool operator==(const Failure& seen, const Failure& expected) {
    return expected.end ? seen.end == expected.end : seen.code == expected.code;
  }

  std::optional<ironjar::Errc> code;
  std::optional<ironjar::RefreshEnd> end;
};

template <class T>
Failure errorOf(const ironjar::Result<T>& result) {
  if (result) return {};
  tell(nameOf(result.error().code), result.error().detail);
  return result.error();
}

// Tells every event, if anything is to be told.
inline ironjar::Observer teller() {
  if (!isTelling()) return {};
  return [](const ironjar::Event& event) { tell("event", ironjar::toLine(event)); };
}

inline std::string hex(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    text.push_back(digits[static_cast<unsigned char>(c) >> 4U]);
    text.push_back(digits[static_cast<unsigned char>(c) & 15U]);
  }
  return text;
}

}  // namespace support

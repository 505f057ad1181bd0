// JSON as ironjar accepts it: one value, at most 64 levels deep, no key twice in an object at any depth, valid UTF-8,
// no byte order mark. Total: never throws for what a text or a value holds.
#pragma once

#include <string>
#include <string_view>

#include <ironjar/error.hpp>
#include <ironjar/types.hpp>

namespace ironjar::detail {

inline constexpr std::size_t maxJsonDepth = 64;

// Errc::malformed, Errc::tooLarge (depth). A lone surrogate escape, which JavaScript can write and UTF-8 cannot hold,
// becomes U+FFFD, as everywhere in JavaScript where a string turns into UTF-8.
[[nodiscard]] Result<Json> parseJson(std::string_view text);

// The same without a copy, for a text that is followed by jsonPadding bytes which may be read; what they hold does not
// matter.
inline constexpr std::size_t jsonPadding = 64;
[[nodiscard]] Result<Json> parsePaddedJson(std::string_view text);

// The same again, byte by byte: what decides whenever the fast parser refuses, so that what is accepted does not depend
// on it.
[[nodiscard]] Result<Json> parseJsonSlowly(std::string_view text);

// At most how many bytes writeJson(out, data) writes; `level` is how many containers are around `data`. Errc::malformed
// for invalid UTF-8, a number that is not finite and binary values; Errc::tooLarge (depth), which it finds out 64
// levels down, however deep the value is.
[[nodiscard]] Result<std::size_t> jsonBound(const Json& data, std::size_t level = 0);

// Writes what jsonBound accepted, without a terminator, and returns the end.
char* writeJson(char* out, const Json& data);

// Both in one. Errors as jsonBound's.
[[nodiscard]] Result<std::string> writeJson(const Json& data);

// Whether both are written in the same way: 1 and 1.0 are not, and -1 is not 2^64 - 1, as it is to nlohmann's `==`. For
// what jsonBound accepted.
[[nodiscard]] bool isSameJson(const Json& a, const Json& b);

// Empties a value from its leaves up. nlohmann's destructor allocates for whatever holds something, and ends the
// program when it cannot; for what is empty it needs nothing. A value may have any number of levels: what lies below
// the 64th takes no stack.
void dismantleStructured(Json& data, std::size_t level) noexcept;  // an object or array
inline void dismantle(Json& data, std::size_t level = 0) noexcept {
  if (data.is_structured()) dismantleStructured(data, level);
}

// Dismantles a value when the scope ends.
class Dismantled {
 public:
  explicit Dismantled(Json& data) : data_(data) {}
  Dismantled(const Dismantled&) = delete;
  Dismantled& operator=(const Dismantled&) = delete;
  ~Dismantled() { dismantle(data_); }

 private:
  Json& data_;
};

}  // namespace ironjar::detail

#include "base/swar.hpp"
#include "json/json.hpp"
#include "json/simdjson.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>

namespace ironjar::detail {
namespace {

constexpr std::size_t longestInteger = 20;
constexpr std::size_t longestFloat = 32;

Error notSealable(const char* what) { return fail(Errc::malformed, std::string("the data holds ") + what); }

// How many bytes a character takes in a JSON string (RFC 8259 section 7).
constexpr std::array<unsigned char, 256> makeWidths() {
  std::array<unsigned char, 256> widths{};
  widths.fill(1);
  for (std::size_t control = 0; control < 0x20; ++control) widths[control] = 6;
  for (const char c : {'\b', '\f', '\n', '\r', '\t', '"', '\\'}) widths[static_cast<unsigned char>(c)] = 2;
  return widths;
}
constexpr auto widths = makeWidths();

std::size_t widthOf(char c) { return widths[static_cast<unsigned char>(c)]; }

struct Traits {
  bool escapes;
  bool beyondAscii;
};

Traits traitsOf(std::string_view text) {
  std::uint64_t escapes = 0;
  std::uint64_t all = 0;
  forEachWord(text, 'x', [&](std::uint64_t word) {
    all |= word;
    escapes |= hasLess(word, 0x20) | hasByte(word, '"') | hasByte(word, '\\');
  });
  return {(escapes & highBits) != 0, (all & highBits) != 0};
}

// Nothing when it is not UTF-8.
std::optional<std::size_t> stringBound(std::string_view text) {
  const Traits traits = traitsOf(text);
  if (traits.beyondAscii && !isUtf8(text)) return std::nullopt;
  if (!traits.escapes) return text.size() + 2;
  std::size_t size = 2;
  for (const char c : text) size += widthOf(c);
  return size;
}

char* put(char* out, std::string_view text) { return std::copy(text.begin(), text.end(), out); }

char* putEscaped(char* out, char c) {
  constexpr std::string_view hexDigits = "0123456789abcdef";
  *out++ = '\\';
  switch (c) {
    case '\b':
      *out++ = 'b';
      return out;
    case '\f':
      *out++ = 'f';
      return out;
    case '\n':
      *out++ = 'n';
      return out;
    case '\r':
      *out++ = 'r';
      return out;
    case '\t':
      *out++ = 't';
      return out;
    case '"':
    case '\\':
      *out++ = c;
      return out;
    default:
      out = put(out, "u00");
      *out++ = hexDigits[static_cast<unsigned char>(c) >> 4U];
      *out++ = hexDigits[static_cast<unsigned char>(c) & 15U];
      return out;
  }
}

char* putString(char* out, std::string_view text) {
  *out++ = '"';
  if (traitsOf(text).escapes) {
    for (const char c : text) {
      if (widthOf(c) == 1) {
        *out++ = c;
      } else {
        out = putEscaped(out, c);
      }
    }
  } else {
    out = put(out, text);
  }
  *out++ = '"';
  return out;
}

template <class Integer>
char* putInteger(char* out, Integer value) {
  return std::to_chars(out, out + longestInteger, value).ptr;
}

// The shortest text that reads back as the same number, and as a number that is no integer: plain where that is short.
char* putFloat(char* out, double value) {
  const double size = std::fabs(value);
  const bool plain = size == 0 || (size >= 1e-4 && size < 1e15);
  const auto format = plain ? std::chars_format::fixed : std::chars_format::scientific;
  char* const end = std::to_chars(out, out + longestFloat, value, format).ptr;
  return plain && std::find(out, end, '.') == end ? put(end, ".0") : end;
}

// Of the elements, without the brackets. Stops at the first error.
class Bound {
 public:
  std::optional<Error> add(const Json& value, std::size_t level) {
    switch (value.type()) {
      case Json::value_t::object:
        return addObject(value, level);
      case Json::value_t::array:
        return addArray(value, level);
      case Json::value_t::string:
        return addString(value.get_ref<const std::string&>());
      case Json::value_t::number_float:
        if (!std::isfinite(value.get_ref<const double&>())) return notSealable("a number that is not finite");
        size_ += longestFloat;
        return std::nullopt;
      case Json::value_t::number_integer:
      case Json::value_t::number_unsigned:
        size_ += longestInteger;
        return std::nullopt;
      case Json::value_t::boolean:
      case Json::value_t::null:
        size_ += 5;
        return std::nullopt;
      default:
        return notSealable("a value that is not JSON");
    }
  }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  static Error tooDeep() { return fail(Errc::tooLarge, "the data holds more than 64 levels"); }

  std::optional<Error> addString(const std::string& text) {
    const auto bound = stringBound(text);
    if (!bound) return fail(Errc::malformed, "the data holds a string that is not UTF-8");
    size_ += *bound;
    return std::nullopt;
  }
  std::optional<Error> addArray(const Json& array, std::size_t level) {
    if (level >= maxJsonDepth) return tooDeep();
    const auto& elements = array.get_ref<const Json::array_t&>();
    size_ += 2 + elements.size();
    for (const Json& element : elements) {
      if (auto error = add(element, level + 1)) return error;
    }
    return std::nullopt;
  }
  std::optional<Error> addObject(const Json& object, std::size_t level) {
    if (level >= maxJsonDepth) return tooDeep();
    const auto& members = object.get_ref<const Json::object_t&>();
    size_ += 2 + 2 * members.size();
    for (const auto& [key, value] : members) {
      if (auto error = addString(key)) return error;
      if (auto error = add(value, level + 1)) return error;
    }
    return std::nullopt;
  }

  std::size_t size_ = 0;
};

char* putArray(char* out, const Json::array_t& elements) {
  *out++ = '[';
  for (const Json& element : elements) {
    out = writeJson(out, element);
    *out++ = ',';
  }
  if (!elements.empty()) --out;
  *out++ = ']';
  return out;
}

char* putObject(char* out, const Json::object_t& members) {
  *out++ = '{';
  for (const auto& [key, value] : members) {
    out = putString(out, key);
    *out++ = ':';
    out = writeJson(out, value);
    *out++ = ',';
  }
  if (!members.empty()) --out;
  *out++ = '}';
  return out;
}

bool isSameInteger(const Json& a, const Json& b) {
  const bool bothAreUnsigned = a.is_number_unsigned() && b.is_number_unsigned();
  if (a.is_number_unsigned() == b.is_number_unsigned()) {
    return bothAreUnsigned ? a.get<std::uint64_t>() == b.get<std::uint64_t>()
                           : a.get<std::int64_t>() == b.get<std::int64_t>();
  }
  const Json& natural = a.is_number_unsigned() ? a : b;
  const Json& whole = a.is_number_unsigned() ? b : a;
  return std::cmp_equal(natural.get<std::uint64_t>(), whole.get<std::int64_t>());
}

}  // namespace

Result<std::size_t> jsonBound(const Json& data, std::size_t level) {
  Bound bound;
  if (auto error = bound.add(data, level)) return *std::move(error);
  return bound.size();
}

char* writeJson(char* out, const Json& data) {
  switch (data.type()) {
    case Json::value_t::object:
      return putObject(out, data.get_ref<const Json::object_t&>());
    case Json::value_t::array:
      return putArray(out, data.get_ref<const Json::array_t&>());
    case Json::value_t::string:
      return putString(out, data.get_ref<const std::string&>());
    case Json::value_t::number_float:
      return putFloat(out, data.get_ref<const double&>());
    case Json::value_t::number_integer:
      return putInteger(out, data.get_ref<const std::int64_t&>());
    case Json::value_t::number_unsigned:
      return putInteger(out, data.get_ref<const std::uint64_t&>());
    case Json::value_t::boolean:
      return put(out, data.get_ref<const bool&>() ? "true" : "false");
    default:
      return put(out, "null");
  }
}

Result<std::string> writeJson(const Json& data) {
  const Result<std::size_t> bound = jsonBound(data);
  if (!bound) return bound.error();
  std::string text(*bound, '\0');
  text.resize(static_cast<std::size_t>(writeJson(text.data(), data) - text.data()));
  return text;
}

bool isSameJson(const Json& a, const Json& b) {
  if (a.is_number_integer() && b.is_number_integer()) return isSameInteger(a, b);
  if (a.type() != b.type()) return false;
  switch (a.type()) {
    case Json::value_t::object: {
      const auto& left = a.get_ref<const Json::object_t&>();
      const auto& right = b.get_ref<const Json::object_t&>();
      return std::equal(left.begin(), left.end(), right.begin(), right.end(), [](const auto& x, const auto& y) {
        return x.first == y.first && isSameJson(x.second, y.second);
      });
    }
    case Json::value_t::array: {
      const auto& left = a.get_ref<const Json::array_t&>();
      const auto& right = b.get_ref<const Json::array_t&>();
      return std::equal(left.begin(), left.end(), right.begin(), right.end(), isSameJson);
    }
    case Json::value_t::number_float: {
      const double left = a.get_ref<const double&>();
      const double right = b.get_ref<const double&>();
      return left == right && std::signbit(left) == std::signbit(right);  // 0.0 and -0.0 are written differently
    }
    default:
      return a == b;
  }
}

}  // namespace ironjar::detail

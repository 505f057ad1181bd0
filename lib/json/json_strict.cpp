#include "json/json_strict.hpp"

#include "base/ascii.hpp"
#include "crypto/secret.hpp"

#include <cmath>
#include <cstdint>
#include <vector>

namespace ironjar::detail {
namespace {

// Builds the document and stops at the first thing that is not accepted: before any deep structure exists.
class StrictBuilder {
 public:
  explicit StrictBuilder(Json& root) : root_(root) {}
  [[nodiscard]] Error error() const { return refusal(fault_); }

  bool null() { return put(nullptr) != nullptr; }
  bool boolean(bool value) { return put(value) != nullptr; }
  bool number_integer(std::int64_t value) { return put(value) != nullptr; }
  bool number_unsigned(std::uint64_t value) { return put(value) != nullptr; }
  bool number_float(double value, const std::string&) {
    return std::isfinite(value) ? put(value) != nullptr : reject(JsonFault::numberOutOfRange);
  }
  bool string(std::string& value) { return put(std::move(value)) != nullptr; }
  bool binary(Json::binary_t&) { return reject(JsonFault::binary); }
  bool start_object(std::size_t) { return descend(Json::object()); }
  bool start_array(std::size_t) { return descend(Json::array()); }
  bool end_object() { return open_.pop_back(), true; }
  bool end_array() { return open_.pop_back(), true; }
  bool key(std::string& name) {
    const auto [member, isNew] = open_.back()->emplace(std::move(name), nullptr);
    member_ = &*member;
    return isNew || reject(JsonFault::duplicateKey);
  }
  bool parse_error(std::size_t, const std::string&, const Json::exception&) { return reject(JsonFault::notJson); }

 private:
  template <class T>
  Json* put(T&& value) {
    if (open_.empty()) {
      root_ = std::forward<T>(value);
      return &root_;
    }
    if (open_.back()->is_array()) return &open_.back()->emplace_back(std::forward<T>(value));
    *member_ = std::forward<T>(value);
    return member_;
  }
  bool descend(Json container) {
    if (open_.size() == maxJsonDepth) return reject(JsonFault::tooManyLevels);
    open_.push_back(put(std::move(container)));
    return true;
  }
  bool reject(JsonFault fault) {
    fault_ = fault;
    return false;
  }

  Json& root_;
  std::vector<Json*> open_;  // the path to the innermost container; none of its ancestors changes while it is open
  Json* member_ = nullptr;   // the value of the key just read
  JsonFault fault_ = JsonFault::notJson;
};

Result<Json> parseSax(std::string_view text) {
  Json data;
  const Dismantled unlessReturned(data);
  StrictBuilder builder(data);
  if (!Json::sax_parse(text.begin(), text.end(), &builder)) return builder.error();
  return data;
}

std::optional<unsigned> escapedUnit(std::string_view text, std::size_t at) {
  if (text.size() - at < 6 || text[at] != '\\' || text[at + 1] != 'u') return std::nullopt;
  unsigned unit = 0;
  for (const char c : text.substr(at + 2, 4)) {
    const int digit = hexDigit(c);
    if (digit < 0) return std::nullopt;
    unit = unit * 16 + static_cast<unsigned>(digit);
  }
  return unit;
}

}  // namespace

Error refusal(JsonFault fault) {
  const auto holds = [](const char* what) { return fail(Errc::malformed, std::string("the JSON text holds ") + what); };
  switch (fault) {
    case JsonFault::tooManyLevels:
      return fail(Errc::tooLarge, "the JSON text holds more than 64 levels");
    case JsonFault::duplicateKey:
      return holds("a duplicate key");
    case JsonFault::byteOrderMark:
      return holds("a byte order mark");
    case JsonFault::nul:
      return holds("a NUL");
    case JsonFault::numberOutOfRange:
      return holds("a number out of range");
    case JsonFault::binary:
      return holds("a binary value");
    case JsonFault::none:
    case JsonFault::notJson:
      break;
  }
  return holds("something that is not JSON");
}

std::optional<std::string> wellFormed(std::string_view text) {
  constexpr std::string_view replacement = "\\ufffd";
  std::optional<std::string> fixed;
  for (std::size_t at = text.find('\\'); at < text.size(); at = text.find('\\', at)) {
    const auto unit = escapedUnit(text, at);
    if (!unit || *unit < 0xd800 || *unit > 0xdfff) {
      at += 2;  // any other escape, `\\` included
      continue;
    }
    const auto next = escapedUnit(text, at + 6 <= text.size() ? at + 6 : text.size());
    if (*unit < 0xdc00 && next && *next >= 0xdc00 && *next <= 0xdfff) {
      at += 12;
      continue;
    }
    if (!fixed) fixed.emplace(text);
    fixed->replace(at, replacement.size(), replacement);
    at += 6;
  }
  return fixed;
}

Result<Json> parseJsonSlowly(std::string_view text) {
  if (text.starts_with(utf8ByteOrderMark)) return refusal(JsonFault::byteOrderMark);
  // No control character stands in a JSON text but white space; nlohmann would take a NUL for the end.
  if (text.find('\0') != std::string_view::npos) return refusal(JsonFault::nul);
  std::optional<std::string> fixed = wellFormed(text);
  if (!fixed) return parseSax(text);
  const WipeAtExit wiped(*fixed);
  return parseSax(*fixed);
}

}  // namespace ironjar::detail

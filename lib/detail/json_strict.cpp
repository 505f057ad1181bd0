#include "detail/json_strict.hpp"

#include "detail/secret.hpp"

#include <cmath>
#include <cstdint>
#include <vector>

namespace ironjar::detail {
namespace {

// Builds the document and stops at the first thing that is not accepted: before any deep structure exists.
class StrictBuilder {
 public:
  explicit StrictBuilder(Json& root) : root_(root) {}
  [[nodiscard]] Error objection() const { return refusal(objection_); }

  bool null() { return put(nullptr) != nullptr; }
  bool boolean(bool value) { return put(value) != nullptr; }
  bool number_integer(std::int64_t value) { return put(value) != nullptr; }
  bool number_unsigned(std::uint64_t value) { return put(value) != nullptr; }
  bool number_float(double value, const std::string&) {
    return std::isfinite(value) ? put(value) != nullptr : reject("a number out of range");
  }
  bool string(std::string& value) { return put(std::move(value)) != nullptr; }
  bool binary(Json::binary_t&) { return reject("a binary value"); }
  bool start_object(std::size_t) { return descend(Json::object()); }
  bool start_array(std::size_t) { return descend(Json::array()); }
  bool end_object() { return open_.pop_back(), true; }
  bool end_array() { return open_.pop_back(), true; }
  bool key(std::string& name) {
    const auto [member, isNew] = open_.back()->emplace(std::move(name), nullptr);
    member_ = &*member;
    return isNew || reject(duplicateKey);
  }
  bool parse_error(std::size_t, const std::string&, const Json::exception&) {
    return reject("something that is not JSON");
  }

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
    if (open_.size() == maxJsonDepth) return reject(tooManyLevels);
    open_.push_back(put(std::move(container)));
    return true;
  }
  bool reject(const char* what) {
    objection_ = what;
    return false;
  }

  Json& root_;
  std::vector<Json*> open_;  // the path to the innermost container; none of its ancestors changes while it is open
  Json* member_ = nullptr;   // the value of the key just read
  const char* objection_ = "something that is not JSON";
};

Result<Json> parseSax(std::string_view text) {
  Json data;
  const Dismantled unlessReturned(data);
  StrictBuilder builder(data);
  if (!Json::sax_parse(text.begin(), text.end(), &builder)) return builder.objection();
  return data;
}

std::optional<unsigned> escapedUnit(std::string_view text, std::size_t at) {
  if (text.size() - at < 6 || text[at] != '\\' || text[at + 1] != 'u') return std::nullopt;
  unsigned unit = 0;
  for (const char c : text.substr(at + 2, 4)) {
    const int digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
    if (digit < 0) return std::nullopt;
    unit = unit * 16 + static_cast<unsigned>(digit);
  }
  return unit;
}

}  // namespace

Error refusal(const char* what) {
  return fail(what == tooManyLevels ? Errc::tooLarge : Errc::malformed, std::string("the JSON text holds ") + what);
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
  if (text.starts_with(byteOrderMark)) return refusal("a byte order mark");
  // No control character stands in a JSON text but white space; nlohmann would take a NUL for the end.
  if (text.find('\0') != std::string_view::npos) return refusal("a NUL");
  std::optional<std::string> fixed = wellFormed(text);
  if (!fixed) return parseSax(text);
  const WipeAtExit wiped(*fixed);
  return parseSax(*fixed);
}

}  // namespace ironjar::detail

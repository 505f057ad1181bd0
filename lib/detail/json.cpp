#include "detail/json.hpp"

#include "detail/secret.hpp"

#include <cmath>
#include <cstdint>
#include <optional>
#include <vector>

namespace ironjar::detail {
namespace {

constexpr std::size_t maxDepth = 64;
constexpr const char* tooManyLevels = "more than 64 levels";

// Builds the document and stops at the first thing that is not accepted: before any deep structure exists.
class StrictBuilder {
 public:
  explicit StrictBuilder(Json& root) : root_(root) {}
  [[nodiscard]] Error objection() const {
    return fail(tooDeep_ ? Errc::tooLarge : Errc::malformed, std::string("the JSON text holds ") + objection_);
  }

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
    return isNew || reject("a duplicate key");
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
    tooDeep_ = open_.size() == maxDepth;
    if (tooDeep_) return reject(tooManyLevels);
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
  bool tooDeep_ = false;
  const char* objection_ = "something that is not JSON";
};

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

// The text with every lone surrogate escape replaced; nothing when there is none, the usual case.
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

const char* whyNotSealable(const Json& value, std::size_t depth) {
  switch (value.type()) {
    case Json::value_t::object:
    case Json::value_t::array:
      if (depth == maxDepth) return tooManyLevels;
      for (const Json& element : value) {
        if (const char* why = whyNotSealable(element, depth + 1)) return why;
      }
      return nullptr;
    case Json::value_t::number_float:
      return std::isfinite(value.get_ref<const double&>()) ? nullptr : "a number that is not finite";
    case Json::value_t::binary:
    case Json::value_t::discarded:
      return "a value that is not JSON";
    default:
      return nullptr;
  }
}

}  // namespace

Result<Json> parseJson(std::string_view text) {
  // RFC 8259 section 8.1: a JSON text has no byte order mark; nlohmann would skip one.
  if (text.starts_with("\xef\xbb\xbf")) return fail(Errc::malformed, "the JSON text starts with a byte order mark");
  // No control character stands in a JSON text but white space; nlohmann would take a NUL for the end.
  if (text.find('\0') != std::string_view::npos) return fail(Errc::malformed, "the JSON text holds a NUL");
  std::optional<std::string> fixed = wellFormed(text);
  const std::string_view source = fixed ? *fixed : text;
  Json data;
  StrictBuilder builder(data);
  const bool parsed = Json::sax_parse(source.begin(), source.end(), &builder);
  if (fixed) wipe(writable(fixed->data(), fixed->size()));
  if (!parsed) return builder.objection();
  return data;
}

Result<std::string> writeJson(const Json& data) {
  if (const char* why = whyNotSealable(data, 0)) {
    return fail(why == tooManyLevels ? Errc::tooLarge : Errc::malformed, std::string("the data holds ") + why);
  }
  try {
    return data.dump();
  } catch (const Json::type_error&) {
    return fail(Errc::malformed, "the data holds a string that is not UTF-8");
  }
}

}  // namespace ironjar::detail

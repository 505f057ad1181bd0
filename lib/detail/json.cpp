#include "detail/json.hpp"

#include "detail/secret.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <simdjson.h>
#include <vector>

namespace ironjar::detail {
namespace {

constexpr std::size_t maxDepth = 64;
// RFC 8259 section 8.1: a JSON text has none; parsers skip one.
constexpr std::string_view byteOrderMark = "\xef\xbb\xbf";
constexpr const char* tooManyLevels = "more than 64 levels";
constexpr const char* duplicateKey = "a duplicate key";

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

// simdjson's tape and strings hold the text's data until they are wiped. One per thread, so that they are not made anew
// for every text; nothing of a text is left in it. Larger texts get a parser of their own, which goes with them.
constexpr std::size_t largestKept = maxSealSize;

class Parsed {
 public:
  Parsed(simdjson::dom::parser& parser, std::string_view text) : document_(parser.doc), size_(text.size()) {
    const auto root = parser.parse(bytes(text).data(), text.size(), false);
    good_ = root.get(root_) == simdjson::SUCCESS;
    reached_ = document_.tape && document_.capacity() >= text.size();
  }
  Parsed(const Parsed&) = delete;
  Parsed& operator=(const Parsed&) = delete;
  // What simdjson reserves for a text of this size, and so all that it can have written; the tape's first entry says
  // how long a complete one is.
  ~Parsed() {
    if (!reached_) return;
    constexpr std::uint64_t payload = 0xff'ffff'ffff'ffff;
    const std::size_t most = size_ + 3;
    const std::size_t entries = good_ ? std::min<std::size_t>(document_.tape[0] & payload, most) : most;
    wipe({static_cast<unsigned char*>(static_cast<void*>(document_.tape.get())), entries * sizeof(std::uint64_t)});
    wipe({document_.string_buf.get(), 5 * size_ / 3 + simdjson::SIMDJSON_PADDING});
  }

  [[nodiscard]] const simdjson::dom::element* root() const { return good_ ? &root_ : nullptr; }

 private:
  simdjson::dom::document& document_;
  std::size_t size_;
  simdjson::dom::element root_;
  bool good_ = false;
  bool reached_ = false;
};

// The document as our own, with the checks that simdjson does not make. What is wrong first counts, as it does for a
// parser that reads from the left. Every value is made where it stays: in small sessions, moving them shows.
class Builder {
 public:
  // Why the result is not to be used; null when it is.
  const char* build(Json& root, simdjson::dom::element from) {
    read(from, 0, [&](auto&& value) { return &(root = Json(std::forward<decltype(value)>(value))); });
    return objection_;
  }

 private:
  // `put` makes a value where it belongs; null when it may not be there.
  template <class Put>
  void read(simdjson::dom::element from, std::size_t level, Put put) {
    using Type = simdjson::dom::element_type;
    switch (from.type()) {
      case Type::OBJECT:
        return readObject(simdjson::dom::object(from), level, put(Json::value_t::object));
      case Type::ARRAY:
        return readArray(simdjson::dom::array(from), level, put(Json::value_t::array));
      case Type::STRING:
        put(std::string_view(from));
        return;
      case Type::INT64:
        if (const auto number = std::int64_t(from); number < 0) {
          put(number);
        } else {
          put(static_cast<std::uint64_t>(number));  // as nlohmann takes what has no sign
        }
        return;
      case Type::UINT64:
        put(std::uint64_t(from));
        return;
      case Type::DOUBLE:
        put(double(from));
        return;
      case Type::BOOL:
        put(bool(from));
        return;
      case Type::NULL_VALUE:
        put(nullptr);
    }
  }

  void readArray(const simdjson::dom::array& from, std::size_t level, Json* into) {
    if (!descends(into, level)) return;
    auto& elements = into->get_ref<Json::array_t&>();
    elements.reserve(from.size());
    for (const simdjson::dom::element element : from) {
      read(element, level + 1,
           [&](auto&& value) { return &elements.emplace_back(std::forward<decltype(value)>(value)); });
      if (objection_ != nullptr) return;
    }
  }

  void readObject(const simdjson::dom::object& from, std::size_t level, Json* into) {
    if (!descends(into, level)) return;
    auto& members = into->get_ref<Json::object_t&>();
    for (const simdjson::dom::key_value_pair member : from) {
      read(member.value, level + 1, [&](auto&& value) -> Json* {
        const std::size_t before = members.size();
        // At the end: what we have written ourselves comes in order.
        const auto place = members.emplace_hint(members.end(), member.key, std::forward<decltype(value)>(value));
        if (members.size() > before) return &place->second;
        objection_ = duplicateKey;
        return nullptr;
      });
      if (objection_ != nullptr) return;
    }
  }

  bool descends(const Json* into, std::size_t level) {
    if (into != nullptr && level == maxDepth) objection_ = tooManyLevels;
    return objection_ == nullptr;
  }

  const char* objection_ = nullptr;
};

Error objection(const char* what) {
  return fail(what == tooManyLevels ? Errc::tooLarge : Errc::malformed, std::string("the JSON text holds ") + what);
}

Result<Json> parseWith(simdjson::dom::parser& parser, std::string_view text) {
  const Parsed parsed(parser, text);
  if (parsed.root() == nullptr) return parseJsonSlowly(text);
  Json data;
  const Dismantled unlessReturned(data);
  if (const char* why = Builder().build(data, *parsed.root())) return objection(why);
  return data;
}

}  // namespace

Result<Json> parseJsonSlowly(std::string_view text) {
  if (text.starts_with(byteOrderMark)) return objection("a byte order mark");
  // No control character stands in a JSON text but white space; nlohmann would take a NUL for the end.
  if (text.find('\0') != std::string_view::npos) return objection("a NUL");
  std::optional<std::string> fixed = wellFormed(text);
  Result<Json> data = parseSax(fixed ? *fixed : text);
  if (fixed) wipe(writable(fixed->data(), fixed->size()));
  return data;
}

Result<Json> parsePaddedJson(std::string_view text) {
  if (text.starts_with(byteOrderMark)) return objection("a byte order mark");
  if (std::optional<std::string> fixed = wellFormed(text)) {
    const WipeAtExit wiped(*fixed);
    return parseJson(*fixed);
  }
  static_assert(jsonPadding >= simdjson::SIMDJSON_PADDING);
  if (text.size() > largestKept) {
    simdjson::dom::parser own;
    return parseWith(own, text);
  }
  static thread_local simdjson::dom::parser kept;
  return parseWith(kept, text);
}

Result<Json> parseJson(std::string_view text) {
  Scratch memory;
  const MutableBytes copy = memory.take(text.size() + jsonPadding);
  std::copy(text.begin(), text.end(), copy.begin());
  return parsePaddedJson(detail::text(copy.first(text.size())));
}

void dismantle(Json& data) noexcept {
  if (!data.is_structured()) return;
  for (Json& element : data) dismantle(element);
  if (auto* const object = data.get_ptr<Json::object_t*>()) object->clear();
  if (auto* const array = data.get_ptr<Json::array_t*>()) array->clear();
}

}  // namespace ironjar::detail

#include "json/json.hpp"

#include "crypto/secret.hpp"
#include "json/json_strict.hpp"
#include "json/simdjson.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <simdjson.h>
#include <utility>

namespace ironjar::detail {
namespace {

// Larger texts get a parser of their own, which goes with them; for all others, any seal's (maxSealSize) among them,
// each thread has one.
constexpr std::size_t largestShared = std::size_t{64} * 1024;

// simdjson's tape and strings hold the text's data until they are wiped; where in a text its values began is all that
// is left in a parser. A text that is a single number is copied by simdjson, and that copy is freed as it is.
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
  // Why the result is not to be used.
  JsonFault build(Json& root, simdjson::dom::element from) {
    read(from, 0, [&](auto&& value) { return &(root = Json(std::forward<decltype(value)>(value))); });
    return fault_;
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
      if (fault_ != JsonFault::none) return;
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
        fault_ = JsonFault::duplicateKey;
        return nullptr;
      });
      if (fault_ != JsonFault::none) return;
    }
  }

  bool descends(const Json* into, std::size_t level) {
    if (into != nullptr && level == maxJsonDepth) fault_ = JsonFault::tooManyLevels;
    return fault_ == JsonFault::none;
  }

  JsonFault fault_ = JsonFault::none;
};

// The element that is taken next; null when the container is empty.
Json* lastOf(Json& container) noexcept {
  if (container.empty()) return nullptr;
  auto* const array = container.get_ptr<Json::array_t*>();
  return array != nullptr ? &array->back() : &container.get_ref<Json::object_t&>().rbegin()->second;
}

void removeLast(Json& container) noexcept {
  if (auto* const array = container.get_ptr<Json::array_t*>()) return array->pop_back();
  auto& object = container.get_ref<Json::object_t&>();
  object.erase(std::prev(object.end()));
}

// Takes neither stack nor memory: on the way down, the place of the child that is entered holds the container above.
void dismantleDeep(Json& data) noexcept {
  Json here = std::move(data);
  Json above;  // null at the top
  while (true) {
    Json* const child = lastOf(here);
    if (child == nullptr) {
      if (above.is_null()) return;
      Json next = std::move(*lastOf(above));
      removeLast(above);
      here = std::move(above);
      above = std::move(next);
    } else if (child->is_structured() && !child->empty()) {
      Json next = std::move(*child);
      *child = std::move(above);
      above = std::move(here);
      here = std::move(next);
    } else {
      removeLast(here);
    }
  }
}

Result<Json> parseWith(simdjson::dom::parser& parser, std::string_view text) {
  const Parsed parsed(parser, text);
  if (parsed.root() == nullptr) return parseJsonSlowly(text);
  Json data;
  const Dismantled unlessReturned(data);
  if (const JsonFault fault = Builder().build(data, *parsed.root()); fault != JsonFault::none) return refusal(fault);
  return data;
}

}  // namespace

Result<Json> parsePaddedJson(std::string_view text) {
  if (text.starts_with(utf8ByteOrderMark)) return refusal(JsonFault::byteOrderMark);
  if (std::optional<std::string> fixed = wellFormed(text)) {
    const WipeAtExit wiped(*fixed);
    return parseJson(*fixed);
  }
  static_assert(jsonPadding >= simdjson::SIMDJSON_PADDING);
  if (!hasSimdjson()) return parseJsonSlowly(text);
  simdjson::dom::parser* const shared = text.size() > largestShared ? nullptr : threadParser();
  if (shared != nullptr) return parseWith(*shared, text);
  simdjson::dom::parser own;
  return parseWith(own, text);
}

Result<Json> parseJson(std::string_view text) {
  Scratch memory;
  const MutableBytes copy = memory.take(text.size() + jsonPadding);
  std::copy(text.begin(), text.end(), copy.begin());
  return parsePaddedJson(detail::text(copy.first(text.size())));
}

void dismantleStructured(Json& data, std::size_t level) noexcept {
  if (level == maxJsonDepth) return dismantleDeep(data);
  for (Json& element : data) dismantle(element, level + 1);
  if (auto* const object = data.get_ptr<Json::object_t*>()) object->clear();
  if (auto* const array = data.get_ptr<Json::array_t*>()) array->clear();
}

}  // namespace ironjar::detail

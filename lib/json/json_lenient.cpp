#include "json/json_lenient.hpp"

#include "json/json.hpp"
#include "json/json_strict.hpp"
#include "json/simdjson.hpp"

#include <algorithm>
#include <set>

namespace ironjar::detail {
namespace {

constexpr std::string_view replacement = "\xef\xbf\xbd";

// Of the character that begins the text; 0 when none does.
std::size_t characterSize(std::string_view text) {
  for (std::size_t size = 1; size <= std::min<std::size_t>(4, text.size()); ++size) {
    if (isUtf8(text.substr(0, size))) return size;
  }
  return 0;
}

}  // namespace

std::string_view withoutByteOrderMark(std::string_view text) {
  return text.starts_with(utf8ByteOrderMark) ? text.substr(utf8ByteOrderMark.size()) : text;
}

std::string asUtf8(std::string_view text) {
  if (isUtf8(text)) return std::string(text);
  std::string out;
  while (!text.empty()) {
    const std::size_t size = characterSize(text);
    out.append(size == 0 ? replacement : text.substr(0, size));
    text.remove_prefix(std::max<std::size_t>(1, size));
  }
  return out;
}

namespace {

// Watches a parse: how deep it goes, and which keys come twice.
class Watch {
 public:
  explicit Watch(const std::vector<std::string>& exact) : exact_(exact) {}

  bool operator()(int depth, Json::parse_event_t event, Json& value) {
    if (isRefused_) return false;  // nothing more is kept
    const bool begins = event == Json::parse_event_t::object_start || event == Json::parse_event_t::array_start;
    if (begins && depth >= static_cast<int>(maxJsonDepth)) isRefused_ = true;
    if (event == Json::parse_event_t::object_start) keys_.emplace_back();
    if (event == Json::parse_event_t::object_end) keys_.pop_back();
    if (event == Json::parse_event_t::key && !keys_.back().insert(value.get<std::string>()).second) {
      isRefused_ = isRefused_ || std::find(exact_.begin(), exact_.end(), value) != exact_.end();
    }
    return !isRefused_;
  }
  [[nodiscard]] bool isRefused() const { return isRefused_; }

 private:
  const std::vector<std::string>& exact_;
  std::vector<std::set<std::string>> keys_;
  bool isRefused_ = false;
};

}  // namespace

Result<Json> parseLenientJson(std::string_view text, const std::vector<std::string>& exact) {
  text = withoutByteOrderMark(text);
  Result<Json> strict = parseJson(text);
  // A NUL is nowhere in JSON, and nlohmann's parser takes it for the end.
  if (strict || text.find('\0') != std::string_view::npos) return strict;
  Watch watch(exact);
  const std::string utf8 = asUtf8(text);
  Json lenient = Json::parse(
      wellFormed(utf8).value_or(utf8),
      [&watch](int depth, Json::parse_event_t event, Json& value) { return watch(depth, event, value); }, false);
  if (watch.isRefused() || lenient.is_discarded()) return strict.error();
  return lenient;
}

}  // namespace ironjar::detail

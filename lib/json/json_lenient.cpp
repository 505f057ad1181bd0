#include "json/json_lenient.hpp"

#include "base/ascii.hpp"
#include "json/json.hpp"
#include "json/json_strict.hpp"
#include "json/simdjson.hpp"

#include <algorithm>
#include <limits>

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

// A member on the way to a place, or at one.
struct Step {
  std::string name = {};
  bool isPlace = false;
  bool isExact = false;
  std::vector<Step> next = {};

  [[nodiscard]] const Step* find(std::string_view wanted) const {
    const auto found = std::find_if(next.begin(), next.end(), [&](const Step& step) { return step.name == wanted; });
    return found == next.end() ? nullptr : &*found;
  }
};

void add(Step& root, const JsonPlace& place) {
  std::vector<std::string> names;
  for (Json::json_pointer at(place.pointer); !at.empty(); at.pop_back()) names.push_back(at.back());
  Step* here = &root;
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    const auto known =
        std::find_if(here->next.begin(), here->next.end(), [&](const Step& s) { return s.name == *name; });
    here = known == here->next.end() ? &here->next.emplace_back(Step{.name = *name}) : &*known;
    here->isExact = here->isExact || place.isExact;
  }
  here->isPlace = true;
}

// Reads from the left. Each function is false when the text is refused; what it stands at then does not matter.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}
  [[nodiscard]] Error error() const { return refusal(fault_); }

  bool readAll(const Step& root, Json& into) {
    if (!read(root, into)) return false;
    skipSpace();
    return at_ == text_.size();
  }

 private:
  // Calls itself as often as a pointer has steps.
  bool read(const Step& step, Json& into) {
    if (accept('{')) return readObject(step, into);
    if (accept('[')) return readArray(step, into);
    return readScalar(step, into);
  }

  bool readObject(const Step& step, Json& into) {
    into = Json::object();
    if (accept('}')) return true;
    do {
      skipSpace();
      const std::size_t begin = at_;
      if (!skipText()) return false;
      const Step* member = find(step, text_.substr(begin, at_ - begin));
      if (!accept(':') || !(member ? readMember(*member, into) : skip())) return false;
    } while (accept(','));
    return accept('}');
  }

  bool readMember(const Step& member, Json& into) {
    if (member.isExact && into.contains(member.name)) {
      fault_ = JsonFault::duplicateKey;
      return false;
    }
    Json value;
    if (!read(member, value)) return false;
    into[member.name] = std::move(value);
    return true;
  }

  bool readArray(const Step& step, Json& into) {
    into = Json::array();
    if (accept(']')) return true;
    do {
      Json element;
      const Step* place = step.next.empty() ? nullptr : step.find(std::to_string(into.size()));
      skipSpace();
      const bool isContainer = peek() == '{' || peek() == '[';
      if (!(place ? read(*place, element) : isContainer ? skip() : readScalar(step, element))) return false;
      into.push_back(std::move(element));
    } while (accept(','));
    return accept(']');
  }

  bool readScalar(const Step& step, Json& into) {
    skipSpace();
    const std::size_t begin = at_;
    if (!skipScalar()) return false;
    if (!step.isPlace) return true;
    const std::string_view written = text_.substr(begin, at_ - begin);
    if (Result<Json> value = parseJson(asUtf8(written))) {
      into = *std::move(value);
      return true;
    }
    if (written.front() == '"') return !step.isExact;
    into = std::numeric_limits<double>::infinity();
    return true;
  }

  static const Step* find(const Step& step, std::string_view key) {
    if (step.next.empty()) return nullptr;
    if (key.find('\\') == std::string_view::npos) return step.find(key.substr(1, key.size() - 2));
    const Result<Json> name = parseJson(asUtf8(key));
    return name ? step.find(name->get_ref<const std::string&>()) : nullptr;
  }

  // Any value. Takes a byte of memory for each level, and no stack.
  bool skip() {
    std::string ends;  // of the containers that are open
    do {
      const bool isObject = accept('{');
      if (isObject || accept('[')) {
        ends.push_back(isObject ? '}' : ']');
        if (!accept(ends.back())) {
          if (isObject && !skipKey()) return false;
          continue;
        }
        ends.pop_back();
      } else if (!skipScalar()) {
        return false;
      }
      while (!ends.empty() && accept(ends.back())) ends.pop_back();
      if (!ends.empty() && (!accept(',') || (ends.back() == '}' && !skipKey()))) return false;
    } while (!ends.empty());
    return true;
  }

  bool skipKey() {
    skipSpace();
    return skipText() && accept(':');
  }

  bool skipScalar() {
    skipSpace();
    for (const std::string_view word : {"null", "true", "false"}) {
      if (!text_.substr(at_).starts_with(word)) continue;
      at_ += word.size();
      return true;
    }
    return peek() == '"' ? skipText() : skipNumber();
  }

  bool skipText() {
    if (peek() != '"') return false;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '"') return ++at_, true;
      if (text_[at_] == '\\') ++at_;
    }
    return false;
  }

  // RFC 8259 section 6.
  bool skipNumber() {
    if (peek() == '-') ++at_;
    if (peek() == '0') {
      ++at_;
    } else if (!skipDigits()) {
      return false;
    }
    if (peek() == '.' && (++at_, !skipDigits())) return false;
    if (peek() != 'e' && peek() != 'E') return true;
    ++at_;
    if (peek() == '+' || peek() == '-') ++at_;
    return skipDigits();
  }

  bool skipDigits() {
    const std::size_t begin = at_;
    while (isDigit(peek())) ++at_;
    return at_ > begin;
  }

  void skipSpace() { at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size()); }
  bool accept(char wanted) {
    skipSpace();
    if (at_ == text_.size() || text_[at_] != wanted) return false;
    return ++at_, true;
  }
  // A NUL at the end.
  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  std::string_view text_;
  std::size_t at_ = 0;
  JsonFault fault_ = JsonFault::notJson;
};

}  // namespace

Result<Json> parseLenientJson(std::string_view text, const std::vector<JsonPlace>& places) {
  Step root;
  for (const JsonPlace& place : places) add(root, place);
  Reader reader(withoutByteOrderMark(text));
  Json data;
  if (!reader.readAll(root, data)) return reader.error();
  return data;
}

}  // namespace ironjar::detail

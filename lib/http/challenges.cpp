#include "base/ascii.hpp"
#include "http/field.hpp"

#include <algorithm>
#include <optional>

#include <ironjar/challenges.hpp>

namespace ironjar {
namespace {

// A few bytes of a field make a challenge or a parameter; nobody has so many.
constexpr std::size_t mostChallenges = 100;
constexpr std::size_t mostParameters = 100;  // of one

bool isToken68Character(char c) {
  return detail::isAlphanumeric(c) || std::string_view("-._~+/").find(c) != std::string_view::npos;
}
bool isSpace(char c) { return c == ' ' || c == '\t'; }

// One field, from left to right: what has been read is taken off `rest_`.
class Reader {
 public:
  explicit Reader(std::string_view field) : rest_(field) {}

  // False at the end, and at the first fault.
  bool readInto(std::vector<Challenge>& challenges) {
    skip([](char c) { return isSpace(c) || c == ','; });
    const std::string_view name = token();
    if (name.empty()) return false;
    const bool hasSpace = skip(isSpace);
    if (canGoOn_ && rest_.starts_with('=')) return parameter(challenges.back(), name) && endsHere();
    if ((!hasSpace && !endsHere()) || challenges.size() == mostChallenges) return false;
    challenges.push_back({.scheme = std::string(name)});
    canGoOn_ = true;
    if (const auto text = token68()) {
      challenges.back().token = *text;
      canGoOn_ = false;
      return true;
    }
    if (endsHere()) return true;
    const std::string_view first = token();
    skip(isSpace);
    return !first.empty() && parameter(challenges.back(), first) && endsHere();
  }

 private:
  bool skip(bool (*accepts)(char)) {
    const std::size_t before = rest_.size();
    rest_.remove_prefix(
        static_cast<std::size_t>(std::find_if_not(rest_.begin(), rest_.end(), accepts) - rest_.begin()));
    return rest_.size() < before;
  }
  // At the end of an element of the list.
  bool endsHere() const {
    return rest_.find_first_not_of(" \t") == std::string_view::npos || rest_[rest_.find_first_not_of(" \t")] == ',';
  }

  std::string_view token() {
    std::size_t size = 0;
    while (size < rest_.size() && detail::isToken(rest_.substr(size, 1))) ++size;
    const std::string_view text = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return text;
  }

  std::optional<std::string_view> token68() {
    const std::string_view before = rest_;
    const bool hasText = skip(isToken68Character);
    skip([](char c) { return c == '='; });
    if (hasText && endsHere()) return before.substr(0, before.size() - rest_.size());
    rest_ = before;
    return std::nullopt;
  }

  bool parameter(Challenge& challenge, std::string_view name) {
    if (!rest_.starts_with('=')) return false;
    rest_.remove_prefix(1);
    skip(isSpace);
    const bool isQuoted = rest_.starts_with('"');
    const auto value = isQuoted ? quoted() : std::optional<std::string>(token());
    if (!value || (value->empty() && !isQuoted)) return false;
    if (challenge.parameters.size() == mostParameters) return false;
    challenge.parameters.emplace_back(name, *value);
    return true;
  }

  // RFC 9110 section 5.6.4.
  std::optional<std::string> quoted() {
    std::string text;
    for (std::size_t i = 1; i < rest_.size(); ++i) {
      if (rest_[i] == '"') {
        rest_.remove_prefix(i + 1);
        return text;
      }
      if (rest_[i] == '\\' && ++i == rest_.size()) break;
      text.push_back(rest_[i]);
    }
    return std::nullopt;
  }

  std::string_view rest_;
  bool canGoOn_ = false;  // the last challenge of this field may have further parameters
};

}  // namespace

std::vector<Challenge> challengesIn(const Response& response) {
  std::vector<Challenge> challenges;
  for (const auto& [name, value] : response.headers) {
    if (!detail::equalIgnoringCase(name, "WWW-Authenticate")) continue;
    Reader reader(value);
    while (reader.readInto(challenges)) {
    }
  }
  return challenges;
}

}  // namespace ironjar

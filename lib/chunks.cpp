#include "chunks.hpp"

#include "cookie_pairs.hpp"

#include <algorithm>

namespace ironjar::detail {
namespace {

constexpr std::size_t maxTries = 8;

}  // namespace

std::string chunkName(std::string_view cookieName, std::size_t index) {
  return std::string(cookieName).append(".").append(std::to_string(index));
}

Carried::Carried(std::string_view header, std::string_view cookieName, SealTest looksSealed) {
  while (const auto pair = nextCookie(header)) {
    const auto& [name, value] = *pair;
    if (value.empty() || !name.starts_with(cookieName)) continue;
    const std::string_view suffix = name.substr(cookieName.size());
    const bool isChunk = suffix.size() == 2 && suffix[0] == '.' && suffix[1] >= '0' &&
                         static_cast<std::size_t>(suffix[1] - '0') < maxChunks;
    if (!suffix.empty() && !isChunk) continue;
    came_ = true;
    const std::size_t index = isChunk ? static_cast<std::size_t>(suffix[1] - '0') : 0;
    if (index == 0 && !looksSealed(value)) continue;
    (isChunk ? chunks_[index] : whole_).push_back(value);
  }
}

bool Carried::offer(const std::function<bool(std::string_view)>& accepts) const {
  std::size_t tries = 0;
  for (const std::string_view text : whole_) {
    if (tries++ == maxTries) return false;
    if (accepts(text)) return true;
  }
  for (const Choice& choice : choices()) {
    if (tries++ == maxTries) return false;
    std::string joined;
    for (std::size_t i = 0; i < choice.run; ++i) joined += chunks_[i][choice.copies[i]];
    if (accepts(joined)) return true;
  }
  return true;
}

// Somewhat more than can be tried, so that running out of tries is noticed.
std::vector<Carried::Choice> Carried::choices() const {
  constexpr std::size_t enough = 4 * maxTries;
  std::size_t longest = 0;
  while (longest < maxChunks && hasChunk(longest)) ++longest;
  std::vector<Choice> oneRank;
  std::vector<Choice> mixed;
  for (std::size_t run = longest; run > 0; --run) {
    std::size_t combinations = 1;
    for (std::size_t i = 0; i < run; ++i) combinations *= chunks_[i].size();
    for (std::size_t n = 0; n < std::min(combinations, 16 * enough); ++n) {
      Choice choice{run, {}};
      bool same = true;
      for (std::size_t i = 0, rest = n; i < run; rest /= chunks_[i].size(), ++i) {
        choice.copies[i] = rest % chunks_[i].size();
        same = same && choice.copies[i] == choice.copies[0];
      }
      std::vector<Choice>& list = same ? oneRank : mixed;
      if (list.size() < enough) list.push_back(choice);
    }
  }
  oneRank.insert(oneRank.end(), mixed.begin(), mixed.end());
  return oneRank;
}

}  // namespace ironjar::detail

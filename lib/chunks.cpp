#include "chunks.hpp"

namespace ironjar::detail {
namespace {

constexpr std::size_t maxTries = 8;

}  // namespace

std::string chunkName(std::string_view cookieName, std::size_t index) {
  return std::string(cookieName).append(".").append(std::to_string(index));
}

Carried::Carried(std::string_view header, std::string_view cookieName) {
  for (const auto& [name, value] : parseCookies(header)) {
    if (value.empty() || !name.starts_with(cookieName)) continue;
    const std::string_view suffix = name.substr(cookieName.size());
    if (suffix.empty()) {
      whole_.push_back(value);
    } else if (suffix.size() == 2 && suffix[0] == '.' && suffix[1] >= '0' &&
               static_cast<std::size_t>(suffix[1] - '0') < maxChunks) {
      chunks_[static_cast<std::size_t>(suffix[1] - '0')].push_back(value);
    }
  }
}

void Carried::offer(const std::function<bool(std::string_view)>& accepts) const {
  std::size_t tries = 0;
  for (const std::string_view text : whole_) {
    if (tries++ == maxTries || accepts(text)) return;
  }
  std::size_t run = 0;
  while (run < maxChunks && hasChunk(run)) ++run;
  for (; run > 0; --run) {
    std::size_t choices = 1;
    for (std::size_t i = 0; i < run; ++i) choices *= chunks_[i].size();
    for (std::size_t choice = 0; choice < choices; ++choice) {
      if (tries++ == maxTries) return;
      std::string joined;
      for (std::size_t i = 0, rest = choice; i < run; rest /= chunks_[i].size(), ++i) {
        joined += chunks_[i][rest % chunks_[i].size()];
      }
      if (accepts(joined)) return;
    }
  }
}

}  // namespace ironjar::detail

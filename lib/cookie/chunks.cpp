#include "cookie/chunks.hpp"

#include "base/number.hpp"
#include "cookie/cookie_pairs.hpp"

#include <algorithm>

namespace ironjar::detail {
namespace {

// What a try, and a step on the way to one, cost beside the bytes.
constexpr std::size_t tryCost = 512;
constexpr std::size_t stepCost = 64;

constexpr std::string_view h3Head = "__chunked__";

std::size_t pairBytes(std::string_view name, std::string_view value) {
  return name.size() + value.size() + 3;
}  // `=; `

}  // namespace

std::string chunkName(std::string_view cookieName, std::size_t index) {
  return std::string(cookieName).append(".").append(std::to_string(index));
}

Carried::Carried(std::string_view header, std::string_view cookieName, SealTest looksSealed) {
  while (const auto pair = nextCookie(header)) {
    const auto& [name, value] = *pair;
    if (value.empty() || !name.starts_with(cookieName)) continue;
    const std::string_view suffix = name.substr(cookieName.size());
    if (suffix.empty()) {
      came_ = true;
      headerBytes_ += pairBytes(name, value);
      looksSealed(value) ? whole_.push_back({value}) : addHead(value);
      continue;
    }
    const bool isChunk = suffix.size() == 2 && suffix[0] == '.' && suffix[1] >= '0' &&
                         static_cast<std::size_t>(suffix[1] - '0') <= maxChunks;
    if (!isChunk) continue;
    headerBytes_ += pairBytes(name, value);
    addPart(static_cast<std::size_t>(suffix[1] - '0'), value, looksSealed);
  }
}

void Carried::addPart(std::size_t index, std::string_view value, SealTest looksSealed) {
  came_ = came_ || index < maxChunks;
  if (index == 0 && !looksSealed(value)) {
    isFirstForeign_ = true;
  } else {
    chunks_[index].push_back({value});
  }
}

void Carried::addHead(std::string_view value) {
  if (!value.starts_with(h3Head)) return;
  const auto count = parseCanonicalDecimal<std::size_t>(value.substr(h3Head.size()));
  if (count && *count > 0 && *count <= maxChunks) isHead_[*count] = true;
}

void Carried::offer(const Try& attempt) {
  for (std::size_t i = 0; i < whole_.size(); ++i) {
    const Candidate candidate{whole_[i].text, 0, {i}};
    recordTrial(candidate, attempt(candidate));
  }
  sortBySize();
  std::size_t longest = 0;
  while (longest < maxChunks && !chunks_[longest].empty()) ++longest;
  offerChunks(0, 1, longest, attempt);
  for (std::size_t count = maxChunks; count > 0; --count) {
    if (isHead_[count]) offerChunks(1, count, count, attempt);
  }
}

void Carried::offerChunks(std::size_t begin, std::size_t least, std::size_t most, const Try& attempt) {
  for (std::size_t i = begin; i < begin + least; ++i) {
    if (chunks_[i].empty()) return;
  }
  for (std::size_t first = 0; first < chunks_[begin].size(); ++first) {
    for (std::size_t run = most; run >= least; --run) {
      Candidate choice{{}, run, {first}, begin};
      joinAsWritten(choice, 1, attempt);
    }
  }
  for (std::size_t run = most; run >= std::max<std::size_t>(least, 2); --run) joinEqualRanks(begin, run, attempt);
}

bool Carried::hasTwoOpened() const {
  const auto opened = [](const Copies& copies) {
    return std::count_if(copies.begin(), copies.end(), [](const Copy& copy) { return copy.trial == Trial::opened; });
  };
  std::ptrdiff_t most = 0;
  for (const Copies& copies : chunks_) most = std::max(most, opened(copies));
  return opened(whole_) + most > 1;
}

bool Carried::isFree(const Candidate& candidate) const {
  const auto isUntaken = [](const Copy& copy) { return copy.trial == Trial::refused; };
  if (candidate.run == 0) return isUntaken(whole_[candidate.copies[0]]);
  for (std::size_t i = 0; i < candidate.run; ++i) {
    if (!isUntaken(chunks_[candidate.begin + i][candidate.copies[i]])) return false;
  }
  return true;
}

void Carried::recordTrial(const Candidate& candidate, Trial trial) {
  if (trial == Trial::refused) return;
  if (candidate.run == 0) whole_[candidate.copies[0]].trial = trial;
  for (std::size_t i = 0; i < candidate.run; ++i) chunks_[candidate.begin + i][candidate.copies[i]].trial = trial;
}

bool Carried::isAsWritten(const Candidate& choice) const {
  const auto sizeOf = [&](std::size_t i) { return chunks_[choice.begin + i][choice.copies[i]].text.size(); };
  for (std::size_t i = 1; i + 1 < choice.run; ++i) {
    if (sizeOf(i) != sizeOf(0)) return false;
  }
  return sizeOf(choice.run - 1) <= sizeOf(0);
}

void Carried::sortBySize() {
  for (Copies& copies : chunks_) {
    std::stable_sort(copies.begin(), copies.end(),
                     [](const Copy& a, const Copy& b) { return a.text.size() > b.text.size(); });
  }
}

void Carried::joinAsWritten(Candidate& choice, std::size_t index, const Try& attempt) {
  if (index == choice.run) return offerJoined(choice, attempt);
  if (!afford(stepCost)) return;
  const Copy& front = chunks_[choice.begin][choice.copies[0]];
  const std::size_t size = front.text.size();
  const Copies& copies = chunks_[choice.begin + index];
  const auto fits = std::lower_bound(copies.begin(), copies.end(), size,
                                     [](const Copy& copy, std::size_t most) { return copy.text.size() > most; });
  const bool isLast = index + 1 == choice.run;
  for (auto copy = static_cast<std::size_t>(fits - copies.begin()); copy < copies.size(); ++copy) {
    if (!isLast && copies[copy].text.size() != size) return;
    if (front.trial != Trial::refused) return;  // its seal has been found
    if (copies[copy].trial != Trial::refused) {
      if (!afford(stepCost)) return;
      continue;
    }
    choice.copies[index] = copy;
    joinAsWritten(choice, index + 1, attempt);
    if (left_ == 0) return;
  }
}

void Carried::joinEqualRanks(std::size_t begin, std::size_t run, const Try& attempt) {
  std::size_t ranks = chunks_[begin].size();
  for (std::size_t i = 1; i < run; ++i) ranks = std::min(ranks, chunks_[begin + i].size());
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    Candidate choice{{}, run, {rank, rank, rank, rank}, begin};
    if (!isAsWritten(choice)) offerJoined(choice, attempt);
  }
}

void Carried::offerJoined(Candidate& choice, const Try& attempt) {
  if (!isFree(choice)) return;
  joined_.clear();
  for (std::size_t i = 0; i < choice.run; ++i) joined_ += chunks_[choice.begin + i][choice.copies[i]].text;
  if (!afford(joined_.size() + tryCost)) return;
  choice.text = joined_;
  recordTrial(choice, attempt(choice));
}

bool Carried::afford(std::size_t bytes) {
  left_ -= std::min(left_, bytes);
  return left_ != 0;
}

}  // namespace ironjar::detail

#include "crypto/guessable.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

// Derivation of the bounds, for the poorest text that must pass: 32 random hexadecimal digits.
// - Fewer than 5 different characters: C(16, 4) * (4/16)^32 = 1e-16.
// - Periods up to 16: 16^-16 = 5e-20.
// - Pieces: a position begins a run of 4 by chance in 2e-3 (six directions, 16^-3 each), repeats an earlier 4 in 5e-4,
//   and lies in a word of 4 in 1e-3. To come from 32 to fewer than 12, seven such pieces are needed side by side:
//   (4e-3)^7 * C(11, 7) = 5e-15. A larger alphabet, or a longer text, makes each of these smaller.

namespace ironjar::detail {
namespace {

constexpr std::size_t fewestDifferent = 5;
constexpr std::size_t longestPeriod = 16;
constexpr std::size_t fewestPieces = 12;  // that a password must be made of
constexpr std::size_t shortestRun = 4;
constexpr std::size_t mostLookedAt = 1024;  // the search for repetitions is quadratic

// Lower case, and letters for what is written in their place.
char folded(char c) {
  constexpr std::string_view from = "013457@$!";
  constexpr std::string_view to = "oieastasi";
  if (c >= 'A' && c <= 'Z') return static_cast<char>(c - 'A' + 'a');
  const std::size_t at = from.find(c);
  return at == std::string_view::npos ? c : to[at];
}
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool isContinuation(char c) { return (static_cast<unsigned char>(c) & 0xc0U) == 0x80U; }
bool isLetterOrDigit(char c) {
  c = lower(c);
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || static_cast<unsigned char>(c) >= 0x80;
}

bool hasPeriod(std::string_view text, std::size_t period) {
  return std::equal(text.begin() + static_cast<std::ptrdiff_t>(period), text.end(), text.begin());
}

bool isRepetition(std::string_view text) {
  // In bytes: a character has four at most.
  const std::size_t most = std::min(longestPeriod, text.size() / 2);
  for (std::size_t period = 1; period <= most; ++period) {
    if (hasPeriod(text, period)) return true;
  }
  return false;
}

std::size_t differentCharacters(std::string_view text) {
  std::array<bool, 256> seen{};
  for (const char c : text) seen[static_cast<unsigned char>(c)] = true;
  return static_cast<std::size_t>(std::count(seen.begin(), seen.end(), true));
}

// What a finger follows: digits, letters, the rows of keyboards. Ends that meet are written twice.
constexpr std::array<std::string_view, 6> lines = {
    "01234567890123",      "abcdefghijklmnopqrstuvwxyzabc", "qwertyuiopqwertzuiop",
    "asdfghjklzxcvbnmqwe", "azertyuiopqsdfghjklm",          "yxcvbnmasdfghjkl1qaz2wsx3edc4rfv5tgb6yhn7ujm"};

// The longest that `text` begins with of a line, forwards or backwards, or of one character.
std::size_t runLength(std::string_view text) {
  std::size_t longest = std::min(text.find_first_not_of(text.front()), text.size());
  const char first = lower(text.front());
  for (const std::string_view line : lines) {
    for (std::size_t at = line.find(first); at != std::string_view::npos; at = line.find(first, at + 1)) {
      std::size_t ahead = 1;
      while (ahead < text.size() && at + ahead < line.size() && lower(text[ahead]) == line[at + ahead]) ++ahead;
      std::size_t back = 1;
      while (back < text.size() && back <= at && lower(text[back]) == line[at - back]) ++back;
      longest = std::max({longest, ahead, back});
    }
  }
  return longest >= shortestRun ? longest : 0;
}

// What is written where a password is still to come.
constexpr std::array<std::string_view, 62> words = {
    "change",      "changeit",   "changeme",      "replace", "replaceme", "insert",      "please",  "password",
    "passwort",    "passwd",     "pass",          "secret",  "secrets",   "example",     "sample",  "test",
    "testing",     "admin",      "administrator", "root",    "default",   "letmein",     "welcome", "session",
    "cookie",      "iron",       "ironjar",       "your",    "super",     "long",        "very",    "least",
    "must",        "characters", "character",     "chars",   "random",    "string",      "this",    "that",
    "with",        "here",       "some",          "strong",  "secure",    "placeholder", "dummy",   "demo",
    "development", "production", "local",         "private", "complex",   "value",       "token",   "user",
    "foobar",      "hello",      "world",         "dragon",  "monkey",    "master"};

std::size_t wordLength(std::string_view text) {
  std::size_t longest = 0;
  for (const std::string_view word : words) {
    const bool begins = word.size() <= text.size() &&
                        std::equal(word.begin(), word.end(), text.begin(),
                                   [](char a, char b) { return a == b || a == folded(b) || a == lower(b); });
    if (begins) longest = std::max(longest, word.size());
  }
  return longest;
}

// The longest that `text` has at `at` and also somewhere before.
std::size_t repeatLength(std::string_view text, std::size_t at) {
  std::size_t longest = 0;
  for (std::size_t before = 0; before < at; ++before) {
    std::size_t size = 0;
    while (at + size < text.size() && lower(text[before + size]) == lower(text[at + size])) ++size;
    longest = std::max(longest, size);
  }
  const std::string_view match = text.substr(at, longest);
  const auto characters =
      match.size() - static_cast<std::size_t>(std::count_if(match.begin(), match.end(), isContinuation));
  return characters >= shortestRun ? longest : 0;
}

// How many pieces the text is made of, where a run, a word and a repetition are one each, and a separator counts once
// however often it comes. Stops at `enough`.
std::size_t piecesOf(std::string_view text, std::size_t enough) {
  std::size_t pieces = 0;
  for (std::size_t at = 0; at < text.size() && pieces < enough;) {
    const std::size_t skipped =
        std::max({runLength(text.substr(at)), wordLength(text.substr(at)), repeatLength(text, at)});
    const bool isSeparator = !isLetterOrDigit(text[at]);
    const bool counts = skipped > 0 || !isSeparator || text.find(text[at]) == at;
    if (counts) ++pieces;
    at += std::max<std::size_t>(skipped, 1);
    while (at < text.size() && isContinuation(text[at])) ++at;
  }
  return pieces;
}

}  // namespace

std::string_view guessable(std::string_view password) {
  if (isRepetition(password)) return "repeats itself";
  if (differentCharacters(password) < fewestDifferent) return "has fewer than five different characters";
  if (piecesOf(password.substr(0, mostLookedAt), fewestPieces) < fewestPieces) {
    return "is made of sequences, of words that stand where a password is missing, or of repetitions";
  }
  return {};
}

}  // namespace ironjar::detail

// The fast parser beside the strict one: the input is a text, and behind it what may lie behind a text in memory.
#include "base/bytes.hpp"
#include "fuzz.hpp"
#include "json/json.hpp"

#include <vector>

using namespace ironjar;

namespace {

void requireSame(const Result<Json>& a, const Result<Json>& b) {
  fuzz::require(a.has_value() == b.has_value(), "accepted by both parsers or by none");
  if (a) {
    fuzz::require(detail::isSameJson(*a, *b), "the same value");
  } else {
    fuzz::require(a.error() == b.error(), "refused for the same reason");
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::string_view json = input.text();
  const std::string_view behind = input.rest();
  const Result<Json> strict = detail::parseJsonSlowly(json);
  requireSame(detail::parseJson(json), strict);

  std::vector<char> memory(json.begin(), json.end());
  for (std::size_t i = 0; i < detail::jsonPadding; ++i)
    memory.push_back(behind.empty() ? ']' : behind[i % behind.size()]);
  requireSame(detail::parsePaddedJson({memory.data(), json.size()}), strict);
  if (!strict) return 0;

  // A text of exactly that size, so that a write beyond it is seen.
  const Result<std::size_t> bound = detail::jsonBound(*strict);
  fuzz::require(bound.has_value(), "what is read can be written");
  std::vector<char> text(*bound);
  const char* const end = detail::writeJson(text.data(), *strict);
  fuzz::require(end <= text.data() + text.size(), "within the bound");
  const auto again = detail::parseJson({text.data(), static_cast<std::size_t>(end - text.data())});
  fuzz::require(again && detail::isSameJson(*again, *strict), "and reads back the same");
  return 0;
}

// The fast parser and the lenient one beside the strict one: the input is a text, and behind it what may lie behind a
// text in memory.
#include "base/bytes.hpp"
#include "fuzz.hpp"
#include "json/json.hpp"
#include "json/json_lenient.hpp"

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

// Members by their places: what the strict parser reads, the lenient one reads alike; and what it reads at all is of no
// account beside what is wanted.
void requireLenient(std::string_view json, const Result<Json>& strict) {
  const std::vector<detail::JsonPlace> places = {{"/a"}, {"/b/c"}, {"/b/0/d"}, {"/e", false}};
  const Result<Json> lenient = detail::parseLenientJson(json, places);
  fuzz::require(lenient || !strict, "what is JSON is read");
  for (const detail::JsonPlace& place : places) {
    const Json::json_pointer where(place.pointer);
    if (!strict) break;
    fuzz::require(lenient->contains(where) == strict->contains(where), "the same members");
    if (!strict->contains(where)) continue;
    const Json& value = strict->at(where);
    fuzz::require(value.is_structured() ? lenient->at(where).type() == value.type()
                                        : detail::isSameJson(lenient->at(where), value),
                  "with the same values");
  }
  if (!lenient || json.starts_with("\xef\xbb\xbf")) return;
  const auto beside = detail::parseLenientJson("{\"z\":" + std::string(json) + ",\"a\":1}", places);
  fuzz::require(beside && beside->at("a") == 1, "what else there is does not matter");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::string_view json = input.text();
  const std::string_view behind = input.rest();
  const Result<Json> strict = detail::parseJsonSlowly(json);
  requireSame(detail::parseJson(json), strict);
  requireLenient(json, strict);

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

#include "base/ascii.hpp"
#include "base/swar.hpp"
#include "http/field.hpp"
#include "web/proxy_path.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include <ironjar/http1.hpp>
#include <ironjar/web/request_framing.hpp>

namespace ironjar {

namespace {

using detail::equalIgnoringCase;

using detail::isToken;

// The fields of a name: how often it is there, and its last value.
struct Occurrence {
  std::size_t count = 0;
  std::string_view value;
};

Occurrence occurrenceOf(std::string_view name, const RequestHead& request) {
  Occurrence seen;
  for (const auto& [other, value] : request.fields) {
    if (!equalIgnoringCase(other, name)) continue;
    ++seen.count;
    seen.value = value;
  }
  return seen;
}

bool isMalformed(const RequestHead& request) {
  return occurrenceOf("Host", request).count > 1 || !std::all_of(request.fields.begin(), request.fields.end(),
                                                                 [](const FieldView& f) { return isToken(f.first); });
}

bool isLengthAmbiguous(const RequestHead& request, const Occurrence& length, const Occurrence& coding) {
  if (length.count > 1 || coding.count > 1) return true;
  if (coding.count == 1 && (length.count == 1 || request.version != "HTTP/1.1")) return true;
  if (coding.count == 1) return !equalIgnoringCase(coding.value, "chunked");
  return length.count == 1 && !contentLengthIn(length.value);
}

// Where the first control at or behind `at` is; the text's end if there is none. Cookies make heads long.
std::size_t nextControl(std::string_view text, std::size_t at) {
  for (std::uint64_t word = 0; at + sizeof word <= text.size(); at += sizeof word) {
    std::memcpy(&word, text.data() + at, sizeof word);
    if (((detail::hasLess(word, ' ') | detail::hasByte(word, '\x7f')) & detail::highBits) != 0) break;
  }
  while (at < text.size() && !detail::isControl(text[at])) ++at;
  return at;
}

// What a server refuses that would read such a body without a limit.
std::optional<Refusal> refusalOfUnbounded(const RequestHead& request, const Occurrence& length,
                                          const Occurrence& coding) {
  constexpr std::array<std::string_view, 3> withBody = {"POST", "PUT", "PATCH"};
  const bool mustHaveLength = std::find(withBody.begin(), withBody.end(), request.method) != withBody.end();
  if (coding.count > 0 || (mustHaveLength && length.count == 0)) return Refusal{411, "length_required"};
  const Occurrence content = occurrenceOf("Content-Encoding", request);
  const bool isPlain = content.count == 0 || (content.count == 1 && equalIgnoringCase(content.value, "identity"));
  if (!isPlain) return Refusal{415, "compressed_body"};
  return std::nullopt;
}

}  // namespace

std::optional<Refusal> refusalOf(const RequestHead& request, const FramingRules& rules) {
  constexpr std::array<std::string_view, 7> methods = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
  if (isMalformed(request)) return Refusal{400, "malformed_request"};
  const Occurrence length = occurrenceOf("Content-Length", request);
  const Occurrence coding = occurrenceOf("Transfer-Encoding", request);
  if (isLengthAmbiguous(request, length, coding)) return Refusal{400, "ambiguous_length"};
  if (std::find(methods.begin(), methods.end(), request.method) == methods.end()) return Refusal{501, "unknown_method"};
  if (rules.maxPathSize > 0 && request.path.size() > rules.maxPathSize) return Refusal{414, "path_too_long"};
  const Occurrence expect = occurrenceOf("Expect", request);
  if (expect.count > 1 || (expect.count == 1 && !equalIgnoringCase(expect.value, "100-continue")))
    return Refusal{417, "unknown_expectation"};
  const Occurrence range = occurrenceOf("Range", request);
  if (range.count > 1 || range.value.find(',') != std::string_view::npos) return Refusal{416, "several_ranges"};
  if (!rules.boundsEveryBody) return refusalOfUnbounded(request, length, coding);
  return std::nullopt;
}

bool hasPlainLines(std::string_view head) {
  for (std::size_t at = nextControl(head, 0); at < head.size(); at = nextControl(head, at + 1)) {
    if (head[at] == '\t') continue;
    if (head[at] != '\r' || head.substr(at + 1, 1) != "\n") return false;
    ++at;
    const char next = at + 1 < head.size() ? head[at + 1] : '\0';
    if (next == ' ' || next == '\t') return false;
  }
  return true;
}

bool isBelow(std::string_view target, std::string_view prefix) {
  return detail::behindPrefix(target, prefix).has_value();
}

}  // namespace ironjar

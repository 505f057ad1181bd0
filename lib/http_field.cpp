#include "http_field.hpp"

#include "detail/ascii.hpp"

#include <algorithm>

namespace ironjar::detail {
namespace {

bool isToken(std::string_view text) {
  return !text.empty() && allOf(text, [](char c) {
    return isAlphanumeric(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

}  // namespace

// To the end whatever comes, in bytes, so that many are looked at at once: an access token has a thousand.
bool isFieldValue(std::string_view text) {
  unsigned char controls = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    controls |= static_cast<unsigned char>((byte < ' ' && byte != '\t') || byte == 0x7f);
  }
  return controls == 0;
}

bool isSendable(const Headers& headers) {
  return std::all_of(headers.begin(), headers.end(),
                     [](const auto& header) { return isToken(header.first) && isFieldValue(header.second); });
}

bool isSendable(const Request& request) { return isToken(request.method) && isSendable(request.headers); }

}  // namespace ironjar::detail

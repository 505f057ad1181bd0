#include "http/field.hpp"

#include "base/ascii.hpp"

#include <algorithm>

namespace ironjar::detail {

bool isToken(std::string_view text) {
  return !text.empty() && allOf(text, [](char c) {
    return isAlphanumeric(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool isFieldValue(std::string_view text) {
  return allOf(text, [](char c) { return !isControl(c) || c == '\t'; });
}

bool isSendable(const Headers& headers) {
  return std::all_of(headers.begin(), headers.end(),
                     [](const auto& header) { return isToken(header.first) && isFieldValue(header.second); });
}

bool isSendable(const Request& request) { return isToken(request.method) && isSendable(request.headers); }

}  // namespace ironjar::detail

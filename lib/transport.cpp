#include "detail/ascii.hpp"

#include <algorithm>

#include <ironjar/transport.hpp>

namespace ironjar {

std::optional<std::string_view> findHeader(const Headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (detail::equalIgnoringCase(key, name)) return value;
  }
  return std::nullopt;
}

void eraseHeader(Headers& headers, std::string_view name) {
  std::erase_if(headers, [&](const auto& header) { return detail::equalIgnoringCase(header.first, name); });
}

}  // namespace ironjar

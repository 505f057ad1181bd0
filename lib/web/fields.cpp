#include "web/fields.hpp"

#include "base/ascii.hpp"
#include "cookie/cookie_pairs.hpp"

#include <algorithm>
#include <array>

namespace ironjar::detail {

Single singleField(const WebRequest& request, std::string_view name) {
  Single single;
  for (const auto& [other, value] : request.fields) {
    if (!equalIgnoringCase(other, name)) continue;
    single.repeats = single.repeats || single.value.has_value();
    single.value = value;
  }
  return single;
}

bool hasField(const WebRequest& request, std::string_view name) { return singleField(request, name).value.has_value(); }

bool isForm(const WebRequest& request) {
  const Single type = singleField(request, "Content-Type");
  const std::string_view value = type.value.value_or("");
  return !type.repeats &&
         equalIgnoringCase(trim(value.substr(0, value.find(';'))), "application/x-www-form-urlencoded");
}

bool ConnectionOptions::isConnection(std::string_view name) { return equalIgnoringCase(name, "Connection"); }

void ConnectionOptions::add(std::string_view value) {
  while (!value.empty()) {
    const std::size_t end = std::min(value.find(','), value.size());
    options_.push_back(lower(trim(value.substr(0, end))));
    value.remove_prefix(std::min(end + 1, value.size()));
  }
}

void ConnectionOptions::sort() { std::sort(options_.begin(), options_.end()); }

bool ConnectionOptions::name(std::string_view field) const {
  return std::binary_search(options_.begin(), options_.end(), lower(field));
}

std::string foldedName(std::string_view name) {
  std::string folded = lower(name);
  std::replace_if(
      folded.begin(), folded.end(), [](char c) { return !isAlphanumeric(c); }, '-');
  return folded;
}

bool isHopByHop(std::string_view name) {
  constexpr std::array<std::string_view, 11> names = {
      "connection", "keep-alive",          "proxy-authenticate", "proxy-connection",
      "te",         "proxy-authorization", "transfer-encoding",  "trailer",
      "upgrade",    "content-length",      "http2-settings"};
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool isCaching(std::string_view name) {
  constexpr std::array<std::string_view, 7> names = {"age",           "expires",         "pragma", "surrogate-control",
                                                     "surrogate-key", "x-accel-expires", "vary"};
  // RFC 9213: CDN-Cache-Control and its like go before Cache-Control.
  return name.ends_with("cache-control") || std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace ironjar::detail

#include "base/url_path.hpp"

#include "base/percent.hpp"

#include <algorithm>
#include <vector>

namespace ironjar::detail {
namespace {

constexpr std::string_view endsOfName(";?#\0", 4);

}  // namespace

// Codes do not overlap, since `%` is no digit: so it makes no difference in which order they are decoded, and looking
// at the last three characters each time finds those too that decoding has made.
std::string decodedFully(std::string_view text) {
  std::string out;
  for (const char c : text) {
    out += c;
    while (out.size() >= 3) {
      const auto byte = escapeAt(out, out.size() - 3);
      if (!byte) break;
      out.resize(out.size() - 3);
      out += *byte;
    }
  }
  return out;
}

std::string normalizedPath(std::string_view path) {
  std::string decoded = decodedFully(path);
  std::replace(decoded.begin(), decoded.end(), '\\', '/');
  std::vector<std::string_view> segments;
  std::string_view rest = decoded;
  bool endsInSlash = true;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('/'), rest.size());
    std::string_view segment = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    segment = segment.substr(0, segment.find_first_of(endsOfName));
    endsInSlash = segment.empty() || segment == "." || segment == ".." || (rest.empty() && decoded.ends_with('/'));
    if (segment == "..") {
      if (!segments.empty()) segments.pop_back();
    } else if (!segment.empty() && segment != ".") {
      segments.push_back(segment);
    }
  }
  std::string out;
  for (const std::string_view segment : segments) out.append("/").append(segment);
  return endsInSlash || out.empty() ? out + '/' : out;
}

}  // namespace ironjar::detail

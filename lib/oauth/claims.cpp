#include "oauth/claims.hpp"

#include "oauth/policy.hpp"

#include <algorithm>
#include <chrono>

namespace ironjar::detail {
namespace {

constexpr std::size_t longestIdentifier = 255;

}  // namespace

bool isClaim(const Json& claims, const char* name, std::string_view wanted) {
  const auto claim = claims.find(name);
  return claim != claims.end() && claim->is_string() && claim->get_ref<const std::string&>() == wanted;
}

Result<std::string> identifierIn(const Json& claims, const char* name) {
  const auto claim = claims.find(name);
  if (claim == claims.end()) return std::string();
  const bool isText = claim->is_string() && !claim->get_ref<const std::string&>().empty() &&
                      claim->get_ref<const std::string&>().size() <= longestIdentifier;
  if (!isText) return fail(Errc::malformed, std::string(name) + " is no text of 1 to 255 characters");
  return claim->get<std::string>();
}

Result<std::optional<double>> timeIn(const Json& claims, const char* name) {
  const auto claim = claims.find(name);
  if (claim == claims.end()) return std::optional<double>();
  const auto seconds = claim->is_number() ? claim->get<double>() : -1.0;
  if (!(seconds >= 0 && seconds < leastMilliseconds)) return fail(Errc::malformed, "a time that is none");
  return std::optional(seconds);
}

double unixTimeOf(TimePoint time) { return std::chrono::duration<double>(time.time_since_epoch()).count(); }

TimePoint timeOf(double unixTime) {
  const std::chrono::duration<double> since(std::min(unixTime, latestSeconds));
  return TimePoint(std::chrono::duration_cast<TimePoint::duration>(since));
}

Result<std::size_t> audiencesIn(const Json& claims, const std::string& clientId,
                                const std::vector<std::string>& trusted) {
  const auto claim = claims.find("aud");
  if (claim == claims.end()) return fail(Errc::notAllowed, "no audience");
  const Json list = claim->is_array() ? *claim : Json::array({*claim});
  const auto isTrusted = [&](const Json& one) {
    if (!one.is_string()) return false;
    const auto& name = one.get_ref<const std::string&>();
    return name == clientId || std::find(trusted.begin(), trusted.end(), name) != trusted.end();
  };
  if (std::find(list.begin(), list.end(), clientId) == list.end() ||
      !std::all_of(list.begin(), list.end(), isTrusted)) {
    return fail(Errc::notAllowed, "for another audience");
  }
  return list.size();
}

}  // namespace ironjar::detail

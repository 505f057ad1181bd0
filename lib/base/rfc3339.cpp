#include "base/rfc3339.hpp"

#include "base/ascii.hpp"
#include "base/number.hpp"

namespace ironjar::detail {
namespace {

using namespace std::chrono;

std::optional<int> numberAt(std::string_view text, std::size_t at, std::size_t size) {
  return text.size() < at + size ? std::nullopt : parseDecimal<int>(text.substr(at, size));
}

std::optional<minutes> offsetOf(std::string_view zone) {
  if (zone == "Z" || zone == "z") return minutes{0};
  const auto hour = numberAt(zone, 1, 2);
  const auto minute = numberAt(zone, 4, 2);
  const bool isOffset = zone.size() == 6 && (zone[0] == '+' || zone[0] == '-') && zone[3] == ':';
  if (!isOffset || !hour || !minute || *hour > 23 || *minute > 59) return std::nullopt;
  const minutes offset = hours{*hour} + minutes{*minute};
  return zone[0] == '-' ? -offset : offset;
}

}  // namespace

std::optional<system_clock::time_point> parseRfc3339(std::string_view text) {
  const auto yearNumber = numberAt(text, 0, 4);
  const auto monthNumber = numberAt(text, 5, 2);
  const auto dayNumber = numberAt(text, 8, 2);
  const auto hour = numberAt(text, 11, 2);
  const auto minute = numberAt(text, 14, 2);
  const auto second = numberAt(text, 17, 2);
  if (!yearNumber || !monthNumber || !dayNumber || !hour || !minute || !second) return std::nullopt;
  const bool hasSigns = text[4] == '-' && text[7] == '-' && (toLower(text[10]) == 't' || text[10] == ' ') &&
                        text[13] == ':' && text[16] == ':';
  std::string_view zone = text.substr(19);
  if (zone.starts_with('.')) {
    const std::size_t end = std::min(zone.find_first_not_of("0123456789", 1), zone.size());
    if (end == 1) return std::nullopt;
    zone.remove_prefix(end);
  }
  const auto offset = offsetOf(zone);
  const year_month_day date(year{*yearNumber}, month{static_cast<unsigned>(*monthNumber)},
                            day{static_cast<unsigned>(*dayNumber)});
  const bool isInRange = *yearNumber >= 1970 && *yearNumber < 2262 && *hour < 24 && *minute < 60 && *second <= 60;
  if (!hasSigns || !offset || !date.ok() || !isInRange) return std::nullopt;
  const sys_seconds time = sys_days(date) + hours{*hour} + minutes{*minute} + seconds{*second} - *offset;
  return time < sys_seconds() ? std::nullopt : std::optional<system_clock::time_point>(time);
}

}  // namespace ironjar::detail

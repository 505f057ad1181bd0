#include "base/http_date.hpp"

#include "base/number.hpp"

#include <algorithm>
#include <array>

namespace ironjar::detail {
namespace {

using namespace std::chrono;

constexpr std::array<std::string_view, 7> weekdays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

template <class Number>
std::string padded(Number number, std::size_t width) {
  const std::string digits = std::to_string(number);
  return std::string(width - std::min(width, digits.size()), '0') + digits;
}

}  // namespace

std::string httpDate(system_clock::time_point time) {
  const sys_seconds second = floor<seconds>(time);  // the clock's first day begins before its own first moment
  const auto day = floor<days>(second);
  const year_month_day date(day);
  const hh_mm_ss clock(second - day);
  std::string text(weekdays[weekday(day).c_encoding()]);
  text.append(", ").append(padded(static_cast<unsigned>(date.day()), 2)).append(" ");
  text.append(months[static_cast<unsigned>(date.month()) - 1]).append(" ");
  text.append(padded(static_cast<int>(date.year()), 4)).append(" ");
  text.append(padded(clock.hours().count(), 2)).append(":").append(padded(clock.minutes().count(), 2)).append(":");
  return text.append(padded(clock.seconds().count(), 2)).append(" GMT");
}

std::optional<system_clock::time_point> parseHttpDate(std::string_view text) {
  // "Sun, 06 Nov 1994 08:49:37 GMT"
  if (text.size() != 29 || text.substr(25) != " GMT") return std::nullopt;
  const auto month = std::find(months.begin(), months.end(), text.substr(8, 3));
  const auto day = parseDecimal<int>(text.substr(5, 2));
  const auto year = parseDecimal<int>(text.substr(12, 4));
  const auto hour = parseDecimal<int>(text.substr(17, 2));
  const auto minute = parseDecimal<int>(text.substr(20, 2));
  const auto second = parseDecimal<int>(text.substr(23, 2));
  if (month == months.end() || !day || !year || !hour || !minute || !second) return std::nullopt;
  const auto monthNumber = static_cast<unsigned>(month - months.begin()) + 1;
  const year_month_day date(std::chrono::year{*year}, std::chrono::month{monthNumber},
                            std::chrono::day{static_cast<unsigned>(*day)});
  const bool inRange = *year >= 1970 && *year < 2262 && *hour < 24 && *minute < 60 && *second <= 60;
  if (!date.ok() || !inRange) return std::nullopt;
  const system_clock::time_point time = sys_days(date) + hours{*hour} + minutes{*minute} + seconds{*second};
  const bool punctuated = httpDate(time).substr(0, 17) == text.substr(0, 17) && text[19] == ':' && text[22] == ':';
  return punctuated ? std::optional(time) : std::nullopt;
}

}  // namespace ironjar::detail

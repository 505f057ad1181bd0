// Dates: what is read is what the C library reads of the same fields, and written again it is the same text.
#include "base/http_date.hpp"
#include "fuzz.hpp"

#include <ctime>

using namespace ironjar;

namespace {

// The rules once more, on the C library's calendar, which knows no locale here: timegm() is arithmetic.
std::optional<std::time_t> secondReading(const std::string& text) {
  static const std::string months = "JanFebMarAprMayJunJulAugSepOctNovDec";
  static const std::string days = "SunMonTueWedThuFriSat";
  if (text.size() != 29 || text.find('\0') != std::string::npos) return std::nullopt;
  const std::string shape = "aaa, 00 aaa 0000 00:00:00 GMT";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == '0' ? text[i] < '0' || text[i] > '9' : shape[i] != 'a' && shape[i] != text[i]) return std::nullopt;
  }
  const auto number = [&](std::size_t at, std::size_t length) { return std::stoi(text.substr(at, length)); };
  const std::size_t month = months.find(text.substr(8, 3));
  if (month == std::string::npos || month % 3 != 0) return std::nullopt;
  std::tm fields{};
  fields.tm_mday = number(5, 2);
  fields.tm_mon = static_cast<int>(month / 3);
  fields.tm_year = number(12, 4) - 1900;
  fields.tm_hour = number(17, 2);
  fields.tm_min = number(20, 2);
  fields.tm_sec = number(23, 2);
  if (fields.tm_hour > 23 || fields.tm_min > 59 || fields.tm_sec > 60) return std::nullopt;
  if (fields.tm_year < 70 || fields.tm_year >= 362) return std::nullopt;
  // A leap second is the next minute's first; it must not hide a day that does not exist.
  std::tm plain = fields;
  plain.tm_sec = 0;
  const std::tm asked = plain;
  const std::time_t time = timegm(&plain);
  if (plain.tm_mday != asked.tm_mday || plain.tm_mon != asked.tm_mon) return std::nullopt;
  if (days.substr(static_cast<std::size_t>(plain.tm_wday) * 3, 3) != text.substr(0, 3)) return std::nullopt;
  return time + fields.tm_sec;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto read = detail::parseHttpDate(text);
  const auto expected = secondReading(text);
  const bool lastDay = expected && text.substr(23, 2) == "60" && text.substr(17, 5) == "23:59";
  if (!lastDay) {  // a leap second at midnight is the next day's, and whether that is still this date is moot
    fuzz::require(read.has_value() == expected.has_value(), "both readings accept, or neither");
  }
  if (!read) return 0;
  fuzz::require(expected && std::chrono::system_clock::to_time_t(*read) == *expected, "the same time");
  const std::string written = detail::httpDate(*read);
  fuzz::require(detail::parseHttpDate(written) == read, "what is written reads back");
  fuzz::require(text.substr(23, 2) == "60" || written == text, "and is the text that was read");
  fuzz::require(retryAfter({.status = 503, .headers = {{"Retry-After", text}}}, fuzz::noon()).has_value(),
                "a date is a Retry-After");
  return 0;
}

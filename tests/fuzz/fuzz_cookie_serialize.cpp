// A name, a value and every attribute: a Set-Cookie value that says exactly that and reads back, or an error.
#include "fuzz.hpp"

using namespace ironjar;

namespace {

CookieOptions optionsFrom(fuzz::Input& input) {
  CookieOptions options;
  const unsigned flags = input.byte();
  options.httpOnly = (flags & 1U) != 0;
  options.secure = (flags & 2U) != 0;
  options.partitioned = (flags & 4U) != 0;
  options.sameSite = static_cast<SameSite>(flags >> 3U & 3U);
  options.priority = static_cast<CookiePriority>(flags >> 5U & 3U);
  if (input.flag()) options.maxAge = Seconds{static_cast<std::int64_t>(input.number(8))};
  if (input.flag()) options.expires = TimePoint(TimePoint::duration(static_cast<std::int64_t>(input.number(8))));
  options.domain = input.text();
  options.path = input.text();
  return options;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const CookieOptions options = optionsFrom(input);
  const std::string name(input.text());
  const std::string value(input.text());
  const Result<std::string> cookie = serializeCookie(name, value, options);
  if (!cookie) {
    fuzz::requireError(cookie, {Errc::malformed});
    return 0;
  }
  fuzz::require(std::all_of(cookie->begin(), cookie->end(), [](char c) { return c >= ' ' && c < '\x7f'; }),
                "visible ASCII and spaces");
  // Every attribute once, as asked for, and nothing between that was not.
  const std::size_t attributes =
      1U + (options.maxAge ? 1U : 0U) + (options.domain.empty() ? 0U : 1U) + (options.path.empty() ? 0U : 1U) +
      (options.expires ? 1U : 0U) + (options.httpOnly ? 1U : 0U) + (options.secure ? 1U : 0U) +
      (options.partitioned ? 1U : 0U) + (options.priority == CookiePriority::unset ? 0U : 1U) +
      (options.sameSite == SameSite::unset ? 0U : 1U);
  const auto separators = static_cast<std::size_t>(std::count(cookie->begin(), cookie->end(), ';'));
  fuzz::require(separators + 1 == attributes, "no attribute that was not asked for");
  const std::vector<CookiePair> pairs = parseCookies(std::string_view(*cookie).substr(0, cookie->find(';')));
  fuzz::require(pairs.size() == 1 && pairs[0].name == name && pairs[0].value == value, "name and value read back");
  fuzz::require(!(options.sameSite == SameSite::none && !options.secure), "SameSite=None demands Secure");
  if (name.starts_with("__Host-")) {
    fuzz::require(options.secure && options.domain.empty() && options.path == "/", "__Host- keeps its promise");
  }
  return 0;
}

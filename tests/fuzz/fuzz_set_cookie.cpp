// Set-Cookie fields of an API or a provider, one per 0x1e: what is kept of them travels back as a Cookie field that
// holds nothing but the pairs named, and no control character.
#include "fuzz.hpp"
#include "http/upstream_cookies.hpp"

using namespace ironjar;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<std::string> names = {"sid", "a", "__Host-x"};
  fuzz::Input input(data, size);
  Response response{.status = 200};
  const std::string held(input.text());
  while (!input.empty()) response.headers.emplace_back("Set-Cookie", input.text());
  const std::string kept = detail::withCookiesOf(response, names, "sid=held");
  std::size_t seen = 0;
  for (const CookiePair& pair : parseCookies(kept)) {
    fuzz::require(std::count(names.begin(), names.end(), pair.name) == 1, "only cookies that were asked for");
    ++seen;
  }
  fuzz::require(seen <= names.size(), "each name once");
  fuzz::require(
      std::none_of(kept.begin(), kept.end(), [](char c) { return (c >= 0 && c < ' ' && c != '\t') || c == '\x7f'; }),
      "no control character");
  fuzz::require(detail::withCookiesOf({.status = 200}, names, kept) == kept, "what is kept stays as it is");
  fuzz::require(detail::joinedCookies(kept, "") == kept, "and adding nothing adds nothing");
  const std::string both = detail::joinedCookies(held, kept);
  fuzz::require(detail::joinedCookies(both, "") == both, "joining is idempotent");
  return 0;
}

#include "guard.hpp"

#include <ironjar/cookie.hpp>

using ironjar::c::guard;
using ironjar::c::Outcome;
using ironjar::c::requireOut;
using ironjar::c::textIn;

ironjar_status ironjar_parse_cookies(const char* cookie_header, std::size_t cookie_header_size,
                                     ironjar_cookie_pair* pairs, std::size_t* count, ironjar_error* error) {
  return guard(error, [&]() -> Outcome {
    const std::size_t room = std::exchange(requireOut(count, "count"), 0);
    if (pairs == nullptr && room != 0) throw std::invalid_argument("ironjar: pairs is null");
    const std::string_view header = textIn(cookie_header, cookie_header_size, "cookie_header");
    const auto parsed = ironjar::parseCookies(header);
    *count = parsed.size();
    if (parsed.size() > room) return {IRONJAR_BUFFER_TOO_SMALL, std::to_string(parsed.size()) + " pairs"};
    if (pairs == nullptr) return {};  // there was no room, nor anything to put there
    // What is empty may stand nowhere.
    const auto offset = [&](std::string_view part) {
      return part.empty() ? std::size_t{0} : static_cast<std::size_t>(part.data() - header.data());
    };
    for (std::size_t i = 0; i < parsed.size(); ++i) {
      const auto& [name, value] = parsed[i];
      pairs[i] = {offset(name), name.size(), offset(value), value.size()};
    }
    return {};
  });
}

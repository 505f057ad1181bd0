#include "cookie/chunks.hpp"
#include "cookie/set_cookie.hpp"
#include "cookie/split.hpp"
#include "guard.hpp"
#include "members.hpp"
#include "options.hpp"

#include <cstdint>

#include <ironjar/seal.hpp>

using ironjar::bindings::Members;
using ironjar::bindings::SecretJson;
using ironjar::c::failed;
using ironjar::c::guard;
using ironjar::c::jsonText;
using ironjar::c::Outcome;
using ironjar::c::requireOut;
using ironjar::c::textIn;
using ironjar::c::TextOut;

namespace {

constexpr std::size_t endless = SIZE_MAX / 8;  // larger than any cookie, and no sum of a few overflows

struct Splitting {
  std::string cookieName = {};
  ironjar::Seconds ttl = ironjar::defaultTtl;
  ironjar::detail::SplitLimits limits = {.maxCookieHeader = endless};
};

Splitting splittingFrom(const ironjar::Json& object) {
  Members members(object, "options");
  Splitting splitting;
  static_cast<void>(members.require("cookieName"));
  members.read("cookieName", splitting.cookieName);
  members.read("ttl", splitting.ttl);
  members.read("attributesSize", splitting.limits.attributesSize);
  members.read("chunk", splitting.limits.chunk);
  members.read("maxCookieHeader", splitting.limits.maxCookieHeader);
  members.finish();
  return splitting;
}

// The names in `set` as a JSON list.
std::string namesOf(const std::string& cookieName, const ironjar::detail::CookieSet& set) {
  std::string names = set.whole ? "[" + jsonText(cookieName) : "[";
  for (std::size_t i = 0; i < ironjar::detail::maxChunks; ++i) {
    if ((set.chunks >> i & 1U) == 0) continue;
    names.append(names.size() > 1 ? "," : "").append(jsonText(ironjar::detail::chunkName(cookieName, i)));
  }
  return names + "]";
}

}  // namespace

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

ironjar_status ironjar_serialize_cookie(const char* name, std::size_t name_size, const char* value,
                                        std::size_t value_size, const char* options, std::size_t options_size,
                                        char* cookie, std::size_t* cookie_size, ironjar_error* error) {
  using ironjar::detail::Promises;
  return guard(error, [&]() -> Outcome {
    const TextOut out(cookie, cookie_size, "cookie");
    const SecretJson json(textIn(options, options_size, "options"));
    const ironjar::bindings::SetCookie how = ironjar::bindings::setCookieFrom(*json);
    const auto text =
        ironjar::detail::serializeCookie(textIn(name, name_size, "name"), textIn(value, value_size, "value"),
                                         how.options, how.keepsPromises ? Promises::required : Promises::ignored);
    return text ? out.put(*text) : failed(text.error());
  });
}

ironjar_status ironjar_split_seal(const char* options, std::size_t options_size, std::size_t seal_size, char* json,
                                  std::size_t* json_size, ironjar_error* error) {
  return guard(error, [&]() -> Outcome {
    const TextOut out(json, json_size, "json");
    if (seal_size > endless) return {IRONJAR_TOO_LARGE, "longer than any seal may be"};
    const SecretJson parsed(textIn(options, options_size, "options"));
    const Splitting how = splittingFrom(*parsed);
    const ironjar::detail::Split split = ironjar::detail::splitSeal(how.cookieName, seal_size, how.limits);
    constexpr unsigned all = (1U << ironjar::detail::maxChunks) - 1;
    const ironjar::detail::CookieSet stale{!split.written.whole, all & ~split.written.chunks};
    const auto number = [](const char* name, auto value) { return ",\"" + (name + ("\":" + std::to_string(value))); };
    return out.put(
        R"({"cookies":)" + namesOf(how.cookieName, split.written) + R"(,"stale":)" + namesOf(how.cookieName, stale) +
        number("partSize", split.written.whole ? seal_size : split.chunkSize) +
        number("maxAge", ironjar::detail::maxAgeFor(how.ttl).count()) + number("wholeSize", split.wholeSize) +
        number("chunkOverhead", split.chunkOverhead) + number("chunks", split.chunks) + "}");
  });
}

#include "options.hpp"

#include "base/number.hpp"
#include "crypto/secret.hpp"
#include "json/json.hpp"
#include "members.hpp"
#include "seal/formats.hpp"
#include "session/token_set.hpp"

#include <array>
#include <stdexcept>
#include <vector>

namespace ironjar::bindings {
namespace {

template <class Enum, std::size_t N>
using Words = std::array<std::pair<std::string_view, Enum>, N>;

constexpr Words<SameSite, 4> sameSites = {
    {{"lax", SameSite::lax}, {"strict", SameSite::strict}, {"none", SameSite::none}, {"unset", SameSite::unset}}};
constexpr Words<CookiePriority, 3> priorities = {
    {{"low", CookiePriority::low}, {"medium", CookiePriority::medium}, {"high", CookiePriority::high}}};

void wipeTexts(Json& value) {
  if (value.is_string()) {
    auto& text = value.get_ref<std::string&>();
    detail::wipe(detail::writable(text.data(), text.size()));
  } else if (value.is_structured()) {
    for (Json& element : value) wipeTexts(element);
  }
}

std::uint32_t passwordId(std::string_view text) {
  const auto id = detail::parseCanonicalDecimal<std::uint32_t>(text);
  if (!id) throw std::invalid_argument("ironjar: passwords: an id is not a whole number from 0 to 4294967295");
  return *id;
}

void readSealOptions(Members& members, SealOptions& options) {
  if (const Json* list = members.find("formats")) {
    if (!list->is_array()) members.refuse("formats", "is not a list");
    options.formats.clear();
    for (const Json& word : *list) {
      const auto* const name = word.get_ptr<const std::string*>();
      const detail::Format* const format = name != nullptr ? detail::formatNamed(*name) : nullptr;
      if (format == nullptr) members.refuse("formats", "is none of its words");
      options.formats.push_back(format->format);
    }
  }
  members.read("ttl", options.ttl);
  members.read("clockSkew", options.clockSkew);
  members.read("purpose", options.purpose);
  members.read("context", options.context);
  if (const Json* list = members.find("fe26Iterations")) {
    if (!list->is_array()) members.refuse("fe26Iterations", "is not a list");
    options.fe26Iterations.clear();
    for (const Json& number : *list) {
      const bool fits = number.is_number_unsigned() && number.get<std::uint64_t>() <= UINT32_MAX;
      if (!fits) members.refuse("fe26Iterations", "holds what is no count");
      options.fe26Iterations.push_back(number.get<unsigned>());
    }
  }
}

// The years that a Set-Cookie value may name. What the clock cannot show of them becomes its nearest end.
TimePoint expiresFrom(Members& members) {
  using namespace std::chrono;
  constexpr sys_time<milliseconds> first = sys_days(year{1601} / 1 / 1);
  constexpr sys_time<milliseconds> end = sys_days(year{10000} / 1 / 1);
  std::int64_t expires = 0;
  members.read("expires", expires);
  const sys_time<milliseconds> time{milliseconds(expires)};
  if (time < first || time >= end) members.refuse("expires", "is not in the years 1601 to 9999");
  return detail::fromUnixMilliseconds(expires);
}

void readCookie(Members& members, CookieOptions& cookie) {
  members.read("maxAge", cookie.maxAge);
  members.read("domain", cookie.domain);
  members.read("path", cookie.path);
  if (members.find("expires") != nullptr) cookie.expires = expiresFrom(members);
  members.read("httpOnly", cookie.httpOnly);
  members.read("secure", cookie.secure);
  members.read("partitioned", cookie.partitioned);
  members.read("priority", cookie.priority, priorities);
  members.read("sameSite", cookie.sameSite, sameSites);
}

CookieShape shapeFrom(const Json& object) {
  Members members(object, "former");
  CookieShape shape;
  members.read("domain", shape.domain);
  members.read("path", shape.path);
  members.read("partitioned", shape.partitioned);
  members.finish();
  return shape;
}

void readTokenNames(const Json& object, TokenNames& names) {
  Members members(object, "tokenNames");
  detail::forEachTokenName(
      [&](const char* option, std::string TokenNames::*which) { members.read(option, names.*which); });
  members.finish();
}

}  // namespace

SecretJson::SecretJson(std::string_view text) {
  Result<Json> parsed = detail::parseJson(text);
  if (!parsed) throw std::invalid_argument("ironjar: options: " + parsed.error().detail);
  value_ = *std::move(parsed);
}

SecretJson::SecretJson(Json value) {
  const Result<std::size_t> bound = detail::jsonBound(value);
  if (!bound) throw std::invalid_argument("ironjar: options: " + bound.error().detail);
  value_ = std::move(value);
}

SecretJson::~SecretJson() {
  wipeTexts(value_);
  detail::dismantle(value_);
}

namespace {

// What was no text before it became JSON, such as bytes from an environment, holds the same U+FFFD for all of them: few
// of its bits would be left.
const std::string& decodedWhole(const std::string& password) {
  if (password.find("\xef\xbf\xbd") == std::string::npos) return password;
  throw std::invalid_argument(
      "ironjar: passwords: one of them holds U+FFFD, so it was not UTF-8: use text, for example from "
      "`openssl rand -base64 32`");
}

Passwords passwordsFrom(const Json& value) {
  if (value.is_string()) return Passwords(decodedWhole(value.get_ref<const std::string&>()));
  if (!value.is_object()) throw std::invalid_argument("ironjar: passwords is neither a text nor texts by id");
  std::vector<std::pair<std::uint32_t, std::string_view>> byId;
  for (const auto& [id, password] : value.items()) {
    if (!password.is_string()) throw std::invalid_argument("ironjar: passwords: one of them is not a text");
    byId.emplace_back(passwordId(id), decodedWhole(password.get_ref<const std::string&>()));
  }
  return Passwords(byId);
}

Passwords passwordsOf(Members& members) {
  Passwords passwords = passwordsFrom(members.require("passwords"));
  std::optional<std::uint32_t> id;
  members.read("sealUnder", id);
  return id ? passwords.sealingUnder(*id) : passwords;
}

}  // namespace

Sealing sealingFrom(const Json& object, const Clock& now) {
  Members members(object, "options");
  Sealing sealing{passwordsOf(members), {}};
  sealing.options.now = now;
  readSealOptions(members, sealing.options);
  members.finish();
  detail::requireValid(sealing.options);
  return sealing;
}

SetCookie setCookieFrom(const Json& object) {
  Members members(object, "options");
  SetCookie cookie;
  readCookie(members, cookie.options);
  members.read("promises", cookie.keepsPromises);
  members.finish();
  return cookie;
}

SessionOptions sessionOptionsFrom(const Json& object, const Clock& now) {
  Members members(object, "options");
  static_cast<void>(members.require("cookieName"));
  SessionOptions options{.cookieName = {}, .passwords = passwordsOf(members)};
  members.read("cookieName", options.cookieName);
  options.seal.now = now;
  if (const Json* seal = members.find("seal")) {
    Members sealing(*seal, "seal");
    readSealOptions(sealing, options.seal);
    sealing.finish();
  }
  if (const Json* attributes = members.find("cookie")) {
    Members cookie(*attributes, "cookie");
    readCookie(cookie, options.cookie);
    cookie.finish();
  }
  if (const Json* list = members.find("former")) {
    if (!list->is_array()) members.refuse("former", "is not a list");
    for (const Json& shape : *list) options.former.push_back(shapeFrom(shape));
  }
  members.read("untilBrowserCloses", options.untilBrowserCloses);
  members.read("chunk", options.chunk);
  members.read("maxCookieHeader", options.maxCookieHeader);
  members.read("rolling", options.rolling);
  members.read("absoluteTtl", options.absoluteTtl);
  if (const Json* names = members.find("tokenNames")) readTokenNames(*names, options.tokenNames);
  members.finish();
  return options;
}

}  // namespace ironjar::bindings

#include "session/token_set.hpp"

#include "base/time.hpp"
#include "crypto/sodium.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

namespace ironjar {
namespace {

using detail::forEachTokenMember;
using detail::forEachTokenName;
using detail::TokenScope;

constexpr Seconds longestLifetime = std::chrono::hours{24 * 365 * 100};

std::string textAt(const Json& data, std::string_view key) {
  std::string text;
  detail::readTokenJson(data, key, text);
  return text;
}

const Json& memberOf(const Json& data, std::string_view key) {
  static const Json none = Json::object();
  const auto member = data.find(key);
  return member != data.end() && member->is_object() ? *member : none;
}

void wipeMember(std::string& text) { detail::wipe(detail::writable(text.data(), text.size())); }
void wipeMember(std::map<std::string, std::string>& texts) {
  for (auto& [name, text] : texts) wipeMember(text);
}
template <class T>
void wipeMember(std::optional<T>&) {}  // a time

}  // namespace

namespace detail {

std::optional<std::int64_t> wholeNumberAt(const Json& object, std::string_view key) {
  constexpr double latest = 8.64e15;  // of a Date in JavaScript, in milliseconds
  const auto member = object.find(key);
  if (member == object.end() || !member->is_number()) return std::nullopt;
  if (member->is_number_float()) {
    const auto number = member->get<double>();
    return std::abs(number) <= latest ? std::optional(static_cast<std::int64_t>(number)) : std::nullopt;
  }
  if (!member->is_number_unsigned()) return member->get<std::int64_t>();
  constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  return static_cast<std::int64_t>(std::min(member->get<std::uint64_t>(), most));
}

Json tokenJson(const std::string& text) { return text.empty() ? Json() : Json(text); }
Json tokenJson(const std::optional<TimePoint>& time) { return time ? Json(unixMilliseconds(*time)) : Json(); }
Json tokenJson(const std::optional<Seconds>& duration) { return duration ? Json(duration->count()) : Json(); }
Json tokenJson(const std::map<std::string, std::string>& texts) { return texts.empty() ? Json() : Json(texts); }

void readTokenJson(const Json& object, std::string_view key, std::string& text) {
  const auto member = object.find(key);
  if (member != object.end() && member->is_string()) text = member->get<std::string>();
}

void readTokenJson(const Json& object, std::string_view key, std::optional<TimePoint>& time) {
  if (const auto milliseconds = wholeNumberAt(object, key)) time = fromUnixMilliseconds(*milliseconds);
}

void readTokenJson(const Json& object, std::string_view key, std::optional<Seconds>& duration) {
  const auto seconds = wholeNumberAt(object, key);
  if (seconds && *seconds > 0 && *seconds <= longestLifetime.count()) duration = Seconds{*seconds};
}

void readTokenJson(const Json& object, std::string_view key, std::map<std::string, std::string>& texts) {
  const auto member = object.find(key);
  if (member == object.end() || !member->is_object()) return;
  for (const auto& [name, text] : member->items()) {
    if (text.is_string()) texts[name] = text.get<std::string>();
  }
}

void wipe(TokenSet& tokens) {
  forEachTokenMember([&](const auto& member) { wipeMember(tokens.*member.value); });
  wipeMember(tokens.resource);
  tokens = {};
}

}  // namespace detail

std::optional<TokenSet> Session::tokens(std::string_view resource) const { return tokensIn(*data_, resource); }

std::vector<FormerLogin> Session::formerLogins() const {
  std::vector<FormerLogin> all;
  for (const Former& former : former_) {
    if (auto tokens = tokensIn(*former.data, {})) {
      all.push_back({*std::move(tokens), detail::fromUnixMilliseconds(former.start * 1000)});
    }
  }
  return all;
}

std::optional<TokenSet> Session::tokensIn(const Json& data, std::string_view resource) const {
  const TokenNames& names = *tokenNames_;
  const Json& ofResource = resource.empty() ? data : memberOf(memberOf(data, names.resources), resource);
  TokenSet tokens{.resource = std::string(resource)};
  forEachTokenMember([&](const auto& member) {
    const Json& from = member.scope == TokenScope::login ? data : ofResource;
    detail::readTokenJson(from, names.*member.name, tokens.*member.value);
  });
  if (tokens.accessToken.empty() && tokens.refreshToken.empty()) return std::nullopt;
  return tokens;
}

void Session::setTokens(const TokenSet& tokens) {
  const TokenNames& names = *tokenNames_;
  erase(names.resources);
  if (!tokens.resource.empty()) {
    forEachTokenMember([&](const auto& member) {
      if (member.scope == TokenScope::resource) erase(names.*member.name);
    });
  }
  putTokens(tokens);
}

void Session::renewTokens(const TokenSet& tokens) {
  std::string spent = login();
  Json before = tokenMembers(*data_);
  putTokens(tokens);
  Json after = tokenMembers(*data_);
  if (!spent.empty() && before != after) renewals_.emplace_back(std::move(spent), std::move(after));
}

// A token that was renewed is spent, so its successor has to be kept whatever else was written; and only in the login
// that it came from.
void Session::adoptRenewals(const Session& later) {
  for (const auto& renewal : later.renewals_) {
    const bool isKnown = std::find(renewals_.begin(), renewals_.end(), renewal) != renewals_.end();
    if (renewal.first != login() || isKnown) continue;  // a copy has those of before, which others may have followed
    forEachTokenName([&, &members = renewal.second](const char*, std::string TokenNames::*which) {
      const std::string& name = *tokenNames_.*which;
      const auto value = members.find(name);
      value == members.end() ? erase(name) : set(name, *value);
    });
    renewals_.push_back(renewal);  // for whoever adopts from this one
  }
  tokensAreFromCookie_ = tokensAreFromCookie_ && !changed();
}

Session Session::branch() const {
  Session copy = *this;
  copy.branchedFrom_ = data_;
  return copy;
}

void Session::merge(const Session& branch) {
  if (!branch.destroyed() && !branch.detached()) return adoptRenewals(branch);
  const bool isAsThen =
      data_.isShared(branch.branchedFrom_) || tokenMembers(*data_) == tokenMembers(*branch.branchedFrom_);
  if (isAsThen) branch.destroyed() ? destroy() : detach();
}

std::string Session::login() const {
  const std::string refreshToken = textAt(*data_, tokenNames_->refreshToken);
  return refreshToken.empty() ? textAt(*data_, tokenNames_->accessToken) : refreshToken;
}

Json Session::tokenMembers(const Json& data) const {
  Json members = Json::object();
  forEachTokenName([&](const char*, std::string TokenNames::*which) {
    const auto member = data.find(*tokenNames_.*which);
    if (member != data.end()) members.emplace(member.key(), *member);
  });
  return members;
}

void Session::putTokens(const TokenSet& tokens) {
  tokensAreFromCookie_ = tokensAreFromCookie_ && tokens == this->tokens(tokens.resource);
  const TokenNames& names = *tokenNames_;
  const bool isForAll = tokens.resource.empty();
  Json ofResource = Json::object();
  forEachTokenMember([&](const auto& member) {
    Json value = detail::tokenJson(tokens.*member.value);
    const std::string& name = names.*member.name;
    if (member.scope == TokenScope::resource && !isForAll) {
      if (!value.is_null()) ofResource[name] = std::move(value);
    } else {
      value.is_null() ? erase(name) : set(name, std::move(value));
    }
  });
  if (isForAll) return;
  Json resources = memberOf(*data_, names.resources);
  resources[tokens.resource] = std::move(ofResource);
  set(names.resources, std::move(resources));
}

void Session::eraseTokens() { setTokens({}); }

}  // namespace ironjar

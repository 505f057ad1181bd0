#include "seal_format.hpp"

#include <array>

#include <ironjar/tokens.hpp>

namespace ironjar {
namespace {

std::string textAt(const Json& data, const std::string& key) {
  const auto member = data.find(key);
  return member != data.end() && member->is_string() ? member->get<std::string>() : std::string();
}

std::optional<std::int64_t> integerAt(const Json& data, const std::string& key) {
  const auto member = data.find(key);
  if (member == data.end() || !member->is_number_integer()) return std::nullopt;
  return member->get<std::int64_t>();
}

const Json& memberOf(const Json& data, std::string_view key) {
  static const Json none = Json::object();
  const auto member = data.find(key);
  return member != data.end() && member->is_object() ? *member : none;
}

std::array<const std::string*, 8> allOf(const TokenNames& names) {
  return {&names.accessToken, &names.refreshToken, &names.expiresAt, &names.scope,
          &names.lifetime,    &names.subject,      &names.cookies,   &names.resources};
}

}  // namespace

std::optional<TokenSet> Session::tokens(std::string_view resource) const { return tokensIn(data_, resource); }

std::vector<TokenSet> Session::formerTokens() const {
  std::vector<TokenSet> all;
  for (const Json& data : former_) {
    if (auto tokens = tokensIn(data, {})) all.push_back(*std::move(tokens));
  }
  return all;
}

std::optional<TokenSet> Session::tokensIn(const Json& data, std::string_view resource) const {
  const TokenNames& names = *tokenNames_;
  const Json& access = resource.empty() ? data : memberOf(memberOf(data, names.resources), resource);
  TokenSet tokens{.accessToken = textAt(access, names.accessToken),
                  .refreshToken = textAt(data, names.refreshToken),
                  .scope = textAt(access, names.scope),
                  .subject = textAt(data, names.subject),
                  .cookies = textAt(data, names.cookies),
                  .resource = std::string(resource)};
  if (tokens.accessToken.empty() && tokens.refreshToken.empty()) return std::nullopt;
  if (const auto end = integerAt(access, names.expiresAt)) tokens.expiresAt = detail::fromUnixMilliseconds(*end);
  constexpr std::int64_t longest = 100LL * 365 * 24 * 3600;
  const auto lifetime = integerAt(access, names.lifetime);
  if (lifetime && *lifetime > 0 && *lifetime <= longest) tokens.lifetime = Seconds{*lifetime};
  return tokens;
}

void Session::setTokens(const TokenSet& tokens) {
  erase(tokenNames_->resources);
  const TokenNames& names = *tokenNames_;
  if (!tokens.resource.empty()) {
    for (const auto* name : {&names.accessToken, &names.expiresAt, &names.lifetime, &names.scope}) erase(*name);
  }
  putTokens(tokens);
}

void Session::renewTokens(const TokenSet& tokens) {
  std::string spent = login();
  Json before = tokenMembers();
  putTokens(tokens);
  Json after = tokenMembers();
  if (!spent.empty() && before != after) renewals_.emplace_back(std::move(spent), std::move(after));
}

// A token that was renewed is spent, so its successor has to be kept whatever else was written; and only in the login
// that it came from.
void Session::adoptRenewals(const Session& later) {
  for (const auto& [spent, renewed] : later.renewals_) {
    if (spent != login()) continue;
    for (const std::string* name : allOf(*tokenNames_)) {
      const auto value = renewed.find(*name);
      value == renewed.end() ? erase(*name) : set(*name, *value);
    }
  }
  tokensAreFromCookie_ = tokensAreFromCookie_ && !changed_;
}

std::string Session::login() const {
  const std::string refreshToken = textAt(data_, tokenNames_->refreshToken);
  return refreshToken.empty() ? textAt(data_, tokenNames_->accessToken) : refreshToken;
}

Json Session::tokenMembers() const {
  Json members = Json::object();
  for (const std::string* name : allOf(*tokenNames_)) {
    if (const Json* value = find(*name)) members[*name] = *value;
  }
  return members;
}

void Session::putTokens(const TokenSet& tokens) {
  tokensAreFromCookie_ = tokensAreFromCookie_ && tokens == this->tokens(tokens.resource);
  const TokenNames& names = *tokenNames_;
  const auto put = [&](const std::string& key, const Json& value) { value.is_null() ? erase(key) : set(key, value); };
  const auto text = [](const std::string& value) { return value.empty() ? Json() : Json(value); };
  const Json expiresAt = tokens.expiresAt ? Json(detail::unixMilliseconds(*tokens.expiresAt)) : Json();
  const Json lifetime = tokens.lifetime ? Json(tokens.lifetime->count()) : Json();
  const std::array<std::pair<const std::string&, Json>, 4> access = {{{names.accessToken, text(tokens.accessToken)},
                                                                      {names.expiresAt, expiresAt},
                                                                      {names.lifetime, lifetime},
                                                                      {names.scope, text(tokens.scope)}}};
  put(names.refreshToken, text(tokens.refreshToken));
  put(names.subject, text(tokens.subject));
  put(names.cookies, text(tokens.cookies));
  if (tokens.resource.empty()) {
    for (const auto& [name, value] : access) put(name, value);
    return;
  }
  Json resources = memberOf(data_, names.resources);
  Json& named = resources[tokens.resource] = Json::object();
  for (const auto& [name, value] : access) {
    if (!value.is_null()) named[name] = value;
  }
  set(names.resources, std::move(resources));
}

void Session::eraseTokens() { setTokens({}); }

}  // namespace ironjar

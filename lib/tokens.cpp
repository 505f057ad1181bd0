#include "seal_format.hpp"

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

}  // namespace

std::optional<TokenSet> Session::tokens() const { return tokensIn(data_); }
std::optional<TokenSet> Session::formerTokens() const { return tokensIn(former_); }

std::optional<TokenSet> Session::tokensIn(const Json& data) const {
  TokenSet tokens{.accessToken = textAt(data, tokenNames_->accessToken),
                  .refreshToken = textAt(data, tokenNames_->refreshToken),
                  .scope = textAt(data, tokenNames_->scope),
                  .subject = textAt(data, tokenNames_->subject),
                  .cookies = textAt(data, tokenNames_->cookies)};
  if (tokens.accessToken.empty() && tokens.refreshToken.empty()) return std::nullopt;
  if (const auto end = integerAt(data, tokenNames_->expiresAt)) tokens.expiresAt = detail::fromUnixMilliseconds(*end);
  constexpr std::int64_t longest = 100LL * 365 * 24 * 3600;
  const auto lifetime = integerAt(data, tokenNames_->lifetime);
  if (lifetime && *lifetime > 0 && *lifetime <= longest) tokens.lifetime = Seconds{*lifetime};
  return tokens;
}

void Session::setTokens(const TokenSet& tokens) {
  tokensAreFromCookie_ = tokensAreFromCookie_ && tokens == this->tokens();
  const auto putText = [&](const std::string& key, const std::string& value) {
    value.empty() ? erase(key) : set(key, value);
  };
  const auto putNumber = [&](const std::string& key, std::optional<std::int64_t> value) {
    value ? set(key, *value) : erase(key);
  };
  std::optional<std::int64_t> expiresAt;
  if (tokens.expiresAt) expiresAt = detail::unixMilliseconds(*tokens.expiresAt);
  std::optional<std::int64_t> lifetime;
  if (tokens.lifetime) lifetime = tokens.lifetime->count();
  putText(tokenNames_->accessToken, tokens.accessToken);
  putText(tokenNames_->refreshToken, tokens.refreshToken);
  putText(tokenNames_->scope, tokens.scope);
  putText(tokenNames_->subject, tokens.subject);
  putText(tokenNames_->cookies, tokens.cookies);
  putNumber(tokenNames_->expiresAt, expiresAt);
  putNumber(tokenNames_->lifetime, lifetime);
}

void Session::eraseTokens() { setTokens({}); }

}  // namespace ironjar

#include "seal_format.hpp"

#include <ironjar/tokens.hpp>

namespace ironjar {

std::optional<TokenSet> Session::tokens() const {
  TokenSet tokens;
  tokens.accessToken = get<std::string>(tokenNames_->accessToken).value_or("");
  tokens.refreshToken = get<std::string>(tokenNames_->refreshToken).value_or("");
  if (tokens.accessToken.empty() && tokens.refreshToken.empty()) return std::nullopt;
  tokens.scope = get<std::string>(tokenNames_->scope).value_or("");
  const Json* expiresAt = find(tokenNames_->expiresAt);
  if (expiresAt != nullptr && expiresAt->is_number_integer()) {
    tokens.expiresAt = detail::fromUnixMilliseconds(expiresAt->get<std::int64_t>());
  }
  return tokens;
}

void Session::setTokens(const TokenSet& tokens) {
  const auto put = [&](const std::string& key, const std::string& value) {
    value.empty() ? erase(key) : set(key, value);
  };
  put(tokenNames_->accessToken, tokens.accessToken);
  put(tokenNames_->refreshToken, tokens.refreshToken);
  put(tokenNames_->scope, tokens.scope);
  if (tokens.expiresAt) {
    set(tokenNames_->expiresAt, detail::unixMilliseconds(*tokens.expiresAt));
  } else {
    erase(tokenNames_->expiresAt);
  }
}

void Session::eraseTokens() { setTokens({}); }

}  // namespace ironjar

#include "sim/provider.hpp"

#include "base/bytes.hpp"
#include "oauth/jwt.hpp"

#include <algorithm>
#include <stdexcept>

#include <ironjar/testing/profiles.hpp>

namespace sim {
namespace {

using ironjar::ClientAuth;
using ironjar::Seconds;
using ironjar::TokenEndpoint;
using ironjar::profiles::Name;
namespace profiles = ironjar::profiles;

// A JWT in shape, signed by nobody: all that is read of it is whose it is.
std::string tokenOf(const std::string& user) {
  const auto part = [](const char* text) { return ironjar::detail::base64urlEncoded(ironjar::detail::bytes(text)); };
  return part(R"({"alg":"none"})") + '.' + part((R"({"sub":")" + user + "\"}").c_str()) + ".x";
}

TokenEndpoint endpointOf(Name name) {
  const ClientAuth client = ironjar::postAuth("web", "secret-of-the-client");
  switch (name) {
    case Name::auth0:
      return profiles::auth0("https://id.example", client);
    case Name::okta:
      return profiles::okta("https://id.example/oauth2/default", client);
    case Name::entra:
      return profiles::entra("https://id.example/contoso", client);
    case Name::keycloak:
      return profiles::keycloak("https://id.example/realms/customers", client);
    case Name::cognito:
      return profiles::cognito("https://id.example", client);
    case Name::google:
      return profiles::google(client);
    case Name::gitHubApp:
      return profiles::gitHubApp("https://github.com", client);
    case Name::slack:
      return profiles::slack(client);
    case Name::atlassian:
      return profiles::atlassian(client);
    case Name::salesforce:
      return profiles::salesforce("https://id.example", client);
    case Name::dex:
      return profiles::dex("https://id.example/dex", client);
    case Name::hydra:
      return profiles::hydra("https://id.example", client);
    case Name::workos:
      return profiles::workos(client);
    case Name::supabase:
      return profiles::supabase("https://id.example", "anon");
    case Name::fusionAuth:
      return profiles::fusionAuth("https://id.example", client);
  }
  throw std::logic_error("no such name");
}

TokenEndpoint plainEndpoint(const Settings& settings) {
  TokenEndpoint endpoint{.url = "https://id.example/token", .clientAuth = ironjar::publicClient("web")};
  if (settings.gracedClient) endpoint.replay.grace = settings.grace;
  endpoint.replay.strict = settings.strictClient;
  if (settings.refusalMayEnd) endpoint.endsGrant = [](const ironjar::Response& answer) { return answer.status == 403; };
  return endpoint;
}

}  // namespace

Provider::Provider(const Settings& settings)
    : tellsSubject_(settings.tellsSubject),
      tellsSubjectOnce_(settings.tellsSubjectOnce),
      endpoint_(settings.isPlain ? plainEndpoint(settings) : endpointOf(settings.profile)) {
  if (settings.isPlain) {
    behaviour_.rotation = settings.rotation;
    behaviour_.grace = settings.grace;
  } else {
    behaviour_ = ironjar::testing::behaviourOf(settings.profile);
  }
  behaviour_.accessTokenLifetime = settings.lifetime;
  endpoint_.timeout = settings.tokenTimeout;
  if (settings.revokes) endpoint_.revocationUrl = "https://id.example/revoke";
}

ironjar::TokenSet Provider::login(const std::string& name, MonotonicTime now, ironjar::TimePoint wallNow) {
  const auto pair = ledger_.begin(name, behaviour_.accessTokenLifetime, now);
  logins_[pair.refreshToken] = logins_[pair.accessToken] = name;
  newest_[name] = pair.accessToken;
  return ironjar::readTokenAnswer(answerWith(pair, true, tellsSubject_, now), {}, wallNow).value();
}

std::string Provider::tokenIn(const ironjar::Request& request) {
  const auto fields = ironjar::testing::detail::bodyFields(request);
  const auto found = fields.find("refresh_token");
  const auto revoked = fields.find("token");
  return found != fields.end() ? found->second : revoked != fields.end() ? revoked->second : std::string();
}

Provider::Answer Provider::refresh(const std::string& refreshToken, MonotonicTime now) {
  const auto pair = ledger_.refresh(refreshToken, behaviour_, now);
  if (!pair) {
    return {behaviour_.endedGrant.value_or(ironjar::testing::detail::answerOf(400, {{"error", "invalid_grant"}})),
            std::nullopt};
  }
  logins_[pair->refreshToken] = logins_[pair->accessToken] = pair->user;
  if (pair->refreshToken != refreshToken) spent_.insert(refreshToken);
  newest_[pair->user] = pair->accessToken;
  return {answerWith(*pair, !behaviour_.omitRefreshToken, tellsSubject_ && !tellsSubjectOnce_, now),
          pair->refreshToken};
}

Provider::Answer Provider::mixUp(MonotonicTime now) {
  const std::string stranger = "stranger-" + std::to_string(++strangers_);
  const auto pair = ledger_.begin(stranger, behaviour_.accessTokenLifetime, now);
  logins_[pair.refreshToken] = logins_[pair.accessToken] = stranger;
  return {answerWith(pair, true, true, now), pair.refreshToken};
}

std::string Provider::newestAccessTokenOf(const std::string& login) const {
  const auto found = newest_.find(login);
  return found == newest_.end() ? std::string() : found->second;
}

std::string Provider::goodTokenOf(const std::string& login, MonotonicTime now) const {
  for (const auto& [token, owner] : logins_) {
    if (owner == login && !wasSpent(token) && takes(token, now)) return token;
  }
  return {};
}

void Provider::kill(const std::string& login) {
  for (const auto& [token, owner] : logins_) {
    if (owner == login) ledger_.revoke(token);
  }
}

std::string Provider::loginOf(const std::string& token) const {
  const auto found = logins_.find(token);
  return found == logins_.end() ? std::string() : found->second;
}

bool Provider::takes(const std::string& refreshToken, MonotonicTime now) const {
  auto books = ledger_;
  return books.refresh(refreshToken, behaviour_, now).has_value();
}

bool Provider::isGood(const std::string& accessToken, MonotonicTime now) const {
  auto books = ledger_;
  return books.admit(accessToken, "", now).has_value();
}

ironjar::Response Provider::answerWith(const ironjar::testing::detail::Pair& pair, bool withRefreshToken,
                                       bool withSubject, MonotonicTime now) const {
  std::string body = R"({"access_token":")" + pair.accessToken + R"(","token_type":"Bearer")";
  if (withRefreshToken) body += R"(,"refresh_token":")" + pair.refreshToken + '"';
  const auto left = std::max(Seconds{0}, std::chrono::ceil<Seconds>(pair.endsAt - now));
  if (!behaviour_.omitExpiresIn) body += R"(,"expires_in":)" + std::to_string(left.count());
  if (withSubject) {
    body += R"(,"id_token":")" + tokenOf(pair.user) + '"';
  }
  return {.status = 200, .headers = {{"Content-Type", "application/json"}}, .body = body + '}'};
}

}  // namespace sim

// An OpenID provider in process, with keys of its own, and a browser that keeps its cookies.
#pragma once

#include "base/form.hpp"
#include "base/time.hpp"
#include "crypto/signing_key.hpp"
#include "oauth/authorization.hpp"
#include "oauth/jwt.hpp"
#include "support.hpp"

#include <algorithm>
#include <map>

#include <ironjar/login.hpp>

namespace support {

using Fields = std::map<std::string, std::string>;

inline Fields fieldsOf(std::string_view form) {
  Fields fields;
  for (auto& [name, value] : ironjar::detail::parseForm(form)) fields.emplace(name, value);
  return fields;
}
inline Fields queryOf(const std::string& url) { return fieldsOf(std::string_view(url).substr(url.find('?') + 1)); }

// What it does may be changed while it runs. Not thread-safe.
struct OpenId {
  using Response = ironjar::Response;

  std::string issuer = "https://id.example";
  ironjar::Clock now;
  Json metadata = Json::object();  // more of it, or other values
  Json claims = Json::object();    // of the next ID tokens, over its own
  bool checksChallenge = true;
  std::optional<ironjar::Result<Response>> instead = {};  // of what the token endpoint answers
  bool isDown = false;

  std::map<std::string, Fields> codes = {};   // by code, the authorization requests
  std::map<std::string, Fields> pushed = {};  // by request_uri
  int tokenCalls = 0;
  Fields lastTokenCall = {};
  std::vector<std::string> revoked = {};
  ironjar::detail::SigningKey key =
      ironjar::detail::SigningKey::ofP256(ironjar::detail::bytes("0123456789abcdef0123456789abcdef")).value();

  // The user says yes: where the provider sends the browser, from where the site has sent it.
  std::string authorize(const std::string& location, const std::string& issuerToName = {}) {
    Fields asked = queryOf(location);
    if (asked.contains("request_uri")) asked = pushed.at(asked["request_uri"]);
    const std::string code = "code-" + std::to_string(codes.size() + 1);
    codes[code] = asked;
    ironjar::detail::FormFields fields = {{"code", code}, {"state", asked["state"]}};
    if (!issuerToName.empty()) fields.emplace_back("iss", issuerToName);
    return ironjar::detail::withQuery(asked["redirect_uri"], fields);
  }

  [[nodiscard]] Json jwk() const {
    const std::string point = key.p256Point();
    const auto half = [&](std::size_t at) {
      return ironjar::detail::base64urlEncoded(ironjar::detail::bytes(std::string_view(point).substr(at, 32)));
    };
    return {{"kty", "EC"}, {"crv", "P-256"}, {"kid", "k"}, {"x", half(0)}, {"y", half(32)}};
  }
  // A logout token for ada's session s-1. What is null in a change is left out.
  [[nodiscard]] std::string logoutToken(const Json& change = Json::object(), const Json& headerChange = Json::object(),
                                        std::optional<ironjar::TimePoint> at = {}) const {
    const auto seconds = ironjar::detail::unixSeconds(at ? *at : now());
    Json header = {{"alg", "ES256"}, {"kid", "k"}, {"typ", "logout+jwt"}};
    Json all = {{"iss", issuer},  {"sub", "ada"},
                {"sid", "s-1"},   {"aud", "web"},
                {"iat", seconds}, {"exp", seconds + 120},
                {"jti", "jti-1"}, {"events", {{"http://schemas.openid.net/event/backchannel-logout", Json::object()}}}};
    for (const auto& [part, changes] : {std::pair<Json*, const Json*>{&header, &headerChange}, {&all, &change}}) {
      part->update(*changes);
      for (const auto& [name, value] : changes->items()) {
        if (value.is_null()) part->erase(name);
      }
    }
    return ironjar::detail::signedJwt(key, header, all).value();
  }

  ironjar::Transport transport() {
    return [this](const ironjar::Request& request, ironjar::Deadline) -> ironjar::Result<Response> {
      if (isDown) return ironjar::fail(ironjar::Errc::unreachable);
      const std::string path = request.url.substr(issuer.size());
      if (path == "/.well-known/openid-configuration") return Response{.status = 200, .body = document().dump()};
      if (path == "/keys") return Response{.status = 200, .body = Json{{"keys", Json::array({jwk()})}}.dump()};
      if (path == "/par") return push(fieldsOf(request.body));
      if (path == "/token") return token(fieldsOf(request.body));
      if (path == "/revoke") {
        revoked.push_back(fieldsOf(request.body)["token"]);
        return Response{.status = 200};
      }
      return Response{.status = 404};
    };
  }

 private:
  [[nodiscard]] Json document() const {
    Json json = {{"issuer", issuer},
                 {"authorization_endpoint", issuer + "/authorize"},
                 {"token_endpoint", issuer + "/token"},
                 {"jwks_uri", issuer + "/keys"}};
    json.update(metadata);
    return json;
  }
  Response push(const Fields& fields) {
    const std::string uri = "urn:ietf:params:oauth:request_uri:" + std::to_string(pushed.size());
    pushed[uri] = fields;
    return {.status = 201, .body = Json{{"request_uri", uri}, {"expires_in", 60}}.dump()};
  }
  ironjar::Result<Response> token(Fields fields) {
    ++tokenCalls;
    lastTokenCall = fields;
    if (instead) return *instead;
    const auto code = codes.extract(fields["code"]);
    const Response refused{.status = 400, .body = R"({"error":"invalid_grant"})"};
    if (code.empty()) return refused;
    Fields& asked = code.mapped();
    const bool isSame = asked["redirect_uri"] == fields["redirect_uri"];
    const bool isProved = ironjar::detail::codeChallenge(fields["code_verifier"]) == asked["code_challenge"];
    if (!isSame || (checksChallenge && !isProved)) return refused;
    const auto seconds = ironjar::detail::unixSeconds(now());
    Json all = {{"iss", issuer},        {"sub", "ada"},         {"aud", "web"},           {"iat", seconds},
                {"exp", seconds + 300}, {"auth_time", seconds}, {"nonce", asked["nonce"]}};
    all.update(claims);
    const std::string idToken = ironjar::detail::signedJwt(key, {{"alg", "ES256"}, {"kid", "k"}}, all).value();
    const std::string number = std::to_string(tokenCalls);
    return Response{.status = 200,
                    .headers = {{"Content-Type", "application/json"}},
                    .body = Json{{"access_token", "at-" + number},
                                 {"refresh_token", "rt-" + number},
                                 {"token_type", "Bearer"},
                                 {"id_token", idToken}}
                                .dump()};
  }
};

// The cookies of one browser for one site.
struct Visitor {
  std::map<std::string, std::string> cookies = {};

  [[nodiscard]] std::string header() const {
    std::string text;
    for (const auto& [name, value] : cookies) text.append(text.empty() ? "" : "; ").append(name + "=" + value);
    return text;
  }
  void take(const ironjar::Headers& headers) {
    for (const auto& [name, value] : headers) {
      if (name == "Set-Cookie") take(value);
    }
  }
  void take(const std::string& line) {
    const auto cookie = ironjar::parseSetCookie(line).value();
    if (cookie.options.maxAge == ironjar::Seconds{0}) {
      cookies.erase(cookie.name);
    } else {
      cookies[cookie.name] = cookie.value;
    }
  }
  [[nodiscard]] std::size_t attempts() const {
    const auto isAttempt = [](const auto& cookie) { return cookie.first.find("-login-") != std::string::npos; };
    return static_cast<std::size_t>(std::count_if(cookies.begin(), cookies.end(), isAttempt));
  }
};

}  // namespace support

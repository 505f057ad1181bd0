// What a fake OpenID provider says: its metadata, the claims of its ID tokens, what browsers get. Part of Provider.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include <ironjar/http.hpp>
#include <ironjar/testing/behaviour.hpp>
#include <ironjar/testing/proof.hpp>
#include <ironjar/testing/sign_ins.hpp>
#include <ironjar/testing/text.hpp>

namespace ironjar::testing::detail {

// With other values, and without those that are null (RFC 7396).
inline Json patched(Json object, const Json& by) {
  object.merge_patch(by);
  return object;
}

// OpenID Connect Discovery 1.0 section 3.
inline Json metadataOf(const ProviderOptions& options, const ProviderBehaviour& behaviour) {
  const std::string& origin = options.origin;
  Json own = {{"issuer", origin},
              {"authorization_endpoint", origin + "/authorize"},
              {"token_endpoint", origin + options.tokenPath},
              {"revocation_endpoint", origin + options.revocationPath},
              {"end_session_endpoint", origin + "/end_session"},
              {"pushed_authorization_request_endpoint", origin + "/par"},
              {"jwks_uri", origin + "/keys"},
              {"response_types_supported", {"code"}},
              {"response_modes_supported", {"query", "form_post"}},
              {"subject_types_supported", {"public"}},
              {"id_token_signing_alg_values_supported", {"ES256"}},
              {"code_challenge_methods_supported", {"S256"}},
              {"require_pushed_authorization_requests", behaviour.requiresPushedRequests},
              {"authorization_response_iss_parameter_supported", behaviour.namesItself}};
  return patched(std::move(own), behaviour.metadata);
}

inline std::int64_t secondsOf(TimePoint time) { return std::chrono::floor<Seconds>(time).time_since_epoch().count(); }

// Of every token that the provider signs.
inline Json commonClaims(const ProviderOptions& options, TimePoint now) {
  constexpr Seconds lifetime{300};
  return {{"iss", options.origin},
          {"aud", options.client ? options.client->clientId : "web"},
          {"iat", secondsOf(now)},
          {"exp", secondsOf(now + lifetime)}};
}
// Of the ID token that a code buys (OpenID Connect Core 1.0 section 2), beside those and the user's.
inline Json claimsOf(const SignIns::Code& code) {
  Json claims = {{"auth_time", secondsOf(code.sso.begunAt)}, {"sid", code.sso.id}};
  if (code.asked.contains("client_id")) claims["aud"] = code.asked.at("client_id");
  if (code.asked.contains("nonce")) claims["nonce"] = code.asked.at("nonce");
  if (!code.sso.acr.empty()) claims["acr"] = code.sso.acr;
  return claims;
}
// Whether the code is for that public key, or for none in particular (RFC 9449 section 10): its thumbprint, RFC 7638.
inline bool isOfKey(const SignIns::Code& code, const std::string& key) {
  if (!code.asked.contains("dpop_jkt")) return true;
  if (key.empty()) return false;
  const Json jwk = Json::parse(key);
  const Json members = {{"crv", jwk.at("crv")}, {"kty", jwk.at("kty")}, {"x", jwk.at("x")}, {"y", jwk.at("y")}};
  return sha256Of(members.dump()) == code.asked.at("dpop_jkt");
}
// `at_hash`, section 3.1.3.6: half of a hash.
inline std::string accessTokenHashOf(const std::string& accessToken) {
  constexpr std::size_t half = 16;
  return base64url(base64urlDecoded(sha256Of(accessToken)).substr(0, half));
}

// OAuth 2.0 Form Post Response Mode.
inline std::string formPage(const SignIns::Answer& answer) {
  std::string page = "<!doctype html><body onload=\"document.forms[0].submit()\"><form method=\"post\" action=\"" +
                     htmlQuoted(answer.redirectUri) + "\">";
  for (const auto& [name, value] : answer.fields) {
    page += "<input type=\"hidden\" name=\"" + name + "\" value=\"" + htmlQuoted(value) + "\">";
  }
  return page + "</form>";
}

// A real provider shows pages before that; this one asks nothing.
inline Response responseOf(const SignIns::Answer& answer) {
  Response response{.status = 200, .headers = {{"Cache-Control", "no-store"}}};
  if (!answer.cookie.empty()) response.headers.emplace_back("Set-Cookie", answer.cookie);
  if (!answer.error.empty()) {
    response.status = 400;
    response.headers.emplace_back("Content-Type", "application/json");
    response.body = Json{{"error", answer.error}}.dump();
  } else if (answer.redirectUri.empty()) {
    response.body = "You are signed out.\n";
  } else if (answer.isFormPost) {
    response.headers.emplace_back("Content-Type", "text/html; charset=utf-8");
    response.body = formPage(answer);
  } else {
    response.status = 302;
    response.headers.emplace_back("Location", SignIns::urlOf(answer));
  }
  return response;
}

}  // namespace ironjar::testing::detail

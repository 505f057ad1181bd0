#include "oauth/authorization.hpp"

#include "base/ascii.hpp"
#include "crypto/libcrypto.hpp"
#include "crypto/sodium.hpp"
#include "oauth/jwt.hpp"
#include "oauth/policy.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>

namespace ironjar::detail {
namespace {

constexpr std::size_t longestMember = 4096;

// `request` and `request_uri` (RFC 9101) would take the place of all others.
constexpr std::array<std::string_view, 22> reserved = {
    "response_type", "response_mode", "client_id",   "client_secret", "client_assertion", "client_assertion_type",
    "redirect_uri",  "scope",         "state",       "nonce",         "code_challenge",   "code_challenge_method",
    "code_verifier", "request",       "request_uri", "prompt",        "max_age",          "login_hint",
    "acr_values",    "ui_locales",    "resource",    "dpop_jkt"};

}  // namespace

std::string freshSecret() {
  std::array<unsigned char, 32> number{};
  random(number);
  return base64urlEncoded(number);
}

std::string codeChallenge(std::string_view verifier) {
  std::array<unsigned char, sha256Size> hash{};
  sha256(hash, bytes(verifier));
  return base64urlEncoded(hash);
}

bool isReservedParameter(std::string_view name) {
  return std::find(reserved.begin(), reserved.end(), name) != reserved.end();
}

std::string withQuery(std::string url, const FormFields& fields) {
  if (fields.empty()) return url;
  return std::move(url.append(url.find('?') == std::string::npos ? "?" : "&").append(form(fields)));
}

Result<AuthorizationAnswer> readAuthorizationAnswer(std::string_view form) {
  if (form.size() > maxTokenSize) return fail(Errc::tooLarge, "an answer of more than 16 KiB");
  AuthorizationAnswer answer;
  const std::initializer_list<std::pair<std::string_view, std::string*>> members = {
      {"state", &answer.state}, {"code", &answer.code}, {"error", &answer.error}, {"iss", &answer.issuer}};
  for (auto& [name, value] : parseForm(form)) {
    for (const auto& [known, member] : members) {
      if (name != known) continue;
      if (!member->empty() || value.empty() || value.size() > longestMember || !allOf(value, isVisible)) {
        return fail(Errc::malformed, "an answer with a member that comes twice, or is none");
      }
      *member = std::move(value);
      break;
    }
  }
  if (answer.state.empty() || answer.code.empty() == answer.error.empty()) {
    return fail(Errc::malformed, "an answer without a state, or without either a code or an error");
  }
  return answer;
}

bool isFromIssuer(const AuthorizationAnswer& answer, std::string_view issuer, bool namesItself) {
  return answer.issuer.empty() ? !namesItself : answer.issuer == issuer;
}

}  // namespace ironjar::detail

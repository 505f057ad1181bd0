#include "oauth/token_answer.hpp"

#include "base/ascii.hpp"
#include "base/http_date.hpp"
#include "base/number.hpp"
#include "base/rfc3339.hpp"
#include "base/time.hpp"
#include "http/upstream_cookies.hpp"
#include "json/simdjson.hpp"
#include "oauth/answer_body.hpp"
#include "oauth/dpop.hpp"
#include "oauth/jwt.hpp"
#include "oauth/policy.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace ironjar {
namespace {

using detail::AnswerMeaning;
using detail::TokenAnswer;

using detail::maxTextSize;
using detail::maxTokenSize;

constexpr std::array<std::string_view, 2> errorsOfTheClient = {"invalid_client", "unsupported_grant_type"};
// RFC 6749 section 4.1.2.1: what a server says of itself where it may send no 5xx.
constexpr std::array<std::string_view, 2> errorsOfTheServer = {"temporarily_unavailable", "server_error"};
constexpr std::string_view errorOfTheResource = "invalid_target";  // RFC 8707
// Types whose tokens are of no use as they are: a proof goes with each request (RFC 9449, and two drafts).
constexpr std::array<std::string_view, 3> typesWithProof = {"dpop", "pop", "mac"};
constexpr int requestTimeout = 408;
constexpr int tooManyRequests = 429;

bool isSuccess(int status) { return status >= 200 && status <= 299; }
bool isClientError(int status) { return status >= 400 && status <= 499; }
// What a gateway says for a server that may have done its work.
bool mayHaveArrived(int status) { return status >= 500 && status != 501 && status != 503 && status != 505; }

bool isAmong(std::string_view text, const auto& list) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

// RFC 6749 appendix A.12 and A.17: ASCII without controls; an access token goes into a header, where a space would end
// it.
bool isToken(const Json* value, bool (*accepts)(char)) {
  return value != nullptr && value->is_string() && value->get_ref<const std::string&>().size() <= maxTokenSize &&
         detail::allOf(value->get_ref<const std::string&>(), accepts);
}

// A number, or its digits as a text, which are seen in the wild.
std::optional<double> numberIn(const Json* value) {
  if (value == nullptr) return std::nullopt;
  if (value->is_number()) return value->get<double>();
  if (!value->is_string()) return std::nullopt;
  const auto number = detail::parseDecimal<std::uint64_t>(value->get_ref<const std::string&>());
  return number ? std::optional(static_cast<double>(*number)) : std::nullopt;
}

std::optional<Seconds> lifetime(double seconds) {
  constexpr Seconds longest = detail::longestLifetime;
  if (!(seconds >= 1 && seconds <= static_cast<double>(longest.count()))) return std::nullopt;
  return Seconds{static_cast<std::int64_t>(std::floor(seconds))};
}

std::optional<TimePoint> timeIn(const Json* expiresAt) {
  if (expiresAt != nullptr && expiresAt->is_string()) {
    if (const auto time = detail::parseRfc3339(expiresAt->get_ref<const std::string&>())) return time;
  }
  const auto number = numberIn(expiresAt);
  if (!number || !(*number > 0 && *number < detail::latestMilliseconds)) return std::nullopt;
  return detail::fromUnixMilliseconds(
      static_cast<std::int64_t>(*number < detail::leastMilliseconds ? *number * 1000 : *number));
}

// RFC 6749 section 3.3 has words with spaces between; some write an array.
std::string scopeIn(const Json* scope) {
  std::string text;
  if (scope != nullptr && scope->is_string()) text = scope->get<std::string>();
  if (scope != nullptr && scope->is_array()) {
    for (const Json& word : *scope) {
      if (!word.is_string()) return {};
      text.append(text.empty() ? "" : " ").append(word.get_ref<const std::string&>());
    }
  }
  return text.size() <= maxTextSize ? text : std::string();
}

// What is kept of a further member.
std::optional<std::string> textIn(const Json* member) {
  if (member == nullptr || member->is_structured() || member->is_null()) return std::nullopt;
  if (member->is_number_float() && !std::isfinite(member->get<double>())) return std::nullopt;
  std::string text = member->is_string() ? member->get<std::string>() : member->dump();
  return text.size() <= maxTextSize ? std::optional(std::move(text)) : std::nullopt;
}

// An error by name, or by number.
std::optional<std::string> errorIn(const Json* error) {
  if (error != nullptr && error->is_string()) return error->get<std::string>();
  if (error != nullptr && error->is_number_integer()) return error->dump();
  return std::nullopt;
}

// Some serializers write members that have no value.
bool isThere(const Json* member) { return member != nullptr && !member->is_null() && *member != ""; }

// expiresAt, else expiresIn, else what a JWT says of itself.
void putExpiry(TokenSet& tokens, const Json& body, const TokenEndpoint& endpoint, TimePoint now) {
  auto expiry = timeIn(detail::memberAt(body, endpoint.answer.expiresAt));
  const auto expiresIn = numberIn(detail::memberAt(body, endpoint.answer.expiresIn));
  const std::chrono::duration<double> unit = endpoint.expiresInUnit;
  if (!expiry && expiresIn) {
    tokens.lifetime = lifetime(*expiresIn * unit.count());
    if (tokens.lifetime) expiry = now + *tokens.lifetime;
  }
  if (!expiry) expiry = detail::jwtExpiry(tokens.accessToken);
  if (!expiry || *expiry <= now) return;
  tokens.expiresAt = expiry;
  if (!tokens.lifetime) tokens.lifetime = lifetime(std::ceil(std::chrono::duration<double>(*expiry - now).count()));
}

// Of an answer that has parsed.
Result<TokenSet> tokensIn(const Json& body, const Response& answer, const TokenEndpoint& endpoint, TimePoint now) {
  const Json* accessToken = detail::memberAt(body, endpoint.answer.accessToken);
  if (!isToken(accessToken, detail::isVisible) || accessToken->get_ref<const std::string&>().empty()) {
    return fail(Errc::refreshFailed, "the token endpoint's answer has no usable access token");
  }
  TokenSet tokens{.accessToken = accessToken->get<std::string>()};
  const Json* refreshToken = detail::memberAt(body, endpoint.answer.refreshToken);
  if (isThere(refreshToken)) {
    if (!isToken(refreshToken, [](char c) { return c == ' ' || detail::isVisible(c); }))
      return fail(Errc::refreshFailed, "the token endpoint's refresh token is unusable");
    tokens.refreshToken = refreshToken->get<std::string>();
  }
  if (const auto cookie = detail::cookieSetBy(answer, endpoint.refreshTokenCookie, now)) tokens.refreshToken = *cookie;
  putExpiry(tokens, body, endpoint, now);
  tokens.scope = scopeIn(detail::memberAt(body, endpoint.answer.scope));
  const Json* idToken = detail::memberAt(body, endpoint.answer.idToken);
  if (idToken != nullptr && idToken->is_string()) {
    tokens.subject = detail::jwtSubject(idToken->get_ref<const std::string&>()).substr(0, maxTextSize);
    while (!detail::isUtf8(tokens.subject)) tokens.subject.pop_back();  // a character was cut
  }
  for (const auto& [name, pointer] : endpoint.answer.extra) {
    if (auto text = textIn(detail::memberAt(body, pointer))) tokens.extra[name] = *std::move(text);
  }
  tokens.cookies = detail::withCookiesOf(answer, endpoint.cookies, "");
  tokens.resource = endpoint.resource;
  return tokens;
}

// Why the token_type does not fit a request with or without a proof; null: it does. An answer that names no type has
// Bearer tokens.
const char* mismatchOf(const Json& body, const std::string& dpopKey) {
  const Json* member = detail::memberAt(body, "/token_type");
  const std::string type = member != nullptr && member->is_string() ? detail::lower(member->get<std::string>()) : "";
  if (!dpopKey.empty()) return type == "dpop" ? nullptr : "the token endpoint gave tokens that are not bound by DPoP";
  return isAmong(type, typesWithProof) ? "the token endpoint gave tokens that need a proof, and none was sent"
                                       : nullptr;
}

TokenAnswer without(AnswerMeaning meaning, EndpointState endpoint, Errc code, std::string seen) {
  return {meaning, fail(code, std::move(seen)), endpoint};
}

TokenAnswer lost(Errc how) {
  return without(AnswerMeaning::lost, EndpointState::failing, Errc::refreshFailed,
                 "token endpoint: " + std::string(describe(how)));
}

// An answer with an error by name, in JSON and without tokens.
TokenAnswer refused(int status, const std::string& error, const TokenEndpoint& endpoint) {
  const std::string seen = "the token endpoint answered " + std::to_string(status);
  const bool isPlain = status != requestTimeout && status != tooManyRequests;
  if (isPlain && isAmong(error, endpoint.grantErrors)) {
    return {AnswerMeaning::loginOver, loginOver(RefreshEnd::invalidGrant, seen), EndpointState::well};
  }
  if (isClientError(status) && isPlain && isAmong(error, errorsOfTheClient)) {
    return without(AnswerMeaning::client, EndpointState::refusesClient, Errc::notAllowed,
                   seen + ": it refuses this client, check TokenEndpoint");
  }
  if (isPlain && isAmong(error, errorsOfTheServer)) {
    return without(AnswerMeaning::token, EndpointState::failing, Errc::refreshFailed, seen + ": it is not well");
  }
  const bool isOfResource = isPlain && error == errorOfTheResource;
  return without(AnswerMeaning::token, status == tooManyRequests ? EndpointState::refusing : EndpointState::well,
                 isOfResource ? Errc::notAllowed : Errc::refreshFailed,
                 seen + (isOfResource ? ": check TokenEndpoint.resource" : " with an error of its own"));
}

}  // namespace

TokenAnswer detail::meaningOf(const Result<Response>& answer, const TokenEndpoint& endpoint, TimePoint now,
                              const std::string& dpopKey) {
  if (!answer) {
    const Errc how = answer.error().code;
    if (how != Errc::unreachable) return lost(how);
    return without(AnswerMeaning::unreachable, EndpointState::unreachable, Errc::refreshFailed,
                   "token endpoint: " + std::string(describe(how)));
  }
  const int status = answer->status;
  const Result<Json> body = answerBody(*answer, endpoint.answer);
  const bool isObject = body && body->is_object();
  if (isSuccess(status) && isObject) {
    Result<TokenSet> tokens = tokensIn(*body, *answer, endpoint, now);
    const char* mismatch = mismatchOf(*body, dpopKey);
    if (tokens && mismatch != nullptr) {
      // Without a key no login's tokens could be used; with one it is this login that has another kind of tokens.
      return dpopKey.empty() ? without(AnswerMeaning::client, EndpointState::refusesClient, Errc::notAllowed, mismatch)
                             : without(AnswerMeaning::token, EndpointState::well, Errc::notAllowed, mismatch);
    }
    if (tokens) {
      tokens->dpopKey = dpopKey;
      return {AnswerMeaning::tokens, std::move(tokens), EndpointState::well};
    }
  }
  const auto error = errorIn(isObject ? memberAt(*body, endpoint.answer.error) : nullptr);
  const bool hasTokens = isObject && isThere(memberAt(*body, endpoint.answer.accessToken));
  if ((isSuccess(status) || isClientError(status)) && !hasTokens && error) return refused(status, *error, endpoint);
  const std::string seen = "the token endpoint answered " + std::to_string(status);
  if (isSuccess(status) && !body) {
    const bool isCoded = body.error().code == Errc::unsupported;
    if (body.error().code == Errc::tooLarge || (!isCoded && hasKnownType(*answer))) return lost(body.error().code);
    return without(AnswerMeaning::possiblyUsed, EndpointState::failing, Errc::refreshFailed,
                   seen + (isCoded ? " in a content coding that is not known" : " without JSON"));
  }
  if (isSuccess(status) && !hasTokens) {
    return without(AnswerMeaning::possiblyUsed, EndpointState::failing, Errc::refreshFailed, seen + " without tokens");
  }
  if (mayHaveArrived(status)) {
    return without(AnswerMeaning::possiblyUsed, EndpointState::failing, Errc::refreshFailed, seen);
  }
  const bool fails = isSuccess(status) || status >= 500;
  TokenAnswer read = without(AnswerMeaning::token, fails ? EndpointState::failing : EndpointState::refusing,
                             Errc::refreshFailed, seen + (isSuccess(status) ? " without a usable access token" : ""));
  const bool isAsked = isClientError(status) && status != requestTimeout && status != tooManyRequests;
  read.mayBeOver = isAsked && endpoint.endsGrant && endpoint.endsGrant(*answer);
  return read;
}

bool detail::refusesProof(const Response& answer, const TokenEndpoint& endpoint) {
  if (!isClientError(answer.status) || answer.body.size() > maxAnswerSize) return false;
  const Result<Json> body = answerBody(answer, endpoint.answer);
  const auto error = errorIn(body && body->is_object() ? memberAt(*body, endpoint.answer.error) : nullptr);
  return error == nonceWanted || error == proofInvalid;
}

Result<TokenSet> readTokenAnswer(const Response& answer, const TokenEndpoint& endpoint, TimePoint now,
                                 const std::string& dpopKey) {
  return detail::meaningOf(answer, endpoint, now, dpopKey).tokens;
}

std::optional<Seconds> retryAfter(const Response& answer, TimePoint now) {
  const auto header = findHeader(answer.headers, "Retry-After");
  if (!header) return std::nullopt;
  if (const auto date = detail::parseHttpDate(*header)) {
    return std::max(Seconds{0}, std::chrono::ceil<Seconds>(*date - now));
  }
  if (header->empty() || !detail::allOf(*header, detail::isDigit)) return std::nullopt;
  const auto seconds = detail::parseDecimal<std::uint32_t>(*header);
  return seconds ? Seconds{*seconds} : Seconds::max();
}

}  // namespace ironjar

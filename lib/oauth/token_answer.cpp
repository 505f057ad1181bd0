#include "oauth/token_answer.hpp"

#include "base/ascii.hpp"
#include "base/http_date.hpp"
#include "base/number.hpp"
#include "http/upstream_cookies.hpp"
#include "json/json.hpp"
#include "json/simdjson.hpp"
#include "oauth/jwt.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace ironjar {
namespace {

using detail::AnswerMeaning;
using detail::TokenAnswer;

constexpr std::size_t maxAnswerSize = 1024 * 1024;
constexpr std::size_t maxTokenSize = 16 * 1024;
constexpr std::size_t maxTextSize = 2048;  // of what is kept with the tokens: all of it has to fit a cookie

constexpr std::array<std::string_view, 2> errorsOfTheClient = {"invalid_client", "unsupported_grant_type"};
constexpr int requestTimeout = 408;
constexpr int tooManyRequests = 429;

bool isSuccess(int status) { return status >= 200 && status <= 299; }
bool isClientError(int status) { return status >= 400 && status <= 499; }
// What a gateway says for a server that may have done its work.
bool mayHaveArrived(int status) { return status == 500 || status == 502 || status == 504; }

bool isAmong(std::string_view text, const auto& list) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

const Json* at(const Json& answer, const std::string& pointer) {
  if (pointer.empty()) return nullptr;
  const Json::json_pointer where(pointer);
  return answer.contains(where) ? &answer.at(where) : nullptr;
}

// RFC 6749 appendix A.12 and A.17: ASCII without controls; an access token goes into a header, where a space would end
// it.
bool isToken(const Json* value, bool (*accepts)(char)) {
  return value != nullptr && value->is_string() && value->get_ref<const std::string&>().size() <= maxTokenSize &&
         detail::allOf(value->get_ref<const std::string&>(), accepts);
}

bool isShortText(const Json* value) {
  return value != nullptr && value->is_string() && value->get_ref<const std::string&>().size() <= maxTextSize;
}

std::optional<Seconds> lifetime(const Json* expiresIn) {
  constexpr double longest = 10.0 * 365 * 24 * 3600;
  if (expiresIn == nullptr) return std::nullopt;
  double seconds = 0;
  if (expiresIn->is_number()) {
    seconds = expiresIn->get<double>();
  } else if (expiresIn->is_string()) {  // seen in the wild
    const auto& text = expiresIn->get_ref<const std::string&>();
    const auto number = detail::parseDecimal<std::uint32_t>(text);
    if (!number) return std::nullopt;
    seconds = *number;
  }
  if (!(seconds >= 1 && seconds <= longest)) return std::nullopt;
  return Seconds{static_cast<std::int64_t>(std::floor(seconds))};
}

// Some serializers write members that have no value.
bool isThere(const Json* member) { return member != nullptr && !member->is_null() && *member != ""; }

// Of an answer that has parsed.
Result<TokenSet> tokensIn(const Json& body, const Response& answer, const TokenEndpoint& endpoint, TimePoint now) {
  const Json* accessToken = at(body, endpoint.answer.accessToken);
  if (!isToken(accessToken, detail::isVisible) || accessToken->get_ref<const std::string&>().empty()) {
    return fail(Errc::refreshFailed, "the token endpoint's answer has no usable access token");
  }
  TokenSet tokens{.accessToken = accessToken->get<std::string>()};
  const Json* refreshToken = at(body, endpoint.answer.refreshToken);
  if (isThere(refreshToken)) {
    if (!isToken(refreshToken, [](char c) { return c == ' ' || detail::isVisible(c); }))
      return fail(Errc::refreshFailed, "the token endpoint's refresh token is unusable");
    tokens.refreshToken = refreshToken->get<std::string>();
  }
  tokens.lifetime = lifetime(at(body, endpoint.answer.expiresIn));
  if (tokens.lifetime) {
    tokens.expiresAt = now + *tokens.lifetime;
  } else if (const auto expiry = detail::jwtExpiry(tokens.accessToken); expiry && *expiry > now) {
    tokens.expiresAt = expiry;
    tokens.lifetime = std::chrono::ceil<Seconds>(*expiry - now);
  }
  const Json* scope = at(body, endpoint.answer.scope);
  if (isShortText(scope)) tokens.scope = scope->get<std::string>();
  const Json* idToken = at(body, endpoint.answer.idToken);
  if (idToken != nullptr && idToken->is_string()) {
    tokens.subject = detail::jwtSubject(idToken->get_ref<const std::string&>()).substr(0, maxTextSize);
    while (!detail::isUtf8(tokens.subject)) tokens.subject.pop_back();  // a character was cut
  }
  tokens.cookies = detail::withCookiesOf(answer, endpoint.cookies, "");
  tokens.resource = endpoint.resource;
  return tokens;
}

bool saysJson(const Response& answer) {
  return detail::lower(findHeader(answer.headers, "Content-Type").value_or("")).find("json") != std::string::npos;
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
  return without(AnswerMeaning::token, status == tooManyRequests ? EndpointState::refusing : EndpointState::well,
                 Errc::refreshFailed, seen + " with an error of its own");
}

}  // namespace

TokenAnswer detail::meaningOf(const Result<Response>& answer, const TokenEndpoint& endpoint, TimePoint now) {
  if (!answer) {
    const Errc how = answer.error().code;
    if (how != Errc::unreachable) return lost(how);
    return without(AnswerMeaning::unreachable, EndpointState::unreachable, Errc::refreshFailed,
                   "token endpoint: " + std::string(describe(how)));
  }
  const int status = answer->status;
  if (answer->body.size() > maxAnswerSize) return lost(Errc::tooLarge);
  const Result<Json> body = parseJson(answer->body);
  const bool isObject = body && body->is_object();
  if (isSuccess(status) && isObject) {
    Result<TokenSet> tokens = tokensIn(*body, *answer, endpoint, now);
    if (tokens) return {AnswerMeaning::tokens, std::move(tokens), EndpointState::well};
  }
  const Json* error = isObject ? at(*body, endpoint.answer.error) : nullptr;
  const bool hasTokens = isObject && isThere(at(*body, endpoint.answer.accessToken));
  if ((isSuccess(status) || isClientError(status)) && !hasTokens && error != nullptr && error->is_string()) {
    return refused(status, error->get<std::string>(), endpoint);
  }
  const std::string seen = "the token endpoint answered " + std::to_string(status);
  if (isSuccess(status) && !body) {
    if (saysJson(*answer)) return lost(Errc::malformed);
    return without(AnswerMeaning::possiblyUsed, EndpointState::failing, Errc::refreshFailed, seen + " without JSON");
  }
  if (mayHaveArrived(status)) {
    return without(AnswerMeaning::possiblyUsed, EndpointState::failing, Errc::refreshFailed, seen);
  }
  const bool fails = isSuccess(status) || status >= 500;
  return without(AnswerMeaning::token, fails ? EndpointState::failing : EndpointState::refusing, Errc::refreshFailed,
                 seen + (isSuccess(status) ? " without a usable access token" : ""));
}

Result<TokenSet> readTokenAnswer(const Response& answer, const TokenEndpoint& endpoint, TimePoint now) {
  return detail::meaningOf(answer, endpoint, now).tokens;
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

#include "token_endpoint.hpp"

#include "detail/ascii.hpp"
#include "detail/base64url.hpp"
#include "detail/http_date.hpp"
#include "detail/json.hpp"
#include "detail/jwt.hpp"
#include "detail/url.hpp"
#include "http_field.hpp"
#include "upstream_cookies.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <stdexcept>

namespace ironjar {
namespace {

constexpr std::size_t maxAnswerSize = 1024 * 1024;
constexpr std::size_t maxTokenSize = 16 * 1024;
constexpr std::size_t maxTextSize = 2048;  // of what is kept with the tokens: all of it has to fit a cookie

[[noreturn]] void refuse(const std::string& why) { throw std::invalid_argument("ironjar: " + why); }

ClientAuth clientAuth(ClientAuth::Method method, const char* id, const char* secret) {
  if (id == nullptr || *id == '\0') refuse("the client id is empty or missing: is its environment variable set?");
  if (secret == nullptr || (*secret == '\0' && method != ClientAuth::Method::none)) {
    refuse("the client secret is empty or missing: is its environment variable set? (publicClient() takes none)");
  }
  return {method, id, secret};
}

// application/x-www-form-urlencoded, https://url.spec.whatwg.org/#urlencoded-serializing
std::string formEncoded(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (detail::isAlphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '*') {
      out.push_back(c);
    } else if (c == ' ') {
      out.push_back('+');
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out.append("%").append(1, digits[byte >> 4U]).append(1, digits[byte & 15U]);
    }
  }
  return out;
}

std::string form(const Headers& fields) {
  std::string out;
  for (const auto& [name, value] : fields) {
    if (!out.empty()) out.push_back('&');
    out.append(formEncoded(name)).append("=").append(formEncoded(value));
  }
  return out;
}

// RFC 6749 section 2.3.1: both halves are form-encoded before they are joined; then RFC 7617's base64 with padding.
std::string basicCredentials(const ClientAuth& auth) {
  const std::string joined = formEncoded(auth.clientId) + ":" + formEncoded(auth.clientSecret);
  std::string text;
  detail::appendBase64url(text, detail::bytes(joined));
  for (char& c : text) c = c == '-' ? '+' : c == '_' ? '/' : c;
  text.append((4 - text.size() % 4) % 4, '=');
  return "Basic " + text;
}

// A member without a name is left out by configuration, one without a value has nothing to say.
void add(Headers& fields, const std::string& name, const std::string& value) {
  if (!name.empty() && !value.empty()) fields.emplace_back(name, value);
}

Request tokenRequest(const TokenEndpoint& endpoint, Headers fields) {
  const ClientAuth& auth = endpoint.clientAuth;
  Request request{.method = "POST", .url = endpoint.url, .headers = endpoint.headers};
  request.freshConnection = true;
  request.headers.emplace_back("Accept", "application/json");
  if (auth.method == ClientAuth::Method::basic) request.headers.emplace_back("Authorization", basicCredentials(auth));
  if (auth.method != ClientAuth::Method::basic) add(fields, endpoint.fields.clientId, auth.clientId);
  if (auth.method == ClientAuth::Method::post) add(fields, endpoint.fields.clientSecret, auth.clientSecret);
  if (endpoint.body == BodyStyle::form) {
    request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
    request.body = form(fields);
    return request;
  }
  Json body = Json::object();
  for (const auto& [name, value] : fields) body[name] = value;
  request.headers.emplace_back("Content-Type", "application/json");
  request.body = detail::writeJson(body).value_or("{}");
  return request;
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
    std::uint32_t number = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
    seconds = number;
  }
  if (!(seconds >= 1 && seconds <= longest)) return std::nullopt;
  return Seconds{static_cast<std::int64_t>(std::floor(seconds))};
}

// RFC 6749 section 5.2: everything but invalid_grant is about the client or the request, not about the user's login.
bool isConfigurationError(std::string_view error) {
  constexpr std::array<std::string_view, 5> codes = {"invalid_client", "invalid_request", "unauthorized_client",
                                                     "unsupported_grant_type", "invalid_scope"};
  return std::find(codes.begin(), codes.end(), error) != codes.end();
}

Error classify(int status, const Result<Json>& body, const TokenEndpoint& endpoint) {
  const std::string seen = "the token endpoint answered " + std::to_string(status);
  const Json* error = body && body->is_object() ? at(*body, endpoint.answer.error) : nullptr;
  if ((status != 400 && status != 401) || error == nullptr || !error->is_string()) {
    return fail(Errc::refreshFailed, seen);
  }
  const auto& code = error->get_ref<const std::string&>();
  const auto& over = endpoint.grantErrors;
  if (std::find(over.begin(), over.end(), code) != over.end()) return fail(Errc::expired, seen + " " + code);
  if (isConfigurationError(code)) return fail(Errc::notAllowed, seen + " " + code + ": check TokenEndpoint");
  return fail(Errc::refreshFailed, seen + " with an error of its own");
}

}  // namespace

ClientAuth basicAuth(const char* clientId, const char* clientSecret) {
  return clientAuth(ClientAuth::Method::basic, clientId, clientSecret);
}
ClientAuth postAuth(const char* clientId, const char* clientSecret) {
  return clientAuth(ClientAuth::Method::post, clientId, clientSecret);
}
ClientAuth publicClient(const char* clientId) { return clientAuth(ClientAuth::Method::none, clientId, ""); }

void detail::requireValid(const TokenEndpoint& endpoint) {
  const auto requireSafe = [&](const std::string& member, const std::string& text) {
    const Result<Url> url = parseUrl(text);
    if (!url) refuse("TokenEndpoint." + member + ": " + url.error().detail);
    if (url->https || (endpoint.allowHttpOnLoopback && url->isLoopback())) return;
    refuse("TokenEndpoint." + member +
           " must be https (RFC 6749 section 3.2); allowHttpOnLoopback permits http on this machine");
  };
  requireSafe("url", endpoint.url);
  if (!endpoint.revocationUrl.empty()) requireSafe("revocationUrl", endpoint.revocationUrl);
  if (endpoint.replay.grace < Seconds{0} || (endpoint.replay.grace > Seconds{0} && endpoint.replay.strict)) {
    refuse("TokenEndpoint.replay: grace must not be negative, and excludes strict");
  }
  if (endpoint.timeout <= Seconds{0} || endpoint.timeout > Seconds{3600}) {
    refuse("TokenEndpoint.timeout must be positive, and an hour at most");
  }
  if (!detail::isSendable(endpoint.headers)) refuse("TokenEndpoint.headers holds what cannot be sent");
  for (const auto& [name, value] : endpoint.headers) {
    if (isTransportField(name)) refuse("TokenEndpoint.headers: `" + name + "` is the transport's to write");
  }
  if (!endpoint.refreshTokenCookie.empty() &&
      !serializeCookie(endpoint.refreshTokenCookie, "", {.sameSite = SameSite::unset})) {
    refuse("TokenEndpoint.refreshTokenCookie is no cookie name");
  }
  const AnswerPointers& answer = endpoint.answer;
  for (const std::string& pointer :
       {answer.accessToken, answer.refreshToken, answer.expiresIn, answer.scope, answer.error, answer.idToken}) {
    try {
      const Json::json_pointer parsed(pointer);
    } catch (const Json::exception&) {
      refuse("TokenEndpoint.answer: `" + pointer + "` is not a JSON pointer such as /data/access_token");
    }
  }
  if (answer.accessToken.empty()) refuse("TokenEndpoint.answer.accessToken is empty");
}

Result<TokenSet> readTokenAnswer(const Response& answer, const TokenEndpoint& endpoint, TimePoint now) {
  if (answer.body.size() > maxAnswerSize) return fail(Errc::refreshFailed, "the token endpoint's answer is too large");
  const Result<Json> body = detail::parseJson(answer.body);
  if (answer.status < 200 || answer.status > 299) return classify(answer.status, body, endpoint);
  if (!body || !body->is_object()) return fail(Errc::refreshFailed, "the token endpoint's answer is no JSON object");

  const Json* accessToken = at(*body, endpoint.answer.accessToken);
  if (!isToken(accessToken, detail::isVisible) || accessToken->get_ref<const std::string&>().empty()) {
    return fail(Errc::refreshFailed, "the token endpoint's answer has no usable access token");
  }
  TokenSet tokens{.accessToken = accessToken->get<std::string>()};
  const Json* refreshToken = at(*body, endpoint.answer.refreshToken);
  if (refreshToken != nullptr && !refreshToken->is_null()) {
    if (!isToken(refreshToken, [](char c) { return c == ' ' || detail::isVisible(c); }))
      return fail(Errc::refreshFailed, "the token endpoint's refresh token is unusable");
    tokens.refreshToken = refreshToken->get<std::string>();
  }
  tokens.lifetime = lifetime(at(*body, endpoint.answer.expiresIn));
  if (tokens.lifetime) {
    tokens.expiresAt = now + *tokens.lifetime;
  } else if (const auto expiry = detail::jwtExpiry(tokens.accessToken); expiry && *expiry > now) {
    tokens.expiresAt = expiry;
    tokens.lifetime = std::chrono::ceil<Seconds>(*expiry - now);
  }
  const Json* scope = at(*body, endpoint.answer.scope);
  if (isShortText(scope)) tokens.scope = scope->get<std::string>();
  const Json* idToken = at(*body, endpoint.answer.idToken);
  if (idToken != nullptr && idToken->is_string()) {
    tokens.subject = detail::jwtSubject(idToken->get_ref<const std::string&>()).substr(0, maxTextSize);
  }
  tokens.cookies = detail::withCookiesOf(answer, endpoint.cookies, "");
  tokens.resource = endpoint.resource;
  return tokens;
}

Request refreshRequest(const TokenEndpoint& endpoint, const TokenSet& tokens) {
  Headers fields;
  add(fields, endpoint.fields.grantType, "refresh_token");
  if (endpoint.refreshTokenCookie.empty()) add(fields, endpoint.fields.refreshToken, tokens.refreshToken);
  add(fields, endpoint.fields.scope, endpoint.scope);
  add(fields, endpoint.fields.resource, endpoint.resource);
  Request request = tokenRequest(endpoint, std::move(fields));
  if (!endpoint.refreshTokenCookie.empty()) {
    request.headers.emplace_back("Cookie", endpoint.refreshTokenCookie + "=" + tokens.refreshToken);
  }
  if (endpoint.sendAccessToken) {
    eraseHeader(request.headers, "Authorization");
    request.headers.emplace_back("Authorization", "Bearer " + tokens.accessToken);
  }
  return request;
}

Request revocationRequest(const TokenEndpoint& endpoint, const TokenSet& tokens) {
  const bool refresh = !tokens.refreshToken.empty();
  TokenEndpoint form = endpoint;
  form.url = endpoint.revocationUrl;
  form.body = BodyStyle::form;
  return tokenRequest(form, {{"token", refresh ? tokens.refreshToken : tokens.accessToken},
                             {"token_type_hint", refresh ? "refresh_token" : "access_token"}});
}

std::optional<Seconds> retryAfter(const Response& answer, TimePoint now) {
  const auto header = findHeader(answer.headers, "Retry-After");
  if (!header) return std::nullopt;
  if (const auto date = detail::parseHttpDate(*header)) {
    return std::max(Seconds{0}, std::chrono::ceil<Seconds>(*date - now));
  }
  std::uint32_t seconds = 0;
  const auto [end, problem] = std::from_chars(header->data(), header->data() + header->size(), seconds);
  if (end != header->data() + header->size() || header->empty()) return std::nullopt;
  if (problem == std::errc::result_out_of_range) return Seconds::max();
  return problem == std::errc() ? std::optional(Seconds{seconds}) : std::nullopt;
}

Result<TokenSet> requestTokens(const Transport& transport, const TokenEndpoint& endpoint, const Headers& fields,
                               const Clock& now) {
  detail::requireValid(endpoint);
  const Result<Response> answer =
      transport(tokenRequest(endpoint, fields), std::chrono::steady_clock::now() + endpoint.timeout);
  if (!answer) return answer.error();
  return readTokenAnswer(*answer, endpoint, now());
}

}  // namespace ironjar

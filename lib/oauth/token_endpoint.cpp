#include "oauth/token_endpoint.hpp"

#include "base/ascii.hpp"
#include "base/base64url.hpp"
#include "base/form.hpp"
#include "base/time.hpp"
#include "base/url.hpp"
#include "http/field.hpp"
#include "http/sending.hpp"
#include "json/json.hpp"
#include "json/simdjson.hpp"
#include "oauth/policy.hpp"
#include "oauth/token_request.hpp"

#include <algorithm>
#include <memory>
#include <stdexcept>

namespace ironjar {
namespace {

[[noreturn]] void refuse(const std::string& why) { throw std::invalid_argument("ironjar: " + why); }

void requireId(const char* id) {
  if (id == nullptr || *id == '\0') refuse("the client id is empty or missing: is its environment variable set?");
}

ClientAuth clientAuth(ClientAuth::Method method, const char* id, const char* secret) {
  requireId(id);
  if (secret == nullptr || (*secret == '\0' && method != ClientAuth::Method::none)) {
    refuse("the client secret is empty or missing: is its environment variable set? (publicClient() takes none)");
  }
  return {.method = method, .clientId = id, .clientSecret = secret};
}

// RFC 6749 section 2.3.1: both halves are form-encoded before they are joined; then RFC 7617's base64 with padding.
std::string basicCredentials(const ClientAuth& auth) {
  const std::string joined = detail::formEncoded(auth.clientId) + ":" + detail::formEncoded(auth.clientSecret);
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

void put(Headers& headers, const std::string& name, const std::string& value) {
  eraseHeader(headers, name);
  headers.emplace_back(name, value);
}

void authenticate(Headers& headers, Headers& fields, const TokenEndpoint& endpoint) {
  const ClientAuth& auth = endpoint.clientAuth;
  if (auth.method == ClientAuth::Method::basic) return put(headers, "Authorization", basicCredentials(auth));
  if (auth.method == ClientAuth::Method::custom) {
    const ClientCredentials credentials = auth.credentials();
    fields.insert(fields.end(), credentials.parameters.begin(), credentials.parameters.end());
    for (const auto& [name, value] : credentials.headers) {
      if (!isTransportField(name)) put(headers, name, value);
    }
    return;
  }
  add(fields, endpoint.fields.clientId, auth.clientId);
  if (auth.method == ClientAuth::Method::post) add(fields, endpoint.fields.clientSecret, auth.clientSecret);
}

}  // namespace

// Of headers of one name those of the application's count.
Request detail::tokenRequest(const TokenEndpoint& endpoint, Headers fields) {
  Request request{.method = "POST", .url = endpoint.url};
  request.freshConnection = true;
  fields.insert(fields.end(), endpoint.parameters.begin(), endpoint.parameters.end());
  const bool isForm = endpoint.body == BodyStyle::form;
  request.headers = {{"Accept", "application/json"},
                     {"Accept-Encoding", "identity"},
                     {"Content-Type", isForm ? "application/x-www-form-urlencoded" : "application/json"}};
  Headers credentials;
  authenticate(credentials, fields, endpoint);
  for (const auto& [name, value] : credentials) put(request.headers, name, value);
  for (const auto& [name, value] : endpoint.headers) eraseHeader(request.headers, name);
  request.headers.insert(request.headers.end(), endpoint.headers.begin(), endpoint.headers.end());
  if (isForm) {
    request.body = detail::form(fields);
    return request;
  }
  Json body = Json::object();
  for (const auto& [name, value] : fields) body[name] = value;
  Result<std::string> text = detail::writeJson(body);
  if (!text) throw std::invalid_argument("ironjar: a token request's parameters are no UTF-8");
  request.body = *std::move(text);
  return request;
}

namespace {

void requireParameters(const TokenEndpoint& endpoint) {
  const FieldNames& own = endpoint.fields;
  for (const auto& [name, value] : endpoint.parameters) {
    for (const std::string* taken :
         {&own.grantType, &own.refreshToken, &own.scope, &own.resource, &own.clientId, &own.clientSecret}) {
      if (name == *taken) refuse("TokenEndpoint.parameters: `" + name + "` has a setting of its own");
    }
    if (!detail::isUtf8(name) || !detail::isUtf8(value) || name.empty()) {
      refuse("TokenEndpoint.parameters holds what cannot be sent");
    }
  }
}

void requireHeaders(const TokenEndpoint& endpoint) {
  if (!detail::isSendable(endpoint.headers)) refuse("TokenEndpoint.headers holds what cannot be sent");
  for (const auto& [name, value] : endpoint.headers) {
    if (isTransportField(name)) refuse("TokenEndpoint.headers: `" + name + "` is the transport's to write");
  }
  if (endpoint.bearer != EndpointBearer::none && findHeader(endpoint.headers, "Authorization")) {
    refuse("TokenEndpoint: `bearer` and a header of your own are both Authorization");
  }
  if (!endpoint.refreshTokenCookie.empty() && findHeader(endpoint.headers, "Cookie")) {
    refuse("TokenEndpoint: refreshTokenCookie and a header of your own are both Cookie");
  }
}

void requireCookie(const TokenEndpoint& endpoint) {
  if (endpoint.refreshTokenCookie.empty()) return;
  if (!serializeCookie(endpoint.refreshTokenCookie, "", {.sameSite = SameSite::unset})) {
    refuse("TokenEndpoint.refreshTokenCookie is no cookie name");
  }
  const auto& kept = endpoint.cookies;
  if (std::find(kept.begin(), kept.end(), endpoint.refreshTokenCookie) != kept.end()) {
    refuse("TokenEndpoint.cookies names refreshTokenCookie: the API would get the refresh token");
  }
  if (endpoint.bearer == EndpointBearer::refreshToken) {
    refuse("TokenEndpoint: the refresh token travels as `bearer` or as refreshTokenCookie, not as both");
  }
}

void requirePointer(const std::string& pointer) {
  try {
    const Json::json_pointer parsed(pointer);
  } catch (const Json::exception&) {
    refuse("TokenEndpoint.answer: `" + pointer + "` is not a JSON pointer such as /data/access_token");
  }
}

void requireAnswer(const AnswerPointers& answer) {
  for (const std::string* pointer : {&answer.accessToken, &answer.refreshToken, &answer.expiresIn, &answer.expiresAt,
                                     &answer.scope, &answer.error, &answer.idToken}) {
    requirePointer(*pointer);
  }
  if (answer.accessToken.empty()) refuse("TokenEndpoint.answer.accessToken is empty");
  for (const auto& [name, pointer] : answer.extra) {
    requirePointer(pointer);
    if (name.empty() || !detail::isUtf8(name) || pointer.empty()) {
      refuse("TokenEndpoint.answer.extra has an empty name or pointer, or a name that is no UTF-8");
    }
  }
}

void requireSafe(const std::string& member, const std::string& text, const TokenEndpoint& endpoint) {
  const Result<detail::Url> url = detail::parseUrl(text);
  if (!url) refuse("TokenEndpoint." + member + ": " + url.error().detail);
  if (url->https || (endpoint.allowHttpOnLoopback && url->isLoopback())) return;
  refuse("TokenEndpoint." + member +
         " must be https (RFC 6749 section 3.2); allowHttpOnLoopback permits http on this machine");
}

}  // namespace

ClientAuth basicAuth(const char* clientId, const char* clientSecret) {
  return clientAuth(ClientAuth::Method::basic, clientId, clientSecret);
}
ClientAuth postAuth(const char* clientId, const char* clientSecret) {
  return clientAuth(ClientAuth::Method::post, clientId, clientSecret);
}
ClientAuth publicClient(const char* clientId) { return clientAuth(ClientAuth::Method::none, clientId, ""); }
ClientAuth customAuth(const char* clientId, std::function<ClientCredentials()> credentials) {
  requireId(clientId);
  if (!credentials) refuse("customAuth() was given no function");
  return {.method = ClientAuth::Method::custom, .clientId = clientId, .credentials = std::move(credentials)};
}

void detail::requireValid(const TokenEndpoint& endpoint) {
  requireSafe("url", endpoint.url, endpoint);
  requireValidBesidesUrl(endpoint);
}

void detail::requireValidBesidesUrl(const TokenEndpoint& endpoint) {
  if (!endpoint.revocationUrl.empty()) requireSafe("revocationUrl", endpoint.revocationUrl, endpoint);
  if (endpoint.replay.grace < Seconds{0} || (endpoint.replay.grace > Seconds{0} && endpoint.replay.strict)) {
    refuse("TokenEndpoint.replay: grace must not be negative, and excludes strict");
  }
  if (endpoint.timeout <= Seconds{0} || endpoint.timeout > detail::longestCall) {
    refuse("TokenEndpoint.timeout must be positive, and five minutes at most");
  }
  requireHeaders(endpoint);
  requireCookie(endpoint);
  if (endpoint.expiresInUnit <= endpoint.expiresInUnit.zero() || endpoint.expiresInUnit > std::chrono::hours{24}) {
    refuse("TokenEndpoint.expiresInUnit must be positive, and a day at most");
  }
  requireParameters(endpoint);
  requireAnswer(endpoint.answer);
}

Request refreshRequest(const TokenEndpoint& endpoint, const TokenSet& tokens) {
  Headers fields;
  add(fields, endpoint.fields.grantType, "refresh_token");
  const bool isInBody = endpoint.refreshTokenCookie.empty() && endpoint.bearer != EndpointBearer::refreshToken;
  if (isInBody) add(fields, endpoint.fields.refreshToken, tokens.refreshToken);
  add(fields, endpoint.fields.scope, endpoint.scope);
  add(fields, endpoint.fields.resource, endpoint.resource);
  Request request = detail::tokenRequest(endpoint, std::move(fields));
  if (!endpoint.refreshTokenCookie.empty()) {
    request.headers.emplace_back("Cookie", endpoint.refreshTokenCookie + "=" + tokens.refreshToken);
  }
  const bool isAccess = endpoint.bearer == EndpointBearer::accessToken;
  if (endpoint.bearer != EndpointBearer::none) {
    put(request.headers, "Authorization", "Bearer " + (isAccess ? tokens.accessToken : tokens.refreshToken));
  }
  return request;
}

Request revocationRequest(const TokenEndpoint& endpoint, const TokenSet& tokens) {
  const bool refresh = !tokens.refreshToken.empty();
  TokenEndpoint form = endpoint;
  form.url = endpoint.revocationUrl;
  form.body = BodyStyle::form;
  form.parameters = {};
  eraseHeader(form.headers, "Content-Type");
  return detail::tokenRequest(form, {{"token", refresh ? tokens.refreshToken : tokens.accessToken},
                                     {"token_type_hint", refresh ? "refresh_token" : "access_token"}});
}

namespace {

// One request for tokens, or two. Holds itself while it is on its way.
class Requesting : public std::enable_shared_from_this<Requesting> {
 public:
  using Done = std::function<void(Result<TokenSet>)>;

  Requesting(AsyncTransport transport, TokenEndpoint endpoint, Headers fields, TokenRequestOptions options,
             std::stop_token stop, Done done)
      : transport_(std::move(transport)),
        endpoint_(std::move(endpoint)),
        fields_(std::move(fields)),
        options_(std::move(options)),
        stop_(std::move(stop)),
        done_(std::move(done)) {}

  void begin() {
    Result<Request> request = tried_.made();
    if (!request) return done_(std::move(request).error());
    send(*std::move(request), [self = shared_from_this()](Result<Response> answer) {
      auto again = self->tried_.again(answer);
      if (!again) return self->end(answer);
      self->first_ = std::move(answer);
      self->send(*std::move(again), [self](Result<Response> second) {
        self->end(self->tried_.counting(self->first_, std::move(second)));
      });
    });
  }

 private:
  void send(Request request, ResponseHandler done) {
    request_ = std::move(request);
    detail::send(transport_, request_, deadline_, stop_, std::move(done));
  }
  void end(const Result<Response>& answer) {
    if (!answer) return done_(answer.error());
    done_(readTokenAnswer(*answer, endpoint_, options_.now(), options_.dpopKey));
  }

  const AsyncTransport transport_;
  const TokenEndpoint endpoint_;
  const Headers fields_;
  const TokenRequestOptions options_;
  const std::stop_token stop_;
  const Done done_;
  const Deadline deadline_ = detail::monotonicNow() + endpoint_.timeout;
  detail::DpopNonces nonces_;
  const detail::TokenRequest tried_{endpoint_, [this] { return detail::tokenRequest(endpoint_, fields_); },
                                    options_.dpopKey, nonces_, options_.now};
  Request request_;
  Result<Response> first_;
};

}  // namespace

void startRequestTokens(AsyncTransport transport, TokenEndpoint endpoint, const Headers& fields,
                        std::function<void(Result<TokenSet>)> done, TokenRequestOptions options, std::stop_token stop) {
  detail::requireValid(endpoint);
  std::make_shared<Requesting>(std::move(transport), std::move(endpoint), fields, std::move(options), std::move(stop),
                               std::move(done))
      ->begin();
}

Result<TokenSet> requestTokens(const Transport& transport, const TokenEndpoint& endpoint, const Headers& fields,
                               const TokenRequestOptions& options) {
  Result<TokenSet> tokens;
  const auto atOnce = [&transport](const Request& request, Deadline deadline, const std::stop_token&,
                                   const ResponseHandler& done) { done(transport(request, deadline)); };
  startRequestTokens(
      atOnce, endpoint, fields, [&](Result<TokenSet> got) { tokens = std::move(got); }, options);
  return tokens;
}

}  // namespace ironjar

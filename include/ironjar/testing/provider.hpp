// An identity provider for tests: a small OpenID provider (discovery, keys that rotate, the authorization code flow
// with PKCE, pushed requests, logout) and OAuth 2.0's token endpoint with every way to rotate refresh tokens and to
// fail, in process as a Transport, or over HTTP with <ironjar/testing/httplib.hpp>.
//
// Example:
//   ironjar::testing::Provider provider;
//   session.setTokens(provider.login("ada"));
//   const ironjar::Fetcher tested({.transport = provider.transport(),
//                                  .allowedOrigins = {"https://api.example"},
//                                  .tokenEndpoint = {.url = provider.tokenUrl()}});
//   std::cout << provider.counts().refreshes << '\n';
//
//   // A site's redirect leads the browser to the provider, and this leads it back:
//   const std::string callback = provider.signIn("https://id.example/authorize?response_type=code&…");
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ironjar/coordinator.hpp>
#include <ironjar/http.hpp>
#include <ironjar/testing/behaviour.hpp>
#include <ironjar/testing/clock.hpp>
#include <ironjar/testing/gate.hpp>
#include <ironjar/testing/ledger.hpp>
#include <ironjar/testing/openid.hpp>
#include <ironjar/testing/proof.hpp>
#include <ironjar/testing/sign_ins.hpp>
#include <ironjar/testing/signing_keys.hpp>
#include <ironjar/testing/text.hpp>

namespace ironjar::testing {

// Thread-safe. Must outlive whatever uses its transport; a call that is held or hangs is inside it until its deadline.
class Provider {
 public:
  explicit Provider(ProviderOptions options = {}, ProviderBehaviour behaviour = {})
      : options_(std::move(options)),
        gate_(options_.clock),
        ledger_(options_.randomTokens),
        signIns_(options_, ledger_),
        behaviour_(std::move(behaviour)) {}
  Provider(const Provider&) = delete;
  Provider& operator=(const Provider&) = delete;

  [[nodiscard]] const ProviderOptions& options() const { return options_; }
  [[nodiscard]] std::string tokenUrl() const { return options_.origin + options_.tokenPath; }
  [[nodiscard]] std::string revocationUrl() const { return options_.origin + options_.revocationPath; }

  // The knobs as they are, with what is left of the drops; and all of them anew from now on, for calls that are inside
  // too. What is left out has its default: start from behaviour() to change one.
  [[nodiscard]] ProviderBehaviour behaviour() const {
    const auto lock = gate_.lock();
    return behaviour_;
  }
  void behave(ProviderBehaviour behaviour) {
    const auto lock = gate_.lock();
    behaviour_ = std::move(behaviour);
  }
  // What the next token calls get in place of the provider's own answers, in order: a Retry-After, garbage, an error.
  void answerTokenCalls(std::vector<Result<Response>> answers) {
    const auto lock = gate_.lock();
    answers_.assign(answers.begin(), answers.end());
  }

  // A login's first tokens, without a request. Without a name, the users are `user-1`, `user-2` and so on.
  // With a key, of generateDpopKey(), they are bound to it; so are those of a code that comes with a proof.
  TokenSet login(std::string user = {}, const std::string& dpopKey = {}) {
    const std::string key = dpopKey.empty() ? std::string() : detail::publicKeyOf(dpopKey);
    const auto lock = gate_.lock();
    if (user.empty()) user = "user-" + std::to_string(ledger_.counts.logins + 1);
    const detail::Pair pair = ledger_.begin(user, behaviour_.accessTokenLifetime, gate_.now(), key);
    return readTokenAnswer(answerWith(pair, true), {}, gate_.wallNow(), dpopKey).value();
  }
  // A code that buys a login's first tokens, once, without a request of a site's.
  std::string authorize(const std::string& user) {
    const auto lock = gate_.lock();
    return signIns_.issue({}, signIns_.begin(user, gate_.wallNow()), behaviour_, gate_.now());
  }
  // The user follows a site's redirect to this provider and signs in there anew: where the browser is sent then, with a
  // code or an error in its query, whatever the response_mode. Throws std::runtime_error when it is sent nowhere.
  [[nodiscard]] std::string signIn(const std::string& location) {
    const auto lock = gate_.lock();
    const detail::SignIns::Answer answer = authorization({.url = location});
    if (!answer.error.empty()) throw std::runtime_error("ironjar: the provider shows a page: " + answer.error);
    return detail::SignIns::urlOf(answer);
  }
  // Codes buy nothing from now on.
  void expireCodes() {
    const auto lock = gate_.lock();
    signIns_.dropCodes();
  }

  // What is signed from now on is signed with a new key. Those before stay in the key set until dropOldKeys().
  void rotateKeys() {
    const auto lock = gate_.lock();
    keys_.rotate();
  }
  void dropOldKeys() {
    const auto lock = gate_.lock();
    keys_.dropOld();
  }
  // A JWT of these claims, signed with the newest key. `header` has more members, or other values; null takes one out.
  [[nodiscard]] std::string sign(const Json& claims, const Json& header = Json::object()) {
    const auto lock = gate_.lock();
    return keys_.sign(claims, header);
  }
  // A logout token (OpenID Connect Back-Channel Logout 1.0 section 2.4), once, with the claims that are named, `sub` or
  // `sid`, over those that each has; likewise.
  [[nodiscard]] std::string logoutToken(const Json& claims, const Json& header = Json::object()) {
    const auto lock = gate_.lock();
    Json all = detail::commonClaims(options_, gate_.wallNow());
    all["jti"] = ledger_.freshName("jti-");
    all["events"] = {{"http://schemas.openid.net/event/backchannel-logout", Json::object()}};
    return keys_.sign(detail::patched(std::move(all), claims), detail::patched({{"typ", "logout+jwt"}}, header));
  }

  // What the API refuses from now on: every access token issued so far.
  void expireAccessTokens() {
    const auto lock = gate_.lock();
    ledger_.expireAccessTokens();
  }
  // Whose access token it is, while it is good and for that resource: what the call that brought it named in `resource`
  // (RFC 8707). For APIs: it counts as used.
  [[nodiscard]] std::optional<std::string> userOf(const std::string& accessToken, const std::string& resource = {}) {
    const auto lock = gate_.lock();
    return ledger_.admit(accessToken, resource, gate_.now());
  }

  // The public key, as JSON, that a token is bound to; empty: it is a Bearer token, or none.
  [[nodiscard]] std::string keyOf(const std::string& token) const {
    const auto lock = gate_.lock();
    return ledger_.keyOf(token);
  }

  // The `acr` of its login; empty: it has none, or there is no such token.
  [[nodiscard]] std::string acrOf(const std::string& token) const {
    const auto lock = gate_.lock();
    return ledger_.acrOf(token);
  }

  // Token calls wait at the door, where nothing has happened yet, until they are released or their deadline passes.
  // release() also ends the latencies and hangs that are under way.
  void hold() { gate_.hold(); }
  void release() { gate_.release(); }
  // Until that many have come in all. Throw std::runtime_error when they do not in half a minute.
  void waitForTokenCalls(int count) const { gate_.waitFor(ledger_.counts.tokenCalls, count, "token calls"); }
  void waitForRevocations(int count) const { gate_.waitFor(ledger_.counts.revocations, count, "revocations"); }

  [[nodiscard]] ProviderCounts counts() const {
    const auto lock = gate_.lock();
    return ledger_.counts;
  }
  // How often this refresh token has given new tokens, and how often this token was to be revoked.
  [[nodiscard]] int refreshesOf(const std::string& refreshToken) const {
    return find(ledger_.refreshesOf, refreshToken);
  }
  [[nodiscard]] int revocationsOf(const std::string& token) const { return find(revocationsOf_, token); }
  // The newest requests that came, in order, as they came.
  [[nodiscard]] std::vector<Request> seen() const {
    const auto lock = gate_.lock();
    return {seen_.begin(), seen_.end()};
  }

  // POST tokenPath, revocationPath and /par; GET /authorize and /end_session, with the browser's cookies for it, and
  // /.well-known/openid-configuration, /keys and /stats (the counts as JSON), whatever the origin. The errors are those
  // of a Transport.
  Result<Response> handle(const Request& request, Deadline deadline) {
    const std::string_view path = detail::pathOf(request.url);
    if (auto instead = noted(request, path)) return *std::move(instead);
    const bool posts = request.method == "POST";
    if (path == options_.tokenPath) return posts ? deflated(token(request, deadline)) : Response{.status = 405};
    if (path == options_.revocationPath) return posts ? revoke(request) : Response{.status = 405};
    if (path == "/par") return posts ? push(request) : Response{.status = 405};
    const auto lock = gate_.lock();
    if (path == "/authorize") return detail::responseOf(authorization(request));
    if (path == "/end_session") return detail::responseOf(signedOut(request));
    if (path == "/.well-known/openid-configuration") return json(200, detail::metadataOf(options_, behaviour_));
    if (path == "/keys") return json(200, keys_.published());
    if (path == "/stats") return json(200, ledger_.counts);
    return Response{.status = 404};
  }
  [[nodiscard]] Transport transport() {
    return [this](const Request& request, Deadline deadline) { return handle(request, deadline); };
  }

 private:
  static Response json(int status, const Json& body) {
    return {.status = status,
            .headers = {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}},
            .body = body.dump(-1, ' ', false, Json::error_handler_t::replace)};
  }
  static Response refused(std::string_view error) { return json(400, {{"error", error}}); }
  Response refusedWithNonce(const char* error) const {
    Response answer = refused(error);
    if (!behaviour_.dpopNonce.empty()) answer.headers.emplace_back("DPoP-Nonce", behaviour_.dpopNonce);
    return answer;
  }

  int find(const std::map<std::string, int>& counted, const std::string& token) const {
    const auto lock = gate_.lock();
    const auto found = counted.find(token);
    return found == counted.end() ? 0 : found->second;
  }

  Result<Response> token(const Request& request, Deadline deadline) {
    auto lock = gate_.lock();
    ++ledger_.counts.tokenCalls;
    gate_.ring();
    if (!gate_.pass(lock, deadline)) return fail(Errc::timeout);
    if (!answers_.empty()) {
      Result<Response> answer = std::move(answers_.front());
      answers_.pop_front();
      return answer;
    }
    if (behaviour_.instead) return *behaviour_.instead;
    const bool inTime = gate_.delay(lock, behaviour_.latencyBeforeCommit, deadline);
    if (inTime && takes(behaviour_.dropBeforeCommit)) return dropped(lock, behaviour_.dropBeforeCommit.how, deadline);
    Response answer = granted(request);
    if (!inTime || !gate_.delay(lock, behaviour_.latencyAfterCommit, deadline)) return fail(Errc::timeout);
    if (takes(behaviour_.dropAfterCommit)) return dropped(lock, behaviour_.dropAfterCommit.how, deadline);
    return answer;
  }

  static bool takes(Drop& drop) {
    if (drop.times == 0) return false;
    if (drop.times != Drop::always) --drop.times;
    return true;
  }
  Result<Response> dropped(detail::Gate::Lock& lock, Drop::How how, Deadline deadline) const {
    if (how == Drop::How::gateway) return Response{.status = 504, .body = "<h1>Gateway Timeout</h1>"};
    const bool broken = how == Drop::How::reset || gate_.hang(lock, deadline);
    return fail(broken ? Errc::transport : Errc::timeout);
  }

  Response granted(const Request& request) {
    const detail::Fields fields = detail::bodyFields(request);
    if (!isClient(request, fields)) return invalidClient();
    const std::string bound = ledger_.keyOf(detail::member(fields, "refresh_token"));
    const char* error = detail::proofError(request, {.key = bound, .nonce = behaviour_.dpopNonce}, proofs_);
    if (error != nullptr) return refusedWithNonce(error);
    const bool isInQuery = !fields.contains("grant_type");
    const std::string grant =
        detail::member(isInQuery ? detail::formFields(detail::queryOf(request.url)) : fields, "grant_type");
    if (grant == "authorization_code") return codeExchanged(fields, detail::proofKeyOf(request));
    if (grant != "refresh_token") return refused("unsupported_grant_type");
    if (!fields.contains("refresh_token")) return refused("invalid_request");
    const auto pair = ledger_.refresh(detail::member(fields, "refresh_token"), behaviour_, gate_.now());
    if (!pair) return encoded(behaviour_.endedGrant.value_or(refused("invalid_grant")), request);
    ledger_.bind(pair->accessToken, detail::member(fields, "resource"));
    return encoded(answerWith(*pair, !behaviour_.omitRefreshToken), request);
  }

  // As ProviderBehaviour::formAnswers says.
  [[nodiscard]] Response encoded(Response answer, const Request& request) const {
    const bool asksForJson = findHeader(request.headers, "Accept").value_or("").find("json") != std::string_view::npos;
    if (!behaviour_.formAnswers || asksForJson) return answer;
    const Json body = Json::parse(answer.body);
    std::string form;
    for (const auto& [name, value] : body.items()) {
      const std::string text = value.is_string() ? value.template get<std::string>() : value.dump();
      form.append(form.empty() ? "" : "&").append(detail::percentEncoded(name));
      form.append("=").append(detail::percentEncoded(text));
    }
    eraseHeader(answer.headers, "Content-Type");
    answer.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
    answer.body = std::move(form);
    return answer;
  }

  // As ProviderBehaviour::deflates says: one block that is stored as it is (RFC 1951 section 3.2.4).
  [[nodiscard]] Result<Response> deflated(Result<Response> answer) const {
    const auto lock = gate_.lock();
    if (!behaviour_.deflates || !answer || answer->body.size() > 0xffff) return answer;
    const auto size = static_cast<unsigned>(answer->body.size());
    std::string block = "\x01";
    for (const unsigned number : {size, ~size}) {
      block.push_back(static_cast<char>(number & 0xffU));
      block.push_back(static_cast<char>(number >> 8U & 0xffU));
    }
    answer->body.insert(0, block);
    answer->headers.emplace_back("Content-Encoding", "deflate");
    return answer;
  }

  Response codeExchanged(const detail::Fields& fields, const std::string& key) {
    if (key.empty() && behaviour_.requiresDpop) return refused("invalid_dpop_proof");
    detail::SignIns::Code* const code = signIns_.spend(fields, behaviour_, gate_.now());
    if (code == nullptr || !detail::isOfKey(*code, key)) return refused("invalid_grant");
    const detail::Pair pair =
        ledger_.begin(code->sso.user, behaviour_.accessTokenLifetime, gate_.now(), key, code->sso.acr);
    code->refreshToken = pair.refreshToken;
    const bool isOpenId = detail::hasWord(detail::member(code->asked, "scope"), "openid");
    return answerWith(pair, true, isOpenId ? detail::claimsOf(*code) : Json());
  }

  // With an ID token where there are claims for it.
  Response answerWith(const detail::Pair& pair, bool withRefreshToken, Json claims = nullptr) {
    const char* type = ledger_.keyOf(pair.refreshToken).empty() ? "Bearer" : "DPoP";
    Json body = {{"access_token", pair.accessToken}, {"token_type", type}};
    if (withRefreshToken) body["refresh_token"] = pair.refreshToken;
    const auto left = std::max(Seconds{0}, std::chrono::ceil<Seconds>(pair.endsAt - gate_.now()));
    if (!behaviour_.omitExpiresIn) body["expires_in"] = behaviour_.expiresIn.value_or(Json(left.count()));
    if (!behaviour_.scope.empty()) body["scope"] = behaviour_.scope;
    if (behaviour_.idToken && claims.is_null()) claims = Json::object();
    if (!claims.is_null()) {
      Json all = detail::commonClaims(options_, gate_.wallNow());
      all.update({{"sub", pair.user}, {"at_hash", detail::accessTokenHashOf(pair.accessToken)}});
      all.update(claims);
      body["id_token"] = keys_.sign(detail::patched(std::move(all), behaviour_.claims), Json::object());
    }
    Response answer = json(200, body);
    for (const std::string& cookie : behaviour_.cookies) answer.headers.emplace_back("Set-Cookie", cookie);
    return answer;
  }

  Result<Response> revoke(const Request& request) {
    const auto lock = gate_.lock();
    const detail::Fields fields = detail::bodyFields(request);
    const std::string token = detail::member(fields, "token");
    ++ledger_.counts.revocations;
    ++revocationsOf_[token];
    gate_.ring();
    if (behaviour_.revocationStatus != 200) return Response{.status = behaviour_.revocationStatus};
    if (!isClient(request, fields)) return invalidClient();
    if (!fields.contains("token")) return refused("invalid_request");
    ledger_.revoke(token);
    return Response{.status = 200};
  }

  // Notes a request; what it gets when the provider's behaviour says so.
  std::optional<Result<Response>> noted(const Request& request, std::string_view path) {
    const auto lock = gate_.lock();
    seen_.push_back(request);
    if (seen_.size() > options_.keepRequests) seen_.pop_front();
    if (behaviour_.isDown) return fail(Errc::unreachable, "the provider is down");
    const auto instead = behaviour_.insteadAt.find(std::string(path));
    return instead == behaviour_.insteadAt.end() ? std::nullopt : std::optional(instead->second);
  }

  detail::SignIns::Answer authorization(const Request& request) {
    const std::string_view cookies = findHeader(request.headers, "Cookie").value_or("");
    return signIns_.authorize(detail::formFields(detail::queryOf(request.url)), cookies, behaviour_,
                              {gate_.wallNow(), gate_.now()});
  }
  // Ends no login's tokens: those are the site's to revoke.
  detail::SignIns::Answer signedOut(const Request& request) {
    return signIns_.signOut(detail::formFields(detail::queryOf(request.url)),
                            findHeader(request.headers, "Cookie").value_or(""));
  }

  Response push(const Request& request) {
    const auto lock = gate_.lock();
    const detail::Fields fields = detail::bodyFields(request);
    if (!isClient(request, fields)) return invalidClient();
    std::string uri;
    const std::string error = signIns_.push(fields, uri, gate_.now());
    if (!error.empty()) return refused(error);
    return json(201, {{"request_uri", uri}, {"expires_in", detail::SignIns::pushedLifetime.count()}});
  }

  [[nodiscard]] bool isClient(const Request& request, const detail::Fields& fields) const {
    if (!options_.client) return true;
    const ClientAuth& client = *options_.client;
    if (client.method == ClientAuth::Method::basic) {
      const Request own = refreshRequest({.url = tokenUrl(), .clientAuth = client}, {});
      return findHeader(request.headers, "Authorization") == findHeader(own.headers, "Authorization");
    }
    if (detail::member(fields, "client_id") != client.clientId) return false;
    return client.method == ClientAuth::Method::none || detail::member(fields, "client_secret") == client.clientSecret;
  }
  static Response invalidClient() {
    Response answer = json(401, {{"error", "invalid_client"}});
    answer.headers.emplace_back("WWW-Authenticate", "Basic realm=\"token\"");
    return answer;
  }

  const ProviderOptions options_;
  detail::Gate gate_;  // its lock is for everything below
  detail::Ledger ledger_;
  detail::SignIns signIns_;
  detail::SigningKeys keys_;
  ProviderBehaviour behaviour_;
  std::deque<Result<Response>> answers_;
  std::deque<Request> seen_;
  std::map<std::string, int> revocationsOf_;
  std::set<std::string> proofs_;  // the ids of those that came
};

}  // namespace ironjar::testing

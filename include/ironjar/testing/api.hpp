// An API for tests, that accepts the access tokens of a testing::Provider: in process as a Transport, or over HTTP with
// <ironjar/testing/httplib.hpp>.
//
// Example:
//   ironjar::testing::Provider provider;
//   ironjar::testing::Api api(provider, {.answer = [](const ironjar::Request&, const std::string& user) {
//     return ironjar::Response{.body = "items of " + user};
//   }});
//   const ironjar::Transport both = ironjar::testing::transport(provider, api);
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ironjar/http.hpp>
#include <ironjar/testing/gate.hpp>
#include <ironjar/testing/provider.hpp>
#include <ironjar/testing/text.hpp>

namespace ironjar::testing {

struct ApiOptions {
  std::string origin = "https://api.example";
  std::string resource = {};  // as TokenEndpoint::resource: access tokens for others are refused
  // What a request with a good token gets, with the status of ApiBehaviour unless it brings one; unset: the user's
  // name. Called from many threads, under no lock.
  std::function<Response(const Request& request, const std::string& user)> answer = {};
  std::size_t keepRequests = 10'000;  // the newest that seen() knows
};

// The knobs. By default a good token gets a 200, anything else a 401.
struct ApiBehaviour {
  bool always401 = false;                      // whatever the token
  bool processesBefore401 = false;             // what is refused has had its effect
  int status = 200;                            // of an answer to a good token
  Headers headers = {};                        // of such an answer
  Headers challenge = {};                      // of a 401, e.g. WWW-Authenticate
  std::vector<std::string> cookies = {};       // Set-Cookie values of an answer to a good token
  std::vector<std::string> cookiesOn401 = {};  // and of a 401
  std::string dpopNonce = {};                  // asked for in proofs (RFC 9449 section 9); empty: none is
  std::string acr = {};                        // of a login; others get the challenge of RFC 9470; empty: any will do
  std::chrono::milliseconds latency{0};        // on the provider's clock, before the token is looked at
};

struct ApiCounts {
  int calls = 0;
  int accepted = 0;
  int refused = 0;    // 401
  int processed = 0;  // requests that had an effect: once per Idempotency-Key, where they brought one
};

// Thread-safe. The provider must outlive it, and it whatever uses its transport.
class Api {
 public:
  explicit Api(Provider& provider, ApiOptions options = {}, ApiBehaviour behaviour = {})
      : provider_(provider),
        options_(std::move(options)),
        gate_(provider.options().clock),
        behaviour_(std::move(behaviour)) {}
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  [[nodiscard]] const ApiOptions& options() const { return options_; }

  [[nodiscard]] ApiBehaviour behaviour() const {
    const auto lock = gate_.lock();
    return behaviour_;
  }
  void behave(ApiBehaviour behaviour) {
    const auto lock = gate_.lock();
    behaviour_ = std::move(behaviour);
  }

  // Calls wait at the door, before their token is looked at. As Provider's.
  void hold() { gate_.hold(); }
  void release() { gate_.release(); }
  void waitForCalls(int count) const { gate_.waitFor(counts_.calls, count, "calls of the API"); }

  [[nodiscard]] ApiCounts counts() const {
    const auto lock = gate_.lock();
    return counts_;
  }
  // The requests that came, in order, as they came.
  [[nodiscard]] std::vector<Request> seen() const {
    const auto lock = gate_.lock();
    return {seen_.begin(), seen_.end()};
  }

  // Any method and path, whatever the origin. Errc::timeout at the deadline.
  Result<Response> handle(Request request, Deadline deadline) {
    Result<std::string> body = readBody(request);
    if (!body) return body.error();
    request.body = *std::move(body);
    request.openBody = nullptr;
    auto lock = gate_.lock();
    ++counts_.calls;
    seen_.push_back(request);
    if (seen_.size() > options_.keepRequests) seen_.pop_front();
    gate_.ring();
    if (!gate_.pass(lock, deadline) || !gate_.delay(lock, behaviour_.latency, deadline)) return fail(Errc::timeout);
    const ApiBehaviour behaviour = behaviour_;
    const std::string token = tokenOf(request, "bearer ");
    const std::string bound = tokenOf(request, "dpop ");
    const char* error = proofErrorOf(request, token, bound, behaviour.dpopNonce);
    const bool refuses = behaviour.always401 || error != nullptr;
    auto user = refuses ? std::nullopt : provider_.userOf(token + bound, options_.resource);
    const bool isTooWeak = user && !behaviour.acr.empty() && provider_.acrOf(token + bound) != behaviour.acr;
    if (isTooWeak) user.reset();
    ++(user ? counts_.accepted : counts_.refused);
    if ((user || behaviour.processesBefore401) && isNew(request)) ++counts_.processed;
    lock.unlock();
    if (isTooWeak) return tooWeak(behaviour.acr);
    return user ? accepted(request, *user, behaviour) : refused(behaviour, error);
  }
  [[nodiscard]] Transport transport() {
    return [this](const Request& request, Deadline deadline) { return handle(request, deadline); };
  }

 private:
  // RFC 6750 section 2.1; the scheme's case does not matter.
  static std::string tokenOf(const Request& request, std::string_view scheme) {
    const std::string_view value = findHeader(request.headers, "Authorization").value_or("");
    const bool has = detail::lower(value.substr(0, scheme.size())) == scheme;
    return has ? std::string(value.substr(scheme.size())) : std::string();
  }

  // A token that is bound to a key comes as DPoP with a proof, any other as Bearer (RFC 9449 section 7.1).
  const char* proofErrorOf(const Request& request, const std::string& bearer, const std::string& bound,
                           const std::string& nonce) {
    if (!bearer.empty()) return provider_.keyOf(bearer).empty() ? nullptr : "invalid_token";
    if (bound.empty()) return nullptr;
    const std::string key = provider_.keyOf(bound);
    if (key.empty()) return "invalid_token";
    return detail::proofError(request, {.key = key, .accessToken = bound, .nonce = nonce}, proofs_);
  }

  bool isNew(const Request& request) {
    const auto key = findHeader(request.headers, "Idempotency-Key");
    return !key || processedKeys_.emplace(*key).second;
  }

  Response accepted(const Request& request, const std::string& user, const ApiBehaviour& behaviour) const {
    Response response = options_.answer ? options_.answer(request, user) : Response{.body = user};
    if (response.status == 0) response.status = behaviour.status;
    response.headers.insert(response.headers.end(), behaviour.headers.begin(), behaviour.headers.end());
    for (const std::string& cookie : behaviour.cookies) response.headers.emplace_back("Set-Cookie", cookie);
    return response;
  }

  static Response tooWeak(const std::string& acr) {
    const std::string challenge = "Bearer error=\"insufficient_user_authentication\", acr_values=\"" + acr + '"';
    return {.status = 401, .headers = {{"WWW-Authenticate", challenge}}};
  }
  static Response refused(const ApiBehaviour& behaviour, const char* error) {
    Response response{.status = 401, .headers = behaviour.challenge, .body = R"({"error":"invalid_token"})"};
    if (error != nullptr) {
      response.headers.emplace_back("WWW-Authenticate", std::string("DPoP error=\"") + error + '"');
      if (!behaviour.dpopNonce.empty()) response.headers.emplace_back("DPoP-Nonce", behaviour.dpopNonce);
    }
    for (const std::string& cookie : behaviour.cookiesOn401) response.headers.emplace_back("Set-Cookie", cookie);
    return response;
  }

  Provider& provider_;
  const ApiOptions options_;
  detail::Gate gate_;  // its lock is for everything below; the provider's is taken after it, never before
  ApiBehaviour behaviour_;
  ApiCounts counts_;
  std::deque<Request> seen_;
  std::set<std::string> processedKeys_;
  std::set<std::string> proofs_;  // the ids of those that came
};

// All of them, each at its origin; anywhere else is Errc::unreachable.
[[nodiscard]] inline Transport transport(Provider& provider, std::vector<std::reference_wrapper<Api>> apis) {
  return [&provider, apis = std::move(apis)](const Request& request, Deadline deadline) -> Result<Response> {
    const std::string origin = detail::originOf(request.url);
    if (origin == detail::originOf(provider.options().origin)) return provider.handle(request, deadline);
    for (Api& api : apis) {
      if (origin == detail::originOf(api.options().origin)) return api.handle(request, deadline);
    }
    return fail(Errc::unreachable, "neither the provider's origin nor an API's");
  };
}
[[nodiscard]] inline Transport transport(Provider& provider, Api& api) {
  return transport(provider, std::vector<std::reference_wrapper<Api>>{api});
}

}  // namespace ironjar::testing

#include "base/url.hpp"
#include "http/content_coding.hpp"
#include "http/sending.hpp"
#include "json/json.hpp"
#include "oauth/policy.hpp"
#include "oauth/shared_document.hpp"

#include <stdexcept>

#include <ironjar/openid_provider.hpp>

namespace ironjar {
namespace {

using detail::Freshness;
using detail::SharedDocument;

bool isSafe(const std::string& text, bool allowHttpOnLoopback) {
  const Result<detail::Url> url = detail::parseUrl(text);
  return url && (url->https || (allowHttpOnLoopback && url->isLoopback()));
}

// A member's text; empty when there is none.
Result<std::string> textOf(const Json& document, const char* name) {
  const auto member = document.find(name);
  if (member == document.end()) return std::string();
  if (!member->is_string()) return fail(Errc::malformed, std::string("metadata whose ") + name + " is no text");
  return member->get<std::string>();
}

bool isTrue(const Json& document, const char* name) {
  const auto member = document.find(name);
  return member != document.end() && member->is_boolean() && member->get<bool>();
}

OpenIdProviderOptions checked(OpenIdProviderOptions options) {
  const auto refuse = [](const char* why) {
    throw std::invalid_argument(std::string("ironjar: OpenIdProvider: ") + why);
  };
  if (!isSafe(options.issuer, options.allowHttpOnLoopback) || options.issuer.find('?') != std::string::npos) {
    refuse("issuer must be an https URL without a query; allowHttpOnLoopback permits http on this machine");
  }
  if (!options.transport && !options.asyncTransport) refuse("there is no transport");
  if (options.timeout <= Seconds{0} || options.timeout > detail::longestCall) {
    refuse("timeout must be positive, and five minutes at most");
  }
  if (options.keep < detail::documentInterval || options.keep > detail::oldestDocument) {
    refuse("keep must be between a minute and a day");
  }
  if (!options.now) refuse("now is no clock");
  return options;
}

// OpenID Connect Discovery 1.0 section 4.
std::string discoveryUrl(std::string issuer) {
  if (issuer.ends_with('/')) issuer.pop_back();
  return issuer + "/.well-known/openid-configuration";
}

// The body of a document; it may be in a content coding.
using Got = std::function<void(Result<std::string>)>;

void get(const OpenIdProviderOptions& options, const AsyncTransport& transport, const std::string& url, Got got) {
  const auto request = std::make_shared<Request>();
  request->url = url;
  request->headers = {{"Accept", "application/json"}};
  const Deadline deadline = std::chrono::steady_clock::now() + options.timeout;
  detail::send(transport, *request, deadline, {}, [request, got = std::move(got)](const Result<Response>& answer) {
    if (!answer) return got(answer.error());
    if (answer->status != 200) {
      return got(fail(Errc::transport, "the provider answered " + std::to_string(answer->status)));
    }
    got(detail::decodedBody(*answer, detail::maxDocumentSize));
  });
}

}  // namespace

Result<ProviderMetadata> readProviderMetadata(std::string_view document, const std::string& issuer,
                                              bool allowHttpOnLoopback) {
  const Result<Json> json = detail::parseJson(document);
  if (!json || !json->is_object()) return fail(Errc::malformed, "metadata that is no JSON object");
  ProviderMetadata metadata;
  const std::initializer_list<std::pair<const char*, std::string*>> members = {
      {"issuer", &metadata.issuer},
      {"authorization_endpoint", &metadata.authorizationEndpoint},
      {"token_endpoint", &metadata.tokenEndpoint},
      {"jwks_uri", &metadata.jwksUri},
      {"end_session_endpoint", &metadata.endSessionEndpoint},
      {"pushed_authorization_request_endpoint", &metadata.pushedAuthorizationRequestEndpoint}};
  for (const auto& [name, text] : members) {
    Result<std::string> member = textOf(*json, name);
    if (!member) return member.error();
    if (!member->empty() && text != &metadata.issuer && !isSafe(*member, allowHttpOnLoopback)) {
      return fail(Errc::malformed, std::string("metadata whose ") + name + " is no https URL");
    }
    *text = *std::move(member);
  }
  // Section 4.3: exactly, or another provider could speak for this one.
  if (metadata.issuer != issuer) return fail(Errc::malformed, "metadata of another issuer");
  if (metadata.authorizationEndpoint.empty() || metadata.tokenEndpoint.empty() || metadata.jwksUri.empty()) {
    return fail(Errc::malformed, "metadata without an authorization_endpoint, a token_endpoint or a jwks_uri");
  }
  metadata.requiresPushedRequests = isTrue(*json, "require_pushed_authorization_requests");
  metadata.namesItself = isTrue(*json, "authorization_response_iss_parameter_supported");
  return metadata;
}

struct OpenIdProvider::State {
  explicit State(OpenIdProviderOptions checkedOptions)
      : options(std::move(checkedOptions)),
        metadata(std::make_shared<SharedDocument<ProviderMetadata>>(
            [options = options,
             transport = detail::asynchronous(options.transport, options.asyncTransport)](const auto& done) {
              get(options, transport, discoveryUrl(options.issuer), [options, done](const Result<std::string>& body) {
                if (!body) return done(body.error());
                done(readProviderMetadata(*body, options.issuer, options.allowHttpOnLoopback));
              });
            },
            options.keep, options.now)),
        keys(std::make_shared<SharedDocument<KeySet>>(
            [options = options, transport = detail::asynchronous(options.transport, options.asyncTransport),
             metadata = metadata](const auto& done) {
              metadata->start(Freshness::Wanted::any, [options, transport, done](const auto& known) {
                if (!known) return done(known.error());
                get(options, transport, (*known)->jwksUri, [done](const Result<std::string>& body) {
                  done(body ? KeySet::parse(*body) : Result<KeySet>(body.error()));
                });
              });
            },
            options.keep, options.now)) {}

  const OpenIdProviderOptions options;
  const std::shared_ptr<SharedDocument<ProviderMetadata>> metadata;
  const std::shared_ptr<SharedDocument<KeySet>> keys;
};

OpenIdProvider::OpenIdProvider(OpenIdProviderOptions options)
    : state_(std::make_shared<const State>(checked(std::move(options)))) {}

const OpenIdProviderOptions& OpenIdProvider::options() const { return state_->options; }

void OpenIdProvider::startMetadata(std::function<void(Result<ProviderMetadata>)> done) const {
  state_->metadata->start(Freshness::Wanted::any, [done = std::move(done)](const auto& known) {
    done(known ? Result<ProviderMetadata>(**known) : Result<ProviderMetadata>(known.error()));
  });
}

void OpenIdProvider::startKeys(std::function<void(Result<KeySet>)> done) const {
  state_->keys->start(Freshness::Wanted::any, [done = std::move(done)](const auto& known) {
    done(known ? Result<KeySet>(**known) : Result<KeySet>(known.error()));
  });
}

template <class Token>
void OpenIdProvider::startVerified(std::function<Result<Token>(const KeySet&)> verifyWith,
                                   std::function<void(Result<Token>)> given) const {
  const auto done =
      detail::exactlyOnce<Result<Token>>(std::move(given), fail(Errc::transport, "a token could not be verified"));
  state_->keys->start(Freshness::Wanted::any, [state = state_, verifyWith, done](const auto& keys) {
    if (!keys) return done(keys.error());
    Result<Token> verified = verifyWith(**keys);
    // A key may be renewed under its old id, or have none.
    const Errc code = verified ? Errc::cancelled : verified.error().code;
    if (code != Errc::unknownKey && code != Errc::tampered) return done(std::move(verified));
    state->keys->start(Freshness::Wanted::newer, [verifyWith, done, keys = *keys, verified](const auto& newer) {
      if (!newer) return done(newer.error());
      done(*newer == keys ? verified : verifyWith(**newer));
    });
  });
}

void OpenIdProvider::startVerify(std::string token, IdTokenRules rules, TimePoint now,
                                 std::function<void(Result<IdToken>)> done) const {
  if (rules.issuer.empty()) rules.issuer = state_->options.issuer;
  startVerified<IdToken>([token = std::move(token), rules = std::move(rules),
                          now](const KeySet& keys) { return verifyIdToken(token, keys, rules, now); },
                         std::move(done));
}

void OpenIdProvider::startVerifyLogout(std::string token, LogoutTokenRules rules, TimePoint now,
                                       std::function<void(Result<LogoutToken>)> done) const {
  if (rules.issuer.empty()) rules.issuer = state_->options.issuer;
  startVerified<LogoutToken>([token = std::move(token), rules = std::move(rules),
                              now](const KeySet& keys) { return verifyLogoutToken(token, keys, rules, now); },
                             std::move(done));
}

Result<ProviderMetadata> OpenIdProvider::metadata() const {
  return detail::waitFor<Result<ProviderMetadata>>([this](const auto& done) { startMetadata(done); },
                                                   fail(Errc::transport, "the transport has gone"));
}

Result<KeySet> OpenIdProvider::keys() const {
  return detail::waitFor<Result<KeySet>>([this](const auto& done) { startKeys(done); },
                                         fail(Errc::transport, "the transport has gone"));
}

Result<IdToken> OpenIdProvider::verify(std::string_view token, const IdTokenRules& rules, TimePoint now) const {
  const auto start = [&](const auto& done) { startVerify(std::string(token), rules, now, done); };
  return detail::waitFor<Result<IdToken>>(start, fail(Errc::transport, "the transport has gone"));
}

Result<LogoutToken> OpenIdProvider::verifyLogout(std::string_view token, const LogoutTokenRules& rules,
                                                 TimePoint now) const {
  const auto start = [&](const auto& done) { startVerifyLogout(std::string(token), rules, now, done); };
  return detail::waitFor<Result<LogoutToken>>(start, fail(Errc::transport, "the transport has gone"));
}

}  // namespace ironjar

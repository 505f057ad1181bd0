#include "base/ascii.hpp"
#include "base/completion.hpp"
#include "base/url.hpp"
#include "http/field.hpp"
#include "web/answer.hpp"
#include "web/fields.hpp"
#include "web/proxy_fields.hpp"
#include "web/proxy_path.hpp"
#include "web/websocket.hpp"

#include <algorithm>
#include <atomic>
#include <stdexcept>

#include <ironjar/tokens.hpp>
#include <ironjar/web.hpp>

namespace ironjar {
namespace {

constexpr const char* methods = "GET, HEAD, POST, PUT, PATCH, DELETE";

[[noreturn]] void refuse(const std::string& why) { throw std::invalid_argument("ironjar: Proxy: " + why); }

void requireValid(ProxyOptions& options, const std::string& own) {
  for (const std::string& name : options.setCookies) {
    if (name == own || name.starts_with(own + ".")) refuse("setCookies names the session's own cookie `" + name + "`");
  }
  for (std::string& name : options.responseFields) {
    name = detail::lower(name);
    if (!detail::isToken(name) || detail::isNeverForBrowser(name)) {
      refuse("responseFields: `" + name + "` never passes: leave it out");
    }
  }
  const WebSocketOptions& webSockets = options.webSockets;
  if (webSockets.idle.count() < 1 || webSockets.idle > std::chrono::hours{24 * 365}) {
    refuse("webSockets: idle is not positive, or over a year");
  }
  if (webSockets.checkSession.count() < 1 || webSockets.checkSession > std::chrono::seconds{30}) {
    refuse("webSockets: checkSession is not positive, or over 30 s");
  }
}

detail::ProxiedPart partOf(std::string prefix, std::string_view upstream, const Fetcher& fetcher) {
  const bool isPath = prefix.empty() || (prefix.starts_with('/') && !prefix.ends_with('/'));
  if (!isPath || prefix.find_first_of("?#%\\ ") != std::string::npos || climbs(prefix)) {
    refuse("the prefix `" + prefix + "` is not a plain path such as /api, without a slash at its end");
  }
  const auto url = detail::parseUrl(upstream);
  if (!url || url->target.find('?') != std::string::npos || climbs(url->target)) {
    refuse("the upstream `" + std::string(upstream) + "` is not a URL such as https://api.example.com/v1");
  }
  const auto& allowed = fetcher.options().allowedOrigins;
  if (std::find(allowed.begin(), allowed.end(), url->origin) == allowed.end()) {
    refuse("the upstream's origin " + url->origin + " is not among FetchOptions::allowedOrigins");
  }
  std::string path = url->target;
  while (path.ends_with('/')) path.pop_back();
  return {.prefix = std::move(prefix), .origin = url->origin, .path = std::move(path)};
}

bool isMethod(std::string_view method) {
  const std::string list = std::string(", ") + methods + ",";
  return detail::isToken(method) && list.find(" " + std::string(method) + ",") != std::string::npos;
}

Response plain(int status) { return {.status = status}; }

}  // namespace

class Proxy::State {
 public:
  State(std::string prefix, const SessionJar& jar_, Fetcher fetcher_, std::string_view upstream, ProxyOptions options_)
      : jar(jar_),
        fetcher(std::move(fetcher_)),
        options(std::move(options_)),
        part(partOf(std::move(prefix), upstream, fetcher)) {
    requireValid(options, jar.options().cookieName);
  }

  [[nodiscard]] Headers fieldsForBrowser(const Response& response, std::string_view rest) const;
  [[nodiscard]] bool mayPass(const std::string& name, std::string_view value,
                             const detail::ConnectionOptions& hop) const;

  [[nodiscard]] std::variant<Request, Response> pass(const WebRequest& request, const Session& session) const;
  [[nodiscard]] Response switched(const WebRequest& request, Response response) const;

  const SessionJar jar;
  const Fetcher fetcher;
  ProxyOptions options;
  const detail::ProxiedPart part;
  const std::shared_ptr<std::atomic<std::size_t>> openWebSockets = std::make_shared<std::atomic<std::size_t>>(0);
};

Proxy::Proxy(std::string prefix, const SessionJar& jar, Fetcher fetcher, std::string_view upstream,
             ProxyOptions options)
    : state_(std::make_shared<const State>(std::move(prefix), jar, std::move(fetcher), upstream, std::move(options))) {}

Response Proxy::answer(const WebRequest& request, Session& session) const {
  auto next = upstreamRequest(request, session);
  if (auto* const answer = std::get_if<Response>(&next)) return std::move(*answer);
  return forBrowser(request, state_->fetcher.performFetch(session, std::get<Request>(std::move(next))));
}

std::variant<Request, Response> Proxy::upstreamRequest(const WebRequest& request, const Session& session) const {
  if (!isMethod(request.method)) return Response{.status = 405, .headers = {{"Allow", methods}}};
  if (asksForWebSocket(request)) return detail::answer(501, "websocket_unsupported");
  const bool isSafe = request.method == "GET" || request.method == "HEAD";
  if (!isSafe && !isSameOrigin(request, state_->options.origins)) return crossSiteAnswer();
  // An API that does not read it would take it for the next request (RFC 9110 section 9.3.1).
  if (isSafe && (request.bodyFollows || !request.body.empty())) return plain(400);
  return state_->pass(request, session);
}

std::variant<Request, Response> Proxy::webSocketRequest(const WebRequest& request, const Session& session) const {
  const WebSocketOptions& options = state_->options.webSockets;
  if (options.maxOpen == 0 || !asksForWebSocket(request)) return detail::answer(501, "websocket_unsupported");
  if (auto refusal = detail::refuseWebSocket(request, state_->options.origins)) return *std::move(refusal);
  if (*state_->openWebSockets >= options.maxOpen) return answerFor(fail(Errc::overloaded));
  auto next = state_->pass(request, session);
  if (auto* const out = std::get_if<Request>(&next)) {
    for (auto& field : detail::webSocketFields(request)) out->headers.push_back(std::move(field));
    out->upgrade = "websocket";
    out->streamsResponse = out->freshConnection = true;
  }
  return next;
}

std::variant<Request, Response> Proxy::State::pass(const WebRequest& request, const Session& session) const {
  const auto rest = detail::behindPrefix(request.target, part.prefix);
  if (!rest) return plain(404);
  if (climbs(*rest)) return plain(400);
  if (!options.anonymous && !session.tokens(fetcher.options().tokenEndpoint.resource)) {
    const bool hasEnded = session.rejection() && session.rejection()->code == Errc::expired;
    return answerFor(fail(hasEnded ? Errc::expired : Errc::loginRequired), request, options.errors);
  }
  Request out{.method = std::string(request.method), .url = part.origin + part.path + std::string(*rest)};
  const detail::ConnectionOptions hop(request.fields);
  for (const auto& [name, value] : request.fields) {
    if (detail::isForUpstream(name, value) && !hop.name(name)) out.headers.emplace_back(name, value);
  }
  out.body = request.body;
  return out;
}

Response Proxy::forBrowser(const WebRequest& request, Result<Response> response) const {
  if (!response) {
    if (response.error().code == Errc::malformed) return plain(400);
    return answerFor(response.error(), request, state_->options.errors);
  }
  if (response->status == 101) return state_->switched(request, *std::move(response));
  const std::string_view rest = detail::behindPrefix(request.target, state_->part.prefix).value_or("");
  return {.status = response->status,
          .headers = state_->fieldsForBrowser(*response, rest),
          .body = std::move(response->body),
          .bodyReader = std::move(response->bodyReader),
          .asyncBodyReader = std::move(response->asyncBodyReader),
          .trace = response->trace};
}

Response Proxy::State::switched(const WebRequest& request, Response response) const {
  auto fields = response.upgraded ? detail::webSocketAnswer(request, response) : std::nullopt;
  if (!fields) return answerFor(fail(Errc::transport, "the API switched protocols otherwise than it was asked"));
  const bool isFull = openWebSockets->fetch_add(1) >= options.webSockets.maxOpen;
  const std::shared_ptr<const void> place(nullptr, [open = openWebSockets](const void*) { open->fetch_sub(1); });
  if (isFull) return answerFor(fail(Errc::overloaded));
  for (const auto& [name, value] : response.headers) {
    if (!detail::equalIgnoringCase(name, "Set-Cookie")) continue;
    if (auto cookie = detail::cookieForBrowser(value, options.setCookies)) {
      fields->emplace_back("Set-Cookie", *std::move(cookie));
    }
  }
  response.headers = *std::move(fields);
  response.upgraded->checkEvery = options.webSockets.checkSession;
  response.upgraded->idle = options.webSockets.idle;
  response.upgraded->holds = place;
  return response;
}

namespace {

// Whether the session of a WebSocket goes on. It goes on with the tokens of the login's other requests: what has become
// of tokens is known for a while.
struct Watched {
  Session session;
  std::optional<TimePoint> end;
  bool isOver;
  CommitHook<Session> follow;
  SessionJar jar;

  void hasEnded(const std::shared_ptr<Watched>& self, std::function<void(bool)> done) {
    const SessionOptions& options = jar.options();
    if (isOver || (end && *end <= options.seal.now())) return done(true);
    // What is dropped, or throws, says no more: then the WebSocket is closed.
    const auto asked = [self, done = detail::exactlyOnce<bool>(std::move(done), true)](Revoked revoked) {
      if (revoked == Revoked::yes) return done(true);
      self->follow(self->session);
      done(self->session.detached());
    };
    if (options.isRevoked.asynchronous()) return options.isRevoked.asynchronous()(session, asked);
    asked(options.isRevoked ? options.isRevoked(session) : Revoked::no);
  }
};

}  // namespace

void Proxy::startEndWithSession(std::string cookieHeader, Response answer, std::function<void(Response)> done) const {
  if (!answer.upgraded) return done(std::move(answer));
  done = detail::exactlyOnce<Response>(std::move(done), internalErrorAnswer());
  std::vector<CookiePair> written;
  for (const auto& [name, value] : answer.headers) {
    const auto pairs = detail::equalIgnoringCase(name, "Set-Cookie") ? parseCookies(value) : std::vector<CookiePair>();
    if (!pairs.empty()) written.push_back(pairs.front());
  }
  const auto end = [state = state_, answer = std::make_shared<Response>(std::move(answer)), done = std::move(done)](
                       const Session& renewed, Session session) {
    const auto until = renewed.empty() ? session.expiresAt() : renewed.expiresAt();
    const bool isOver = !state->options.anonymous && !session.tokens(state->fetcher.options().tokenEndpoint.resource);
    const auto follow = state->fetcher.commitHooks().before;  // which only looks, for a session that is not destroyed
    follow(session);
    const auto watched = std::make_shared<Watched>(Watched{std::move(session), until, isOver, follow, state->jar});
    answer->upgraded->hasEnded = [watched](std::function<void(bool)> told) {
      watched->hasEnded(watched, std::move(told));
    };
    done(std::move(*answer));
  };
  state_->jar.startOpen(
      joinCookies(written), [state = state_, cookieHeader = std::move(cookieHeader), end](const Session& renewed) {
        state->jar.startOpen(cookieHeader, [renewed, end](Session session) { end(renewed, std::move(session)); });
      });
}

bool Proxy::State::mayPass(const std::string& name, std::string_view value,
                           const detail::ConnectionOptions& hop) const {
  if (hop.name(name) || !detail::isToken(name) || !detail::isFieldValue(value)) return false;
  const auto& more = options.responseFields;
  return detail::isForBrowser(name) || std::find(more.begin(), more.end(), name) != more.end();
}

// No caching: what made the answer private, the request's Authorization (RFC 9111 section 3.5), is not on this side.
Headers Proxy::State::fieldsForBrowser(const Response& response, std::string_view rest) const {
  const detail::ConnectionOptions hop(response.headers);
  Headers out;
  std::optional<std::string_view> type;
  std::vector<std::string_view> locations;
  for (const auto& [given, value] : response.headers) {
    const std::string name = detail::lower(given);
    if (name == "content-type" && type) continue;
    if (name == "location" && !hop.name(name)) locations.push_back(value);
    if (name == "set-cookie" && !hop.name(name)) {
      if (auto cookie = detail::cookieForBrowser(value, options.setCookies)) {
        out.emplace_back("Set-Cookie", *std::move(cookie));
      }
    }
    if (!mayPass(name, value, hop)) continue;
    if (name == "content-type") type = value;
    out.emplace_back(given, value);
  }
  if (locations.size() == 1) {
    if (auto mapped = detail::mappedLocation(locations.front(), part, rest)) {
      out.emplace_back("Location", *std::move(mapped));
    }
  }
  out.emplace_back("X-Content-Type-Options", "nosniff");
  if (options.sandboxDocuments && detail::isDocument(type)) out.emplace_back("Content-Security-Policy", "sandbox");
  out.emplace_back("Cache-Control", "no-store");
  out.emplace_back("Vary", "Cookie");
  return out;
}

}  // namespace ironjar

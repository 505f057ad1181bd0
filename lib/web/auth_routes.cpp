#include "base/completion.hpp"
#include "web/answer.hpp"
#include "web/return_to.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <stdexcept>

#include <ironjar/session_registry.hpp>
#include <ironjar/tokens.hpp>
#include <ironjar/web.hpp>

namespace ironjar {
namespace {

// At most one in an interval for each session.
class RateLimit {
 public:
  explicit RateLimit(Seconds interval) : interval_(interval) {}

  [[nodiscard]] bool admits(const Session& session) {
    const auto now = std::chrono::steady_clock::now();
    const std::lock_guard lock(mutex_);
    // Forgets what has lapsed whenever it has doubled, so that the work per call stays constant.
    if (last_.size() >= 2 * kept_) {
      std::erase_if(last_, [&](const auto& entry) { return now - entry.second >= interval_; });
      kept_ = std::max<std::size_t>(1000, last_.size());
    }
    const auto [entry, isNew] = last_.try_emplace(keyOf(session), now);
    if (!isNew && now - entry->second < interval_) return false;
    entry->second = now;
    return true;
  }
  // A refresh has just given the session another refresh token.
  void follow(const Session& session) {
    const std::lock_guard lock(mutex_);
    last_.insert_or_assign(keyOf(session), std::chrono::steady_clock::now());
  }

 private:
  // By its refresh token, since an Fe26.2 session's id changes with each rewrite.
  static std::size_t keyOf(const Session& session) {
    const auto tokens = session.tokens();
    return std::hash<std::string>()(tokens ? tokens->refreshToken : session.id());
  }

  const Seconds interval_;
  std::mutex mutex_;
  std::size_t kept_ = 1000;
  std::map<std::size_t, std::chrono::steady_clock::time_point> last_;
};

constexpr std::string_view sessionsPath = "/sessions";

bool isOfSessions(std::string_view path, std::string_view method) {
  const bool isList = path == sessionsPath;
  if (method == "DELETE") return isList || path.substr(0, sessionsPath.size() + 1) == "/sessions/";
  return isList && (method == "GET" || method == "HEAD");
}

AuthOptions checked(AuthOptions options) {
  if (options.refreshInterval < Seconds{0})
    throw std::invalid_argument("ironjar: AuthOptions: refreshInterval is negative");
  return options;
}

}  // namespace

class AuthRoutes::State {
 public:
  State(Fetcher fetcher_, AuthOptions options_)
      : fetcher(std::move(fetcher_)), options(checked(std::move(options_))), limit(options.refreshInterval) {}

  const Fetcher fetcher;
  const AuthOptions options;
  RateLimit limit;

  [[nodiscard]] bool isOver(const Session& session) const {
    return session.rejection() || session.destroyed() || fetcher.endOf(session);
  }
  // By the application's rule, if it names one.
  void putPlace(Json& status, const Session& session) const {
    if (!options.redirectTo) return;
    const std::string place = detail::safeReturnTo(options.redirectTo(session, status), "");
    if (!place.empty()) status["redirectTo"] = place;
  }
  // To an answer that says the login is over. `superseded` does not.
  void putPlace(Response& refusal, const Session& session) const {
    if (refusal.status != 401) return;
    Json body = Json::parse(refusal.body);
    if (body["reason"] == "superseded") return;
    body["authenticated"] = false;
    putPlace(body, session);
    body.erase("authenticated");
    refusal.body = body.dump();
  }
};

std::function<Json(const Session&)> claimsNamed(std::vector<std::string> names) {
  return [names = std::move(names)](const Session& session) {
    Session bare = session;
    bare.eraseTokens();
    Json claims = Json::object();
    for (const std::string& name : names) {
      const auto claim = bare.data().find(name);
      if (claim != bare.data().end()) claims[name] = *claim;
    }
    return claims;
  };
}

AuthRoutes::AuthRoutes(Fetcher fetcher, AuthOptions options)
    : state_(std::make_shared<State>(std::move(fetcher), std::move(options))) {}

Response AuthRoutes::status(const Session& session) const {
  const Fetcher& fetcher = state_->fetcher;
  auto tokens = session.tokens(fetcher.options().tokenEndpoint.resource);
  const bool isOver = state_->isOver(session);
  if (isOver) tokens.reset();
  Json status = {{"authenticated", tokens.has_value()}, {"expiresIn", nullptr}, {"refreshAt", nullptr}};
  if (tokens && tokens->expiresAt) {
    const auto left = std::chrono::floor<Seconds>(*tokens->expiresAt - fetcher.options().now());
    status["expiresIn"] = std::max<std::int64_t>(0, left.count());
  }
  if (const auto time = tokens ? fetcher.refreshAt(session) : std::nullopt) {
    status["refreshAt"] = std::chrono::floor<Seconds>(time->time_since_epoch()).count();
  }
  const auto& claims = state_->options.claims;
  if (tokens && claims) status["claims"] = claims(session);
  if (!tokens) status["reason"] = isOver ? "session_expired" : "login_required";
  state_->putPlace(status, session);
  return {.status = 200,
          .headers = {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}},
          .body = status.dump()};
}

std::optional<AuthRoutes::Route> AuthRoutes::routeOf(const WebRequest& request) const {
  const std::string& prefix = state_->options.prefix;
  std::string_view path = request.target.substr(0, request.target.find('?'));
  if (!path.starts_with(prefix)) return std::nullopt;
  path.remove_prefix(prefix.size());
  if (path == "/status" && (request.method == "GET" || request.method == "HEAD")) return Route::status;
  if (path == "/refresh" && request.method == "POST") return Route::refresh;
  if (path == "/logout" && request.method == "POST") return Route::logout;
  if (state_->options.sessions && isOfSessions(path, request.method)) return Route::sessions;
  return std::nullopt;
}

Response AuthRoutes::refresh(const WebRequest& request, Session& session) const {
  if (auto refusal = refuseRefresh(request, session)) return *std::move(refusal);
  const auto refreshed = state_->fetcher.refresh(session);
  return afterRefresh(session, refreshed);
}

std::optional<Response> AuthRoutes::refuseRefresh(const WebRequest& request, const Session& session) const {
  if (!isSameOrigin(request, state_->options.origins)) return crossSiteAnswer();
  if (!session.tokens() || state_->limit.admits(session)) return std::nullopt;
  Response response = detail::answer(429, "too_many_requests");
  response.headers.emplace_back("Retry-After", std::to_string(state_->options.refreshInterval.count()));
  return response;
}

Response AuthRoutes::afterRefresh(const Session& session, const Result<RefreshedBy>& refreshed) const {
  if (!refreshed) {
    Response refusal = answerFor(refreshed.error());
    state_->putPlace(refusal, session);
    return refusal;
  }
  state_->limit.follow(session);
  return status(session);
}

Response AuthRoutes::logout(const WebRequest& request, Session& session) const {
  if (!isSameOrigin(request, state_->options.origins)) return crossSiteAnswer();
  state_->fetcher.signOut(session);
  return {.status = 204};
}

namespace {

Response listAnswer(const std::vector<ListedSession>& listed) {
  const auto secondsOf = [](TimePoint time) { return std::chrono::floor<Seconds>(time.time_since_epoch()).count(); };
  Json sessions = Json::array();
  for (const ListedSession& each : listed) {
    sessions.push_back({{"id", each.id},
                        {"startedAt", secondsOf(each.startedAt)},
                        {"lastSeen", secondsOf(each.lastSeen)},
                        {"label", each.label},
                        {"current", each.isCurrent}});
  }
  std::string body;
  const std::string text = Json{{"sessions", std::move(sessions)}}.dump();
  for (const char c : text) {
    // They are in texts alone. So the answer may stand in a page's script.
    c == '<' ? body += "\\u003c" : c == '>' ? body += "\\u003e" : c == '&' ? body += "\\u0026" : body += c;
  }
  return {.status = 200,
          .headers = {{"Content-Type", "application/json"},
                      {"Cache-Control", "no-store"},
                      {"X-Content-Type-Options", "nosniff"}},
          .body = std::move(body)};
}

}  // namespace

void AuthRoutes::startSessions(const WebRequest& request, const Session& session,
                               std::function<void(Response)> done) const {
  const auto& own = state_->options.sessions;
  if (!own || routeOf(request) != Route::sessions) return done({.status = 404});
  const bool isList = request.method != "DELETE";
  if (!isList && !isSameOrigin(request, state_->options.origins)) return done(crossSiteAnswer());
  if (state_->isOver(session)) return done(answerFor(fail(Errc::expired)));
  if (!session.tokens()) return done(answerFor(fail(Errc::loginRequired)));
  if (isList) {
    return own->startList(session, [own, done](const Result<std::vector<ListedSession>>& listed) {
      done(listed ? listAnswer(*listed) : answerFor(listed.error()));
    });
  }
  std::string_view path = request.target.substr(0, request.target.find('?'));
  path.remove_prefix(state_->options.prefix.size() + sessionsPath.size());
  if (path.empty()) {
    return own->startEndOthers(session, [own, done](const Result<std::size_t>& ended) {
      done(ended ? Response{.status = 204} : answerFor(ended.error()));
    });
  }
  const std::string id(path.substr(1));
  if (id == session.tag()) return done(detail::answer(409, "current_session"));
  own->startEnd(session, id, [own, done](const Result<bool>& isEnded) {
    if (!isEnded) return done(answerFor(isEnded.error()));
    done(*isEnded ? Response{.status = 204} : detail::answer(404, "no_such_session"));
  });
}

Response AuthRoutes::sessions(const WebRequest& request, const Session& session) const {
  return detail::waitFor<Response>([&](auto done) { startSessions(request, session, std::move(done)); },
                                   answerFor(fail(Errc::overloaded)));
}

void AuthRoutes::startLogout(const WebRequest& request, Session& session, std::function<void(Response)> done) const {
  if (!isSameOrigin(request, state_->options.origins)) return done(crossSiteAnswer());
  state_->fetcher.startSignOut(session, [done = std::move(done)] { done({.status = 204}); });
}

}  // namespace ironjar

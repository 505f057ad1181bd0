#include "base/ascii.hpp"
#include "base/completion.hpp"
#include "base/notify.hpp"
#include "base/time.hpp"
#include "base/url.hpp"
#include "base/url_path.hpp"
#include "fetch/fetch_operation.hpp"
#include "fetch/fetch_plan.hpp"
#include "fetch/session_tokens.hpp"
#include "http/field.hpp"
#include "oauth/dpop.hpp"
#include "oauth/token_endpoint.hpp"
#include "refresh/policy.hpp"

#include <algorithm>
#include <stdexcept>
#include <thread>
#include <utility>

#include <ironjar/fetch.hpp>

namespace ironjar {
namespace {

constexpr Seconds longestAhead{2};  // waited for a refresh while the access token is still good

[[noreturn]] void refuse(const std::string& why) { throw std::invalid_argument("ironjar: FetchOptions: " + why); }

void requireValid(FetchOptions& options) {
  if (!options.transport) refuse("transport and asyncTransport are empty: httplibTransport() makes one");
  if (options.allowedOrigins.empty()) refuse("allowedOrigins is empty: list the origins that may see tokens");
  for (std::string& origin : options.allowedOrigins) {
    const auto url = detail::parseUrl(origin);
    if (!url || url->target != "/") {
      refuse("allowedOrigins: `" + origin + "` is not an origin such as https://api.example.com");
    }
    if (!url->https && !(options.allowHttpOnLoopback && url->isLoopback())) {
      refuse("allowedOrigins: `" + origin +
             "` must be https, as it sees access tokens; allowHttpOnLoopback permits http on this machine");
    }
    origin = url->origin;
  }
  if (options.timeout <= Seconds{0} || options.timeout > detail::longestTime) refuse("timeout is out of range");
  if (options.settleDelay.count() < 0) refuse("settleDelay is negative");
  if (options.refreshThreshold < Seconds{0} || options.refreshThreshold > detail::longestTime) {
    refuse("refreshThreshold is out of range");
  }
  for (const std::string& name : options.cookies) {
    const auto& others = options.tokenEndpoint.cookies;
    if (std::find(others.begin(), others.end(), name) != others.end()) {
      refuse("cookies and tokenEndpoint.cookies both name `" + name + "`: which one would count?");
    }
  }
  for (std::string& path : options.excludedPaths) {
    if (!path.starts_with('/')) refuse("excludedPaths: `" + path + "` does not start with `/`");
    path = detail::normalizedPath(path);
  }
  const bool isFree = detail::isToken(options.tokenHeader) && !isTransportField(options.tokenHeader) &&
                      !detail::equalIgnoringCase(options.tokenHeader, "Cookie") &&
                      !detail::equalIgnoringCase(options.tokenHeader, "DPoP");
  if (!isFree) refuse("tokenHeader is no header that may carry a token");
  if (!options.tokenScheme.empty() && !detail::isToken(options.tokenScheme)) refuse("tokenScheme is not one word");
  if (!options.now) refuse("now is empty: leave it out for the system's clock");
  if (options.refresh && !options.refresh->call) {
    refuse("refresh.call is empty: leave `refresh` out for tokenEndpoint.url");
  }
  if (options.refresh && options.refresh->client.empty()) {
    refuse("refresh.client is empty: name what it asks, since other Fetchers may share the coordinator");
  }
  options.refresh ? detail::requireValidBesidesUrl(options.tokenEndpoint) : detail::requireValid(options.tokenEndpoint);
}

FetchOptions prepared(FetchOptions options) {
  if (!options.transport && options.asyncTransport) options.transport = blocking(options.asyncTransport);
  requireValid(options);
  if (!options.coordinator) options.coordinator = std::make_shared<LocalCoordinator>();
  return options;
}

}  // namespace

class Fetcher::State {
 public:
  explicit State(FetchOptions given)
      : options(std::make_shared<const FetchOptions>(prepared(std::move(given)))), sessionTokens(*options) {}

  const std::shared_ptr<const FetchOptions> options;
  const detail::SessionTokens sessionTokens;
  const std::shared_ptr<detail::Timer> timer = std::make_shared<detail::Timer>();             // of startFetch's waits
  const std::unique_ptr<detail::DpopNonces> nonces = std::make_unique<detail::DpopNonces>();  // of allowedOrigins

  // Of a request that the plan has sent: its URL was checked.
  [[nodiscard]] static std::string originOf(const Request& request) { return detail::parseUrl(request.url)->origin; }
  [[nodiscard]] Deadline deadline() const { return detail::monotonicNow() + options->timeout; }
  [[nodiscard]] detail::SessionFacts factsOf(const Session& session) const {
    return factsOf(session, sessionTokens.tokens(session));
  }
  [[nodiscard]] detail::SessionFacts factsOf(const Session& session, std::optional<TokenSet> tokens) const {
    detail::SessionFacts facts{.tokens = std::move(tokens), .id = session.id()};
    facts.isGood = facts.tokens && sessionTokens.isGood(*facts.tokens);
    facts.hasEnded = session.rejection() && session.rejection()->code == Errc::expired;
    if (facts.tokens && !facts.tokens->dpopKey.empty()) {
      facts.prove = [this, key = facts.tokens->dpopKey, token = facts.tokens->accessToken](Request& request) {
        return detail::prove(request, key, token, nonces->of(originOf(request)), options->now);
      };
    }
    return facts;
  }
};

class Fetch::State {
 public:
  State(std::shared_ptr<const Fetcher::State> fetcher, Session& session, Request request, std::optional<Deadline> limit)
      : fetcher_(std::move(fetcher)),
        session_(session),
        limit_(limit),
        plan_(fetcher_->options, limited(std::move(request))),
        deadline_(nextDeadline()) {}

  Step begin() {
    if (std::exchange(hasBegun_, true)) throw std::logic_error("ironjar: a fetch was begun twice");
    if (auto refused = detail::refusalOf(plan_.request(), *fetcher_->options)) return Return{*std::move(refused)};
    const detail::SessionTokens& tokens = fetcher_->sessionTokens;
    std::optional<TokenSet> held = tokens.tokens(session_);
    const Result<RefreshedBy> caughtUp = tokens.catchUp(session_, held);
    if (!caughtUp) return Return{caughtUp.error()};
    detail::SessionFacts facts = fetcher_->factsOf(session_, std::move(held));
    facts.isDue = facts.tokens && tokens.isDue(*facts.tokens);
    facts.caughtUp = *caughtUp;
    return told(plan_.begin(facts));
  }
  Step answered(Result<Response> response) {
    // What follows has its own time: the upload may have taken any.
    if (response && sent_ != nullptr && hasStreamedBody(*sent_)) deadline_ = nextDeadline();
    if (plan_.isFinal(response)) return told(plan_.answered(std::move(response), {}));  // spares a copy of the tokens
    detail::SessionFacts facts = fetcher_->factsOf(session_);
    if (facts.prove && response && sent_ != nullptr) {
      facts.hasNewNonce = fetcher_->nonces->take(Fetcher::State::originOf(*sent_), *response, detail::DpopServer::api);
    }
    return told(plan_.answered(std::move(response), facts));
  }
  void startRefresh(std::stop_token stop, std::function<void(Step)> done) {
    plan_.expectRefresh();  // before a refresh token is spent
    if (std::exchange(isRefreshing_, true)) throw std::logic_error("ironjar: a fetch was told twice to refresh");
    const detail::SessionTokens& tokens = fetcher_->sessionTokens;
    const std::optional<TokenSet> held = tokens.tokens(session_);
    const Deadline deadline = isPatient_ ? deadline_ : std::min(deadline_, detail::monotonicNow() + longestAhead);
    const auto refreshed = [this, done = std::move(done)](const Result<RefreshedBy>& by) {
      isRefreshing_ = false;
      done(afterRefresh(by));
    };
    if (!held) return refreshed(fail(Errc::loginRequired, "the session has no tokens"));
    tokens.startRenewing(session_, *held, trigger_, {deadline, std::move(stop)}, refreshed);
  }
  Step waited() { return told(plan_.waited(fetcher_->factsOf(session_))); }

 private:
  // A streamed body takes its time, as long as it moves; not past what the caller has said.
  [[nodiscard]] Request limited(Request request) const {
    const bool moves = hasStreamedBody(request) && !limit_;
    request.uploadIdle = moves ? fetcher_->options->timeout : Seconds{0};
    return request;
  }
  [[nodiscard]] Deadline nextDeadline() const {
    return std::min<Deadline>(limit_.value_or(Deadline::max()), fetcher_->deadline());
  }
  [[nodiscard]] Deadline deadlineOf(const Request& request) const {
    return hasStreamedBody(request) ? limit_.value_or(deadline_) : deadline_;
  }

  // Whoever waits for it cannot be thrown at.
  Step afterRefresh(const Result<RefreshedBy>& by) {
    try {
      return told(plan_.refreshed(by, fetcher_->factsOf(session_)));
    } catch (...) {
      return Return{fail(Errc::malformed, "the application's code threw an exception")};
    }
  }

  // The plan's step as the caller's.
  Step told(detail::FetchPlan::Step step) {
    using Plan = detail::FetchPlan;
    if (const auto* send = std::get_if<Plan::Send>(&step)) {
      sent_ = send->request;
      if (send->isRetry) {
        detail::notify(fetcher_->options->observer, [&] { return event::FetchRetried{session_.tag(), send->attempt}; });
      }
      return Send{send->request, deadlineOf(*send->request)};
    }
    if (const auto* refresh = std::get_if<Plan::Refresh>(&step)) {
      trigger_ = refresh->trigger;
      isPatient_ = refresh->isPatient;
      return Refresh{};
    }
    if (const auto* wait = std::get_if<Plan::Wait>(&step)) {
      return Wait{std::min(deadline_, detail::monotonicNow() + wait->time)};
    }
    auto& end = std::get<Plan::Return>(step);
    if (end.endsSession) session_.destroy();
    return Return{std::move(end.result)};
  }

  const std::shared_ptr<const Fetcher::State> fetcher_;
  Session& session_;
  const std::optional<Deadline> limit_;  // the caller's
  detail::FetchPlan plan_;
  Deadline deadline_;                                // of all but a streamed body
  const Request* sent_ = nullptr;                    // the plan's request that was sent last
  RefreshTrigger trigger_ = RefreshTrigger::expiry;  // of the Refresh that was asked for
  bool isPatient_ = true;
  bool hasBegun_ = false;
  bool isRefreshing_ = false;
};

Fetch::Fetch(std::unique_ptr<State> state) : state_(std::move(state)) {}
Fetch::Fetch(Fetch&&) noexcept = default;
Fetch& Fetch::operator=(Fetch&&) noexcept = default;
Fetch::~Fetch() = default;

Fetch::Step Fetch::begin() { return state_->begin(); }
Fetch::Step Fetch::answered(Result<Response> response) { return state_->answered(std::move(response)); }
Fetch::Step Fetch::refresh() {
  const auto start = [this](std::function<void(Step)> done) { state_->startRefresh({}, std::move(done)); };
  return detail::waitFor<Step>(start, Return{fail(Errc::refreshFailed, "the coordinator has gone")});
}
void Fetch::startRefresh(std::stop_token stop, std::function<void(Step)> done) {
  state_->startRefresh(std::move(stop), std::move(done));
}
Fetch::Step Fetch::waited() { return state_->waited(); }

Fetcher::Fetcher(FetchOptions options) : state_(std::make_shared<const State>(std::move(options))) {}

const FetchOptions& Fetcher::options() const { return *state_->options; }

Fetch Fetcher::fetch(Session& session, Request request, std::optional<Deadline> deadline) const {
  return Fetch(std::make_unique<Fetch::State>(state_, session, std::move(request), deadline));
}

Result<Response> Fetcher::performFetch(Session& session, Request request, std::optional<Deadline> deadline) const {
  Fetch fetch = this->fetch(session, std::move(request), deadline);
  for (Fetch::Step step = fetch.begin();;) {
    if (const auto* send = std::get_if<Fetch::Send>(&step)) {
      step = fetch.answered(state_->options->transport(*send->request, send->deadline));
    } else if (std::holds_alternative<Fetch::Refresh>(step)) {
      step = fetch.refresh();
    } else if (const auto* wait = std::get_if<Fetch::Wait>(&step)) {
      std::this_thread::sleep_until(wait->until);
      step = fetch.waited();
    } else {
      return std::move(std::get<Fetch::Return>(step).result);
    }
  }
}

Result<RefreshedBy> Fetcher::refresh(Session& session) const {
  const auto start = [&](std::function<void(Result<RefreshedBy>)> done) { startRefresh(session, std::move(done)); };
  return detail::waitFor<Result<RefreshedBy>>(start, fail(Errc::refreshFailed, "the coordinator has gone"));
}

void Fetcher::startRefresh(Session& session, std::function<void(Result<RefreshedBy>)> done,
                           const StartOptions& options) const {
  const detail::SessionTokens& sessionTokens = state_->sessionTokens;
  std::optional<TokenSet> tokens = sessionTokens.tokens(session);
  const auto now = [&done](Result<RefreshedBy> result) { detail::completeSafely(done, std::move(result)); };
  if (!tokens) return now(fail(Errc::loginRequired, "the session has no tokens"));
  Result<RefreshedBy> caughtUp = sessionTokens.catchUp(session, tokens);
  if (!caughtUp || *caughtUp == RefreshedBy::chain) return now(std::move(caughtUp));
  if (tokens->refreshToken.empty()) return now(fail(Errc::loginRequired, "the session has no refresh token"));
  const Deadline deadline = std::min(options.deadline.value_or(Deadline::max()), state_->deadline());
  sessionTokens.startRenewing(session, *tokens, RefreshTrigger::request, {deadline, options.stop}, std::move(done));
}

std::optional<TimePoint> Fetcher::refreshAt(const Session& session) const {
  const std::optional<TokenSet> tokens = state_->sessionTokens.tokens(session);
  const auto margin = tokens ? state_->sessionTokens.ahead(*tokens) : std::nullopt;
  if (!margin) return std::nullopt;
  return *tokens->expiresAt - std::chrono::duration_cast<TimePoint::duration>(*margin);
}

std::optional<RefreshEnd> Fetcher::endOf(const Session& session) const { return state_->sessionTokens.endOf(session); }

CommitHooks Fetcher::commitHooks() const {
  const auto before = [state = state_](Session& session) {
    if (session.destroyed()) return state->sessionTokens.end(state->sessionTokens.endingsOf(session));
    state->sessionTokens.catchUpQuietly(session);
  };
  const auto startBefore = [state = state_](Session& session, std::function<void()> done) {
    if (session.destroyed()) {
      return state->sessionTokens.startEnd(state->sessionTokens.endingsOf(session), std::move(done));
    }
    state->sessionTokens.catchUpQuietly(session);
    done();
  };
  const auto replaced = [state = state_](const Session& session) {
    const std::vector<FormerLogin> former = session.formerLogins();
    const bool isOver = former.empty() || session.destroyed() || session.detached();
    return isOver ? std::vector<detail::SessionTokens::Ending>()
                  : state->sessionTokens.endingsOf(former, session.tokens());
  };
  const auto after = [state = state_, replaced](const Session& session) {
    state->sessionTokens.end(replaced(session));
  };
  const auto startAfter = [state = state_, replaced](const Session& session, std::function<void()> done) {
    state->sessionTokens.startEnd(replaced(session), std::move(done));
  };
  return {.before = {before, startBefore}, .after = {after, startAfter}};
}

void Fetcher::signOut(Session& session) const {
  session.destroy();
  state_->sessionTokens.end(state_->sessionTokens.endingsOf(session));
}

void Fetcher::startSignOut(Session& session, std::function<void()> done) const {
  session.destroy();
  state_->sessionTokens.startEnd(state_->sessionTokens.endingsOf(session), std::move(done));
}

TokenSource Fetcher::tokenSource() const { return state_->sessionTokens.source(); }

void startFetch(const Fetcher& fetcher, Session& session, Request request, AsyncTransport transport,
                ResponseHandler done, const StartOptions& options) {
  Fetch fetch = fetcher.fetch(session, std::move(request), options.deadline);
  std::make_shared<detail::FetchOperation>(std::move(fetch), std::move(transport), fetcher.state_->timer, options.stop,
                                           std::move(done))
      ->begin();
}

}  // namespace ironjar

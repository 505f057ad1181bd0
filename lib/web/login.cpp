#include "base/url.hpp"
#include "oauth/token_call.hpp"
#include "web/answer.hpp"
#include "web/fields.hpp"
#include "web/login_operation.hpp"
#include "web/logout_plan.hpp"

#include <stdexcept>

namespace ironjar {
namespace {

using detail::LoginEnd;
using detail::LoginRuntime;
using Kind = LoginProblem::Kind;

int statusOf(Kind kind) {
  switch (kind) {
    case Kind::accessDenied:
      return 403;
    case Kind::interactionRequired:
      return 401;
    case Kind::unavailable:
      return 503;
    case Kind::refused:
      return 502;
    default:
      return 400;
  }
}

detail::LoginRuntime runtimeOf(const SessionJar& jar, LoginOptions given) {
  detail::LoginConfiguration login(jar, std::move(given));
  const LoginOptions& options = login.options;
  const OpenIdProviderOptions provider{.issuer = options.issuer,
                                       .transport = options.transport,
                                       .asyncTransport = options.asyncTransport,
                                       .timeout = options.tokenEndpoint.timeout,
                                       .allowHttpOnLoopback = options.allowHttpOnLoopback,
                                       .now = options.now};
  const Transport& transport = options.transport ? options.transport : blocking(options.asyncTransport);
  return {.login = login,
          .provider = OpenIdProvider(provider),
          .transport = detail::asynchronous(options.transport, options.asyncTransport),
          .timeout = options.tokenEndpoint.timeout,
          .revoke = detail::revokeCall(
              {.transport = transport, .asyncTransport = options.asyncTransport, .endpoint = options.tokenEndpoint})};
}

Response waitFor(const std::function<void(const ResponseHandler&)>& start) {
  auto response =
      detail::waitFor<Result<Response>>(start, fail(Errc::transport, "the transport has gone with the request"));
  return response ? *std::move(response) : internalErrorAnswer();
}

}  // namespace

std::string_view nameOf(Kind kind) noexcept {
  switch (kind) {
    case Kind::accessDenied:
      return "access_denied";
    case Kind::interactionRequired:
      return "interaction_required";
    case Kind::unavailable:
      return "temporarily_unavailable";
    case Kind::refused:
      return "login_refused";
    case Kind::unknownAttempt:
      return "unknown_attempt";
    case Kind::invalidAnswer:
      return "invalid_answer";
  }
  return "unknown";
}

struct Login::State {
  State(SessionJar sessions, LoginOptions options)
      : jar(std::move(sessions)), runtime(std::make_shared<const LoginRuntime>(runtimeOf(jar, std::move(options)))) {}

  [[nodiscard]] Response answer(const LoginProblem& problem) const {
    const auto& onProblem = runtime->login.options.onProblem;
    Response response = onProblem ? onProblem(problem) : detail::answer(statusOf(problem.kind), nameOf(problem.kind));
    eraseHeader(response.headers, "Cache-Control");
    response.headers.emplace_back("Cache-Control", "no-store");
    return response;
  }
  // What is answered at an end that is no Restart. The application's code runs in it.
  [[nodiscard]] Result<Response> answer(LoginEnd end) const {
    if (!end.step && end.step.error().code == Errc::cancelled) return end.step.error();
    if (!end.step) return internalErrorAnswer();
    if (auto* response = std::get_if<Response>(&*end.step)) return std::move(*response);
    try {
      return answer(std::get<LoginProblem>(*end.step));
    } catch (...) {
      return internalErrorAnswer();
    }
  }

  const SessionJar jar;
  const std::shared_ptr<const LoginRuntime> runtime;
  mutable detail::FrontChannelMeter frontChannel;
};

Login::Login(SessionJar jar, LoginOptions options)
    : state_(std::make_shared<const State>(std::move(jar), std::move(options))) {}

const SessionJar& Login::jar() const { return state_->jar; }
const LoginOptions& Login::options() const { return state_->runtime->login.options; }
const OpenIdProvider& Login::provider() const { return state_->runtime->provider; }

template <class Plan>
void Login::run(std::unique_ptr<Plan> plan, ResponseHandler done, const StartOptions& start) const {
  auto state = state_;
  const auto end = [state, done = std::move(done)](LoginEnd ended) mutable {
    auto answer = state->answer(std::move(ended));
    state.reset();  // who has waited for the end may destroy it
    done(std::move(answer));
  };
  std::make_shared<detail::LoginOperation<Plan>>(state->runtime, std::move(plan), start, end)->begin();
}

// ---- Beginning

void Login::begin(std::string cookies, const LoginRequest& attempt, bool isRestart, ResponseHandler done,
                  const StartOptions& start) const {
  run(std::make_unique<detail::BeginPlan>(state_->runtime->login, std::move(cookies), attempt, isRestart),
      std::move(done), start);
}

// What others wait for too is asked for here first: their operations would all go on on one thread.
Response Login::begin(const WebRequest& request, const LoginRequest& attempt) const {
  static_cast<void>(provider().metadata());
  return waitFor([&](const ResponseHandler& done) { begin(cookieHeader(request), attempt, false, done, {}); });
}

void Login::startBegin(const WebRequest& request, const LoginRequest& attempt, ResponseHandler done,
                       const StartOptions& start) const {
  requireAsync();
  begin(cookieHeader(request), attempt, false, std::move(done), start);
}

// ---- The callback

void Login::callback(const WebRequest& request, Session& session, const LoginRequest& anew, ResponseHandler done,
                     const StartOptions& start) const {
  detail::requireValid(anew);
  done = detail::exactlyOnce<Result<Response>>(std::move(done), internalErrorAnswer());
  const bool isPost = request.method == "POST";
  if (isPost && (!options().formPost || !detail::isForm(request))) {
    const Error why = fail(Errc::notAllowed, "an answer in a form that was not asked for");
    return done(state_->answer({Kind::invalidAnswer, why}));
  }
  const std::size_t query = std::min(request.target.find('?'), request.target.size() - 1);
  const std::string form(isPost ? request.body : request.target.substr(query + 1));
  std::string cookies = cookieHeader(request);
  Json members = options().members ? options().members(request) : Json();
  detail::CallbackPlan::Received received{cookies, form, std::move(members)};
  auto plan = std::make_unique<detail::CallbackPlan>(state_->runtime->login, std::move(received), session);
  const auto end = [login = std::make_shared<Login>(*this), cookies = std::move(cookies), anew, start,
                    done = std::move(done)](LoginEnd ended) mutable {
    auto finish = [due = std::move(ended.cookies), done = std::move(done)](Result<Response> answer) {
      if (answer) putSetCookies(answer->headers, due);
      done(std::move(answer));
    };
    const auto self = std::exchange(login, nullptr);
    const auto* restart = ended.step ? std::get_if<detail::Restart>(&*ended.step) : nullptr;
    if (restart != nullptr) {
      return self->begin(std::move(cookies), restart->request.value_or(anew), true, std::move(finish), start);
    }
    finish(self->state_->answer(std::move(ended)));
  };
  std::make_shared<detail::LoginOperation<detail::CallbackPlan>>(state_->runtime, std::move(plan), start, end)->begin();
}

Response Login::callback(const WebRequest& request, Session& session, const LoginRequest& anew) const {
  static_cast<void>(provider().keys());
  return waitFor([&](const ResponseHandler& done) { callback(request, session, anew, done, {}); });
}

void Login::startCallback(const WebRequest& request, Session& session, const LoginRequest& anew, ResponseHandler done,
                          const StartOptions& start) const {
  requireAsync();
  callback(request, session, anew, std::move(done), start);
}

// ---- Logouts

void Login::logout(const WebRequest& request, Session& session, const Fetcher& fetcher, const std::string& returnTo,
                   ResponseHandler done, const StartOptions& start) const {
  if (!isSameOrigin(request, options().origins)) return done(crossSiteAnswer());
  fetcher.startSignOut(session, [login = *this, returnTo, done = std::move(done), start] {
    login.run(std::make_unique<detail::LogoutPlan>(login.state_->runtime->login, returnTo), done, start);
  });
}

Response Login::logout(const WebRequest& request, Session& session, const Fetcher& fetcher,
                       const std::string& returnTo) const {
  return waitFor([&](const ResponseHandler& done) { logout(request, session, fetcher, returnTo, done, {}); });
}

void Login::startLogout(const WebRequest& request, Session& session, const Fetcher& fetcher,
                        const std::string& returnTo, ResponseHandler done, const StartOptions& start) const {
  requireAsync();
  logout(request, session, fetcher, returnTo, std::move(done), start);
}

Response Login::backChannelLogout(const WebRequest& request) const {
  requireRevoked();
  return waitFor([&](const ResponseHandler& done) {
    run(std::make_unique<detail::BackChannelPlan>(state_->runtime->login, request), done, {});
  });
}

void Login::startBackChannelLogout(const WebRequest& request, ResponseHandler done, const StartOptions& start) const {
  requireAsync();
  requireRevoked();
  run(std::make_unique<detail::BackChannelPlan>(state_->runtime->login, request), std::move(done), start);
}

void Login::frontChannelLogout(const WebRequest& request, Session& session, const Fetcher& fetcher,
                               ResponseHandler done, const StartOptions& start) const {
  requireRevoked();
  auto plan = std::make_unique<detail::FrontChannelPlan>(state_->runtime->login, state_->frontChannel, request);
  if (!plan->names(session)) return run(std::move(plan), std::move(done), start);
  const auto end = [fetcher, &session, done = std::move(done)](const Result<Response>& answer) {
    if (!answer || answer->status != 200) return done(answer);
    fetcher.startSignOut(session, [done, answer] { done(answer); });
  };
  run(std::move(plan), end, start);
}

Response Login::frontChannelLogout(const WebRequest& request, Session& session, const Fetcher& fetcher) const {
  return waitFor([&](const ResponseHandler& done) { frontChannelLogout(request, session, fetcher, done, {}); });
}

void Login::startFrontChannelLogout(const WebRequest& request, Session& session, const Fetcher& fetcher,
                                    ResponseHandler done, const StartOptions& start) const {
  requireAsync();
  frontChannelLogout(request, session, fetcher, std::move(done), start);
}

void Login::requireAsync() const {
  if (!options().asyncTransport) {
    throw std::invalid_argument("ironjar: LoginOptions: asyncTransport is empty, and what begins with start needs it");
  }
}

void Login::requireRevoked() const {
  if (!options().revoked) throw std::invalid_argument("ironjar: LoginOptions: revoked is empty, and a logout denies");
}

}  // namespace ironjar

#include "base/form.hpp"
#include "base/url.hpp"

#include <set>
#include <stdexcept>

#include <ironjar/login.hpp>

namespace ironjar {
namespace {

std::string_view pathOf(std::string_view target) { return target.substr(0, target.find_first_of("?#")); }

// The first of the query's.
std::string returnToIn(std::string_view target) {
  const std::size_t question = target.find('?');
  if (question == std::string_view::npos) return {};
  for (auto& [name, value] : detail::parseForm(target.substr(question + 1))) {
    if (name == "returnTo") return std::move(value);
  }
  return {};
}

}  // namespace

struct LoginRoutes::State {
  State(Login signingIn, Fetcher api, LoginRouteOptions given)
      : login(std::move(signingIn)),
        fetcher(std::move(api)),
        options(std::move(given)),
        callbackPath(detail::parseUrl(login.options().redirectUri)->path()) {
    const auto refuse = [](const char* why) { throw std::invalid_argument(std::string("ironjar: ") + why); };
    std::set<std::string_view> paths;
    for (const std::string* path : {&options.loginPath, &options.logoutPath, &callbackPath}) {
      if (!path->starts_with('/') || !paths.insert(*path).second) {
        refuse("LoginRouteOptions: loginPath, logoutPath and the callback are three paths");
      }
    }
    for (const std::string* path : {&options.backChannelLogoutPath, &options.frontChannelLogoutPath}) {
      if (path->empty()) continue;
      if (!path->starts_with('/') || !paths.insert(*path).second) {
        refuse("LoginRouteOptions: backChannelLogoutPath and frontChannelLogoutPath are paths of their own");
      }
      if (!login.options().revoked) refuse("LoginOptions: revoked is empty, and the provider's logouts need a list");
    }
    if (isOwn(login.options().returnTo)) refuse("LoginOptions: returnTo is a path of the login's own");
  }

  // Whether it leads to one of the routes.
  [[nodiscard]] bool isOwn(std::string_view target) const {
    const std::string_view path = pathOf(target);
    return !path.empty() && (path == options.loginPath || path == options.logoutPath || path == callbackPath ||
                             path == options.backChannelLogoutPath || path == options.frontChannelLogoutPath);
  }

  [[nodiscard]] LoginRequest attemptOf(Route route, const WebRequest& request) const {
    LoginRequest attempt = options.attempt ? options.attempt(request) : LoginRequest();
    if (route == Route::login && attempt.returnTo.empty()) attempt.returnTo = returnToIn(request.target);
    if (isOwn(attempt.returnTo)) attempt.returnTo.clear();
    return attempt;
  }

  const Login login;
  const Fetcher fetcher;
  const LoginRouteOptions options;
  const std::string callbackPath;
};

LoginRoutes::LoginRoutes(Login login, Fetcher fetcher, LoginRouteOptions options)
    : state_(std::make_shared<const State>(std::move(login), std::move(fetcher), std::move(options))) {}

const Login& LoginRoutes::login() const { return state_->login; }
const LoginRouteOptions& LoginRoutes::options() const { return state_->options; }
const std::string& LoginRoutes::callbackPath() const { return state_->callbackPath; }

std::optional<LoginRoutes::Route> LoginRoutes::routeOf(const WebRequest& request) const {
  const LoginRouteOptions& options = state_->options;
  const std::string_view path = pathOf(request.target);
  const bool isGet = request.method == "GET";
  const bool isPost = request.method == "POST";
  if (path.empty()) return std::nullopt;
  if (isGet && path == options.loginPath) return Route::login;
  if (isPost && path == options.logoutPath) return Route::logout;
  if (isPost && path == options.backChannelLogoutPath) return Route::backChannelLogout;
  if (isGet && path == options.frontChannelLogoutPath) return Route::frontChannelLogout;
  const bool isAnswer = isGet || (isPost && state_->login.options().formPost);
  return isAnswer && path == state_->callbackPath ? std::optional(Route::callback) : std::nullopt;
}

bool LoginRoutes::matches(const WebRequest& request) const {
  WebRequest asGet = request;
  if (request.method == "HEAD") asGet.method = "GET";
  return routeOf(asGet).has_value();
}

namespace {

// To what servers route here besides: HEAD as GET, and other spellings of a path.
Response notOfRoute(const LoginRoutes& routes, const WebRequest& request) {
  if (!routes.matches(request)) return {.status = 404};
  const bool takesForms = pathOf(request.target) == routes.callbackPath() && routes.login().options().formPost;
  return {.status = 405, .headers = {{"Allow", takesForms ? "GET, POST" : "GET"}}};
}

}  // namespace

Response LoginRoutes::answer(const WebRequest& request, Session& session) const {
  const auto route = routeOf(request);
  if (!route) return notOfRoute(*this, request);
  const Login& login = state_->login;
  switch (*route) {
    case Route::login:
      return login.begin(request, state_->attemptOf(*route, request));
    case Route::callback:
      return login.callback(request, session, state_->attemptOf(*route, request));
    case Route::logout:
      return login.logout(request, session, state_->fetcher, state_->options.afterLogout);
    case Route::backChannelLogout:
      return login.backChannelLogout(request);
    case Route::frontChannelLogout:
      return login.frontChannelLogout(request, session, state_->fetcher);
  }
  return {.status = 404};
}

void LoginRoutes::start(const WebRequest& request, Session& session, ResponseHandler done,
                        const StartOptions& start) const {
  const auto route = routeOf(request);
  if (!route) return done(notOfRoute(*this, request));
  const Login& login = state_->login;
  switch (*route) {
    case Route::login:
      return login.startBegin(request, state_->attemptOf(*route, request), std::move(done), start);
    case Route::callback:
      return login.startCallback(request, session, state_->attemptOf(*route, request), std::move(done), start);
    case Route::logout:
      return login.startLogout(request, session, state_->fetcher, state_->options.afterLogout, std::move(done), start);
    case Route::backChannelLogout:
      return login.startBackChannelLogout(request, std::move(done), start);
    case Route::frontChannelLogout:
      return login.startFrontChannelLogout(request, session, state_->fetcher, std::move(done), start);
  }
}

}  // namespace ironjar

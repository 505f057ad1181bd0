#include "base/form.hpp"
#include "base/url.hpp"

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
    const bool arePaths = options.loginPath.starts_with('/') && options.logoutPath.starts_with('/');
    const bool areThree = options.loginPath != options.logoutPath && callbackPath != options.loginPath &&
                          callbackPath != options.logoutPath;
    if (!arePaths || !areThree) {
      throw std::invalid_argument("ironjar: LoginRouteOptions: loginPath, logoutPath and the callback are three paths");
    }
    const std::string_view place = pathOf(login.options().returnTo);
    if (place == options.loginPath || place == options.logoutPath) {
      throw std::invalid_argument("ironjar: LoginOptions: returnTo is loginPath or logoutPath");
    }
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
  const std::string_view path = pathOf(request.target);
  const bool isGet = request.method == "GET";
  const bool isPost = request.method == "POST";
  if (isGet && path == state_->options.loginPath) return Route::login;
  if (isPost && path == state_->options.logoutPath) return Route::logout;
  const bool isAnswer = isGet || (isPost && state_->login.options().formPost);
  return isAnswer && path == state_->callbackPath ? std::optional(Route::callback) : std::nullopt;
}

Response LoginRoutes::answer(Route route, const WebRequest& request, Session& session) const {
  const LoginRouteOptions& options = state_->options;
  if (route == Route::logout) return state_->login.logout(request, session, state_->fetcher, options.afterLogout);
  LoginRequest attempt = options.attempt ? options.attempt(request) : LoginRequest();
  if (route == Route::login && attempt.returnTo.empty()) attempt.returnTo = returnToIn(request.target);
  const std::string_view path = pathOf(attempt.returnTo);
  if (path == options.loginPath || path == options.logoutPath) attempt.returnTo.clear();
  return route == Route::callback ? state_->login.callback(request, session, attempt)
                                  : state_->login.begin(request, attempt);
}

}  // namespace ironjar

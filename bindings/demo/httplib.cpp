// A web app on ironjar: sign in with OAuth, keep the tokens in a sealed cookie, call an API with them. This is the file
// to copy from.
#include "app.hpp"

#include "page.hpp"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <iomanip>
#include <iostream>
#include <memory>
#include <random>
#include <sstream>
#include <string_view>
#include <vector>

#include <ironjar/httplib.hpp>
#include <ironjar/ironjar.hpp>
#include <ironjar/prometheus.hpp>

namespace demo {

using ironjar::Session;

namespace {

// 128 bits from the operating system.
std::string randomText() {
  std::random_device entropy;
  std::ostringstream text;
  text << std::hex << std::setfill('0');
  for (int i = 0; i < 4; ++i) text << std::setw(8) << entropy();
  return text.str();
}

// For a value in a query (RFC 3986 section 2.3).
std::string percentEncoded(std::string_view text) {
  std::ostringstream out;
  out << std::hex << std::uppercase << std::setfill('0');
  for (const char c : text) {
    const bool isUnreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                              std::string_view("-._~").find(c) != std::string_view::npos;
    if (isUnreserved) {
      out << c;
    } else {
      out << '%' << std::setw(2) << static_cast<unsigned>(static_cast<unsigned char>(c));
    }
  }
  return out.str();
}

// The `state`s of logins that this browser has begun, in a cookie of their own: a login that nobody finishes leaves the
// session as it is, and each tab has its own.
class PendingLogins {
  static constexpr std::size_t mostTabs = 8;
  using States = std::vector<std::string>;

 public:
  explicit PendingLogins(const ironjar::Passwords& passwords)
      : jar_({.cookieName = "__Host-demo-login",
              .passwords = passwords,
              .seal = {.ttl = std::chrono::minutes{10}, .purpose = "login"}}) {}

  // A new one; the oldest makes room.
  std::string begin(const httplib::Request& request, httplib::Response& response) const {
    Session session = jar_.open(ironjar::cookieHeader(request));
    States states = session.get<States>("states").value_or(States());
    if (states.size() >= mostTabs) states.erase(states.begin());
    states.push_back(randomText());
    session.set("states", states);
    if (const auto cookies = jar_.commit(session)) ironjar::setCookies(response, *cookies);
    return states.back();
  }

  // Whether the browser has begun a login with the state that came back. That one is used up; a wrong one changes
  // nothing.
  bool finish(const httplib::Request& request, httplib::Response& response) const {
    Session session = jar_.open(ironjar::cookieHeader(request));
    States states = session.get<States>("states").value_or(States());
    const auto found = std::find(states.begin(), states.end(), request.get_param_value("state"));
    if (found == states.end()) return false;
    states.erase(found);
    session.set("states", states);
    if (states.empty()) session.destroy();
    if (const auto cookies = jar_.commit(session)) ironjar::setCookies(response, *cookies);
    return true;
  }

 private:
  ironjar::SessionJar jar_;
};

// What a shared cache must not keep, and a browser not show to who comes next.
void setPrivate(httplib::Response& response) { response.set_header("Cache-Control", "no-store"); }

std::size_t sizeOfCookie(const httplib::Request& request, const std::string& name) {
  std::size_t size = 0;
  const std::string header = ironjar::cookieHeader(request);
  for (const auto& cookie : ironjar::parseCookies(header)) {
    if (cookie.name == name) size += cookie.name.size() + 1 + cookie.value.size();
  }
  return size;
}

// A response that was under way at a logout may reach the browser after it and bring its cookie back, so that session
// is denied as well. A visitor without one leaves no mark: many would push out those of others.
ironjar::CommitHooks denyingLogouts(const ironjar::CommitHooks& hooks,
                                    const std::shared_ptr<ironjar::RevocationList>& denied) {
  const auto before = [hook = hooks.before, denied](Session& session) {
    hook(session);
    if (session.destroyed() && !session.formerTokens().empty()) denied->deny({.value = session.id()});
  };
  return {.before = before, .after = hooks.after};
}

// Sign in: to the provider with a random `state`, …
void mountLogin(httplib::Server& server, const PendingLogins& logins, const std::string& authorize) {
  server.Get("/login", [=](const httplib::Request& request, httplib::Response& response) {
    // A page elsewhere that embeds this as an image would replace the cookie, which the browser does not send along.
    if (request.has_header("Sec-Fetch-Mode") && request.get_header_value("Sec-Fetch-Mode") != "navigate") {
      response.status = 403;
      return;
    }
    response.set_redirect(authorize + "&state=" + logins.begin(request, response));
  });
}

using BuyTokens = std::function<ironjar::Result<ironjar::TokenSet>(const std::string& code)>;

// … and back with a code, which buys the tokens. replace() gives the login a new session.
void mountCallback(const ironjar::HardenedServer& site, const ironjar::SessionJar& jar, const PendingLogins& logins,
                   const BuyTokens& buyTokens) {
  const auto signIn = [=](const httplib::Request& request, httplib::Response& response, Session& session) {
    setPrivate(response);
    if (!logins.finish(request, response)) {
      response.status = 400;
      return response.set_content("Please start again at /login", "text/plain");
    }
    const auto tokens = buyTokens(request.get_param_value("code"));
    if (!tokens) return ironjar::respond(response, tokens.error());
    session.replace();
    session.setTokens(*tokens);
    session.set("signedInAt", std::chrono::system_clock::now().time_since_epoch() / std::chrono::seconds{1});
    response.set_redirect("/");
  };
  site.server().Get("/callback", ironjar::withSession(site, jar, signIn));
}

// Who am I: the API knows. The session remembers, so that the API is asked once.
void mountProfile(const ironjar::HardenedServer& site, const ironjar::SessionJar& jar, const ironjar::Fetcher& api,
                  const std::string& url) {
  const auto profileOf = [=](auto&, auto& response, Session& session) {
    setPrivate(response);
    if (!session.contains("profile")) {
      const auto profile = api.performFetch(session, {.url = url});
      if (!profile) return ironjar::respond(response, profile.error());
      if (profile->status != 200) return ironjar::respond(response, ironjar::fail(ironjar::Errc::transport));
      session.set("profile", profile->body);
    }
    response.set_content(session.get<std::string>("profile").value_or("null"), "application/json");
  };
  site.server().Get("/me", ironjar::withSession(site, jar, profileOf));
}

// The live view: what the browser may know of its session, which is never a token.
void mountLiveView(const ironjar::HardenedServer& site, const ironjar::SessionJar& jar) {
  const auto viewOf = [jar](auto& request, auto& response, Session& session) {
    setPrivate(response);
    const auto tokens = session.tokens();
    const auto now = std::chrono::system_clock::now();
    const auto end = tokens && tokens->expiresAt ? *tokens->expiresAt : now;
    const ironjar::Json view = {{"signedIn", tokens.has_value()},
                                {"tokenExpiresIn", std::chrono::ceil<ironjar::Seconds>(end - now).count()},
                                {"sessionId", tokens ? session.id().substr(0, 8) : "none"},
                                {"cookieBytes", sizeOfCookie(request, jar.options().cookieName)}};
    response.set_content(view.dump(), "application/json");
  };
  site.server().Get("/session", ironjar::withSession(site, jar, viewOf));
}

}  // namespace

httplib::Server::HandlerResponse refusePreloading(const httplib::Request& request, httplib::Response& response) {
  using Outcome = httplib::Server::HandlerResponse;
  if (request.get_header_value("Sec-Purpose").rfind("prefetch", 0) != 0) return Outcome::Unhandled;
  setPrivate(response);
  response.status = 503;
  return Outcome::Handled;
}

void mountApp(const ironjar::HardenedServer& site, httplib::Server& operators, const AppOptions& options) {
  httplib::Server& server = site.server();
  const ironjar::Transport transport = ironjar::httplibTransport();
  const ironjar::TokenEndpoint tokenEndpoint = {
      .url = options.provider + "/token", .clientAuth = options.client, .allowHttpOnLoopback = true};
  const auto coordinator =
      std::make_shared<ironjar::LocalCoordinator>(ironjar::LocalCoordinatorOptions{.maxWaiters = maxWaiters});
  const auto metrics = std::make_shared<ironjar::PrometheusMetrics>(coordinator);
  const ironjar::Observer observer = ironjar::combined({metrics->observer(), ironjar::logLines(std::clog)});
  const ironjar::Fetcher api({.transport = transport,
                              .allowedOrigins = {options.api},
                              .allowHttpOnLoopback = true,
                              .tokenEndpoint = tokenEndpoint,
                              .timeout = options.timeout,
                              .coordinator = coordinator,
                              .observer = observer});
  const ironjar::Passwords passwords(std::getenv("SESSION_PASSWORD"));  // NOLINT(concurrency-mt-unsafe): at start-up
  const auto denied = std::make_shared<ironjar::LocalRevocationList>();
  const ironjar::SessionJar jar({.cookieName = "__Host-demo",
                                 .passwords = passwords,
                                 .commitHooks = denyingLogouts(api.commitHooks(), denied),
                                 .observer = observer,
                                 .isRevoked = ironjar::revokedBy(denied)});

  // The page, and what it asks for.
  server.Get("/", [](const auto&, auto& response) {
    setPrivate(response);  // the browser would keep it with what its scripts have shown, for the back button
    response.set_content(page, "text/html; charset=utf-8");
  });
  ironjar::mountAuth(site, jar, api);
  ironjar::proxy(site, "/api/data", jar, api, options.api);
  mountProfile(site, jar, api, options.api + "/profile");
  mountLiveView(site, jar);
  operators.Get("/metrics", [metrics](const auto&, auto& response) {
    response.set_content(metrics->text(), "text/plain; version=0.0.4");
  });

  // Signing in.
  const PendingLogins logins(passwords);
  const std::string callback = options.self + "/callback";
  mountLogin(server, logins,
             options.provider + "/authorize?response_type=code&client_id=web&redirect_uri=" + percentEncoded(callback));
  mountCallback(site, jar, logins, [=](const std::string& code) {
    return ironjar::requestTokens(transport, tokenEndpoint,
                                  {{"grant_type", "authorization_code"}, {"code", code}, {"redirect_uri", callback}});
  });
}

}  // namespace demo

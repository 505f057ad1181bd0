#include "site.hpp"

#include "page.hpp"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <iterator>

namespace demo {

using ironjar::Response;
using ironjar::Session;
using ironjar::WebRequest;

namespace {

std::string_view fieldOf(const WebRequest& request, std::string_view name) {
  const auto found = std::find_if(request.fields.begin(), request.fields.end(), [&](const auto& field) {
    return std::equal(field.first.begin(), field.first.end(), name.begin(), name.end(),
                      [](char a, char b) { return std::tolower(a) == std::tolower(b); });
  });
  return found == request.fields.end() ? std::string_view() : found->second;
}

ironjar::FetchOptions fetchOptions(const Site& site, ironjar::Transport transport,
                                   ironjar::AsyncTransport asyncTransport) {
  return {.transport = std::move(transport),
          .asyncTransport = std::move(asyncTransport),
          .allowedOrigins = {site.options.api},
          .allowHttpOnLoopback = true,
          .tokenEndpoint = site.tokenEndpoint,
          .timeout = site.options.timeout,
          .coordinator = site.coordinator,
          .observer = site.observer};
}

ironjar::SessionOptions sessionOptions(const Site& site) {
  const auto denied = std::make_shared<ironjar::LocalRevocationList>();
  return {.cookieName = "__Host-demo",
          .passwords = site.passwords,
          .commitHooks = ironjar::denyingLogouts(site.api.commitHooks(), denied),
          .observer = site.observer,
          .isRevoked = ironjar::revokedBy(denied)};
}

// Offline access gives a refresh token, where a provider asks for the scope.
ironjar::LoginOptions loginOptions(const Site& site, ironjar::Transport transport,
                                   ironjar::AsyncTransport asyncTransport) {
  return {.issuer = site.options.provider,
          .client = site.options.client,
          .redirectUri = site.options.self + "/callback",
          .scope = "openid offline_access",
          .transport = std::move(transport),
          .asyncTransport = std::move(asyncTransport),
          .allowHttpOnLoopback = true};
}

}  // namespace

Response privately(std::string body, const char* type) {
  return {.status = 200, .headers = {{"Content-Type", type}, {"Cache-Control", "no-store"}}, .body = std::move(body)};
}

Site::Site(AppOptions options_, ironjar::Transport transport, ironjar::AsyncTransport asyncTransport)
    : options(std::move(options_)),
      tokenEndpoint{.url = options.provider + "/token", .clientAuth = options.client, .allowHttpOnLoopback = true},
      coordinator(
          std::make_shared<ironjar::LocalCoordinator>(ironjar::LocalCoordinatorOptions{.maxWaiters = maxWaiters})),
      metrics(std::make_shared<ironjar::PrometheusMetrics>(coordinator)),
      observer(ironjar::combined({metrics->observer(), ironjar::logLines(std::clog)})),
      api(fetchOptions(*this, transport, asyncTransport)),
      passwords(std::getenv("SESSION_PASSWORD")),  // NOLINT(concurrency-mt-unsafe): at start-up
      jar(sessionOptions(*this)),
      login(jar, loginOptions(*this, std::move(transport), std::move(asyncTransport))) {}

std::optional<Response> Site::refusePreloading(const WebRequest& request) {
  if (!fieldOf(request, "Sec-Purpose").starts_with("prefetch")) return std::nullopt;
  Response response = privately("", "text/plain");
  response.status = 503;
  return response;
}

// The browser would keep it with what its scripts have shown, for the back button.
Response Site::page() { return privately(demo::page, "text/html; charset=utf-8"); }

Response Site::script(std::string_view path) {
  const auto* const found =
      std::find_if(std::begin(scripts), std::end(scripts), [&](const auto& script) { return script.path == path; });
  if (found == std::end(scripts)) return {.status = 404};
  return {.status = 200,
          .headers = {{"Content-Type", "text/javascript; charset=utf-8"}, {"Cache-Control", "no-cache"}},
          .body = found->text};
}

Response Site::profile(Session& session, const ironjar::Result<Response>& answer) const {
  if (!answer) return answerFor(answer.error());
  if (answer->status != 200) return answerFor(ironjar::fail(ironjar::Errc::transport));
  session.set("profile", answer->body);
  return privately(answer->body);
}

Response Site::view(const WebRequest& request, const Session& session) const {
  const auto tokens = session.tokens();
  const auto now = std::chrono::system_clock::now();
  const auto end = tokens && tokens->expiresAt ? *tokens->expiresAt : now;
  std::size_t size = 0;
  const std::string header = cookieHeader(request);
  for (const auto& cookie : ironjar::parseCookies(header)) {
    if (cookie.name == jar.options().cookieName) size += cookie.name.size() + 1 + cookie.value.size();
  }
  const ironjar::Json view = {{"signedIn", tokens.has_value()},
                              {"tokenExpiresIn", std::chrono::ceil<ironjar::Seconds>(end - now).count()},
                              {"sessionId", tokens ? session.id().substr(0, 8) : "none"},
                              {"cookieBytes", size}};
  return privately(view.dump());
}

}  // namespace demo

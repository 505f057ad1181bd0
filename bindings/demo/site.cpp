#include "site.hpp"

#include "page.hpp"

#include <algorithm>
#include <cstdlib>
#include <iomanip>
#include <iostream>
#include <iterator>
#include <random>
#include <sstream>

namespace demo {

using ironjar::Response;
using ironjar::Session;
using ironjar::WebRequest;

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

std::string_view fieldOf(const WebRequest& request, std::string_view name) {
  const auto found = std::find_if(request.fields.begin(), request.fields.end(), [&](const auto& field) {
    return std::equal(field.first.begin(), field.first.end(), name.begin(), name.end(),
                      [](char a, char b) { return std::tolower(a) == std::tolower(b); });
  });
  return found == request.fields.end() ? std::string_view() : found->second;
}

// A parameter of the query. Those of ours, and of this provider, hold nothing that would be encoded.
std::string parameterOf(const WebRequest& request, const std::string& name) {
  std::string query(request.target.substr(std::min(request.target.find('?'), request.target.size())));
  std::replace(query.begin(), query.end(), '?', '&');
  const std::size_t at = query.find("&" + name + "=");
  if (at == std::string::npos) return {};
  query.erase(0, at + name.size() + 2);
  return query.substr(0, query.find('&'));
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

constexpr std::size_t mostTabs = 8;
using States = std::vector<std::string>;

}  // namespace

Response privately(std::string body, const char* type) {
  return {.status = 200, .headers = {{"Content-Type", type}, {"Cache-Control", "no-store"}}, .body = std::move(body)};
}

PendingLogins::PendingLogins(const ironjar::Passwords& passwords)
    : jar_({.cookieName = "__Host-demo-login",
            .passwords = passwords,
            .seal = {.ttl = std::chrono::minutes{10}, .purpose = "login"}}) {}

PendingLogins::Begun PendingLogins::begin(std::string_view cookieHeader) const {
  Session session = jar_.open(cookieHeader);
  States states = session.get<States>("states").value_or(States());
  if (states.size() >= mostTabs) states.erase(states.begin());
  states.push_back(randomText());
  session.set("states", states);
  return {.state = states.back(), .cookies = jar_.commit(session).value_or(std::vector<std::string>())};
}

std::optional<std::vector<std::string>> PendingLogins::finish(std::string_view cookieHeader,
                                                              std::string_view state) const {
  Session session = jar_.open(cookieHeader);
  States states = session.get<States>("states").value_or(States());
  const auto found = std::find(states.begin(), states.end(), state);
  if (found == states.end()) return std::nullopt;
  states.erase(found);
  session.set("states", states);
  if (states.empty()) session.destroy();
  return jar_.commit(session).value_or(std::vector<std::string>());
}

Site::Site(AppOptions options_, ironjar::Transport transport, ironjar::AsyncTransport asyncTransport)
    : options(std::move(options_)),
      tokenEndpoint{.url = options.provider + "/token", .clientAuth = options.client, .allowHttpOnLoopback = true},
      coordinator(
          std::make_shared<ironjar::LocalCoordinator>(ironjar::LocalCoordinatorOptions{.maxWaiters = maxWaiters})),
      metrics(std::make_shared<ironjar::PrometheusMetrics>(coordinator)),
      observer(ironjar::combined({metrics->observer(), ironjar::logLines(std::clog)})),
      api(fetchOptions(*this, std::move(transport), std::move(asyncTransport))),
      passwords(std::getenv("SESSION_PASSWORD")),  // NOLINT(concurrency-mt-unsafe): at start-up
      jar(sessionOptions(*this)),
      logins(passwords) {}

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

Response Site::login(const WebRequest& request) const {
  // A page elsewhere that embeds this as an image would replace the cookie, which the browser does not send along.
  const std::string_view mode = fieldOf(request, "Sec-Fetch-Mode");
  if (!mode.empty() && mode != "navigate") return {.status = 403};
  const auto [state, cookies] = logins.begin(cookieHeader(request));
  const std::string url = options.provider + "/authorize?response_type=code&client_id=web&redirect_uri=" +
                          percentEncoded(options.self + "/callback") + "&state=" + state;
  Response response{.status = 302, .headers = {{"Location", url}}};
  ironjar::putSetCookies(response.headers, cookies);
  return response;
}

std::optional<Response> Site::refuseCallback(const WebRequest& request) const {
  if (logins.finish(cookieHeader(request), parameterOf(request, "state"))) return std::nullopt;
  Response response = privately("Please start again at /login", "text/plain");
  response.status = 400;
  return response;
}

ironjar::Headers Site::codeOf(const WebRequest& request) const {
  return {{"grant_type", "authorization_code"},
          {"code", parameterOf(request, "code")},
          {"redirect_uri", options.self + "/callback"}};
}

Response Site::signedIn(const WebRequest& request, Session& session,
                        const ironjar::Result<ironjar::TokenSet>& tokens) const {
  Response response = tokens ? Response{.status = 302, .headers = {{"Location", "/"}}} : answerFor(tokens.error());
  const auto used = logins.finish(cookieHeader(request), parameterOf(request, "state"));
  ironjar::putSetCookies(response.headers, used.value_or(std::vector<std::string>()));
  if (!tokens) return response;
  session.replace();
  session.setTokens(*tokens);
  session.set("signedInAt", std::chrono::system_clock::now().time_since_epoch() / std::chrono::seconds{1});
  return response;
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

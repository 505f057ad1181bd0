// One program, four servers on this machine: an identity provider, an API, the web app between them and the browser,
// and one for the web app's operators.
#include "app.hpp"
#include "running.hpp"

#include <atomic>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

#include <ironjar/testing/httplib.hpp>

namespace testing = ironjar::testing;

namespace {

volatile std::sig_atomic_t interrupted = 0;

ironjar::Response answer(const ironjar::Request& request, const std::string& user) {
  const ironjar::Json body =
      request.url.ends_with("/profile") ? ironjar::Json{{"name", user}} : ironjar::Json{"a jar", "of iron"};
  return {.headers = {{"Content-Type", "application/json"}}, .body = body.dump()};
}

const char* setting(const char* name, const char* otherwise) {
  const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): at start-up
  return value == nullptr ? otherwise : value;
}

int number(const char* text) {
  int value = 0;
  const char* const end = text + std::strlen(text);
  const auto [stopped, problem] = std::from_chars(text, end, value);
  if (problem != std::errc() || stopped != end) throw std::invalid_argument(std::string(text) + " is no number");
  return value;
}

// What can be wrong with a provider, by name; nothing for a name that is unknown. None of them uses up a refresh token.
std::optional<testing::ProviderBehaviour> faulty(const std::string& fault, testing::ProviderBehaviour behaviour) {
  using ironjar::Response;
  const testing::Drop reset{.times = testing::Drop::always, .how = testing::Drop::How::reset};
  const testing::Drop hang{.times = testing::Drop::always, .how = testing::Drop::How::hang};
  if (fault == "none") return behaviour;
  if (fault == "slow") return behaviour.latencyBeforeCommit = std::chrono::seconds{1}, behaviour;
  if (fault == "hang") return behaviour.dropBeforeCommit = hang, behaviour;
  if (fault == "reset") return behaviour.dropBeforeCommit = reset, behaviour;
  if (fault == "503") return behaviour.instead = Response{.status = 503}, behaviour;
  if (fault == "429") return behaviour.instead = Response{.status = 429, .headers = {{"Retry-After", "2"}}}, behaviour;
  if (fault == "garbage") return behaviour.instead = Response{.status = 200, .body = "<html>"}, behaviour;
  return std::nullopt;
}

// What the page's buttons do to the provider.
void mountFaults(httplib::Server& server, testing::Provider& provider, const testing::ProviderBehaviour& well) {
  server.Post("/fault", [&provider, well](const auto& request, auto& response) {
    if (request.get_param_value("is") == "expired") return provider.expireAccessTokens();
    const auto behaviour = faulty(request.get_param_value("is"), well);
    response.status = behaviour ? 204 : 400;
    if (!behaviour) return;
    provider.behave(*behaviour);
    provider.release();  // what hangs is over
  });
}

// False: a signal's handler cannot be set.
bool isSetToInterrupt() {
  for (const int way : {SIGINT, SIGTERM}) {
    if (std::signal(way, [](int) { interrupted = 1; }) == SIG_ERR) return false;
  }
  return true;
}

int run(int argc, char** argv) {
  if (argc > 2) return std::cerr << "usage: ironjar-demo [port]\n", 2;
  // Strict: a refresh token that is used twice ends the login.
  const ironjar::ClientAuth client = ironjar::basicAuth("web", setting("DEMO_CLIENT_SECRET", "the-demo-client-secret"));
  const testing::ProviderBehaviour well{.accessTokenLifetime = std::chrono::seconds{10}};
  demo::Running identity;
  demo::Running api;
  demo::Running operators;
  const std::string identityOrigin = "http://127.0.0.1:" + std::to_string(identity.bind(0));
  testing::Provider provider({.origin = identityOrigin, .client = client, .randomTokens = true}, well);
  testing::Api items(provider, {.answer = answer},
                     {.challenge = {{"WWW-Authenticate", "Bearer error=\"invalid_token\""}}});
  const std::string apiOrigin = "http://127.0.0.1:" + std::to_string(api.bind(0));
  const std::string operatorsOrigin = "http://127.0.0.1:" + std::to_string(operators.bind(0));
  testing::mount(identity.server, provider);
  mountFaults(identity.server, provider, well);
  testing::mount(api.server, items);
  identity.start();
  api.start();

  demo::App app(argc == 2 ? number(argv[1]) : 8080);
  const std::string self = "http://localhost:" + std::to_string(app.port());
  const auto metrics = app.start({.self = self,
                                  .provider = identityOrigin,
                                  .api = apiOrigin,
                                  .client = client,
                                  .timeout = ironjar::Seconds{number(setting("DEMO_TIMEOUT", "30"))},
                                  .stats = [&] { return ironjar::Json(provider.counts()).dump(); }});
  operators.server.Get("/metrics", [metrics](const auto&, auto& response) {
    response.set_content(metrics(), "text/plain; version=0.0.4");
  });
  operators.start();

  if (!isSetToInterrupt()) return std::cerr << "no signals\n", 1;
  std::cout << "app " << self << "\nprovider " << identityOrigin << "\noperators " << operatorsOrigin << "\napi "
            << apiOrigin << std::endl;
  while (interrupted == 0) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& problem) {
    return std::cerr << "ironjar-demo: " << problem.what() << '\n', 1;
  }
}

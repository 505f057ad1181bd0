// One program, four servers on this machine: an identity provider, an API, the web app between them and the browser,
// and one for the web app's operators.
#include "app.hpp"

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

// A server on its own thread, stopped when it goes out of scope.
class Running {
 public:
  Running() {
    server.new_task_queue = [] { return new httplib::ThreadPool(demo::threads); };
    server.set_tcp_nodelay(true);
    // httplib's default would share the port silently with another program.
    server.set_socket_options([this](socket_t socket) {
      const int yes = 1;
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
      socket_ = socket;
    });
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() {
    server.stop();
    if (thread_.joinable()) thread_.join();
  }

  int bind(int port) {
    if (port == 0) {
      port = server.bind_to_any_port("127.0.0.1");
    } else if (!server.bind_to_port("127.0.0.1", port)) {
      port = -1;
    }
    // httplib lets five connections wait; of more that come at once, some would take seconds.
    if (port > 0) ::listen(socket_, SOMAXCONN);
    return port;
  }
  void start() {
    thread_ = std::thread([this] { server.listen_after_bind(); });
    while (!server.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  httplib::Server server;

 private:
  socket_t socket_ = INVALID_SOCKET;
  std::thread thread_;
};

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
  testing::Provider provider({.client = client, .randomTokens = true}, well);
  testing::Api items(provider, {.answer = answer},
                     {.challenge = {{"WWW-Authenticate", "Bearer error=\"invalid_token\""}}});
  Running identity;
  Running api;
  Running operators;
  Running app;
  const std::string identityOrigin = "http://127.0.0.1:" + std::to_string(identity.bind(0));
  const std::string apiOrigin = "http://127.0.0.1:" + std::to_string(api.bind(0));
  const std::string operatorsOrigin = "http://127.0.0.1:" + std::to_string(operators.bind(0));
  const int wanted = argc == 2 ? number(argv[1]) : 8080;
  const int port = app.bind(wanted);
  if (port < 0) return std::cerr << "port " << wanted << " is taken: name another\n", 1;
  const std::string self = "http://localhost:" + std::to_string(port);

  testing::mount(identity.server, provider);
  mountFaults(identity.server, provider, well);
  testing::mount(api.server, items);
  app.server.Get("/stats", [&](const auto&, auto& response) {
    response.set_content(ironjar::Json(provider.counts()).dump(), "application/json");
  });
  const ironjar::HardenedServer site(app.server, {.threads = demo::threads, .preRouting = demo::refusePreloading});
  demo::mountApp(site, operators.server,
                 {.self = self,
                  .provider = identityOrigin,
                  .api = apiOrigin,
                  .client = client,
                  .timeout = ironjar::Seconds{number(setting("DEMO_TIMEOUT", "30"))}});
  identity.start();
  api.start();
  operators.start();
  app.start();

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

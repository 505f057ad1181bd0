// A web app on ironjar and cpp-httplib: sign in with OAuth, keep the tokens in a sealed cookie, call an API with them.
// This is the file to copy from for that server; what it shares with others is site.cpp.
#include "app.hpp"
#include "running.hpp"

#include <optional>

#include <ironjar/httplib.hpp>

namespace demo {

using ironjar::Session;

// What the server is told, in ironjar's types.
class App::Server {
 public:
  explicit Server(int wanted) : port(running_.bind(wanted)) {}

  std::function<std::string()> start(AppOptions options) {
    const ironjar::Transport transport = ironjar::httplibTransport();
    site_.emplace(std::move(options), transport, nullptr);
    const ironjar::HardenedServer hardened(running_.server,
                                           {.threads = Running::threads, .preRouting = refusePreloading});
    httplib::Server& server = running_.server;
    const Site& site = *site_;

    // The page, and what it asks for.
    server.Get("/", [](const auto&, auto& response) { ironjar::respond(response, Site::page()); });
    server.Get("/ironjar/.*",
               [](const auto& request, auto& response) { ironjar::respond(response, Site::script(request.path)); });
    server.Get("/stats", [&site](const auto&, auto& response) {
      response.set_content(site.options.stats(), "application/json");
    });
    ironjar::mountAuth(hardened, site.jar, site.api);
    ironjar::proxy(hardened, "/api/data", site.jar, site.api, site.options.api);
    const auto profile = [&site](const auto&, auto& response, Session& session) {
      const auto known = session.get<std::string>("profile");
      if (known) return ironjar::respond(response, privately(*known));
      ironjar::respond(response, site.profile(session, site.api.performFetch(session, site.profileRequest())));
    };
    server.Get("/me", ironjar::withSession(hardened, site.jar, profile));
    const auto view = [&site](const auto& request, auto& response, Session& session) {
      ironjar::respond(response, site.view(ironjar::webRequest(request), session));
    };
    server.Get("/session", ironjar::withSession(hardened, site.jar, view));

    // Signing in and out.
    ironjar::mountLogin(hardened, site.login, site.api, site.loginRoutes());

    running_.start();
    return [metrics = site.metrics] { return metrics->text(); };
  }

 private:
  using Outcome = httplib::Server::HandlerResponse;
  static Outcome refusePreloading(const httplib::Request& request, httplib::Response& response) {
    auto refusal = Site::refusePreloading(ironjar::webRequest(request));
    if (!refusal) return Outcome::Unhandled;
    ironjar::respond(response, *std::move(refusal));
    return Outcome::Handled;
  }

  std::optional<Site> site_;
  Running running_;  // goes before what it serves

 public:
  const int port;
};

App::App(int port) : server_(std::make_unique<Server>(port)) {}
App::~App() = default;
int App::port() const { return server_->port; }
std::function<std::string()> App::start(AppOptions options) { return server_->start(std::move(options)); }

}  // namespace demo

// The server that bench/run.sh asks: the same small answer, bare and through ironjar, and an API behind it.
//   ironjar_bench_server SESSION.json
// Prints its origin and a Cookie header with that session, and serves until it is killed.
#include <atomic>
#include <fstream>
#include <iostream>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <httplib.h>
#include <ironjar/httplib.hpp>
#include <ironjar/ironjar.hpp>

namespace {

constexpr const char* answer = R"({"name":"Ada Lovelace"})";

void configure(httplib::Server& server) {
  server.set_tcp_nodelay(true);
  server.set_keep_alive_max_count(1'000'000'000);
  server.new_task_queue = [] { return new httplib::ThreadPool(8); };
}

void serveApi(httplib::Server& api) {
  configure(api);
  api.Get("/profile", [](const httplib::Request& request, httplib::Response& response) {
    response.status = request.get_header_value("Authorization").starts_with("Bearer ") ? 200 : 401;
    response.set_content(answer, "application/json");
  });
}

// What one would write without ironjar: a kept connection for each thread that needs one.
class Clients {
 public:
  explicit Clients(std::string origin) : origin_(std::move(origin)) {}

  std::string get(const std::string& token) {
    auto client = take();
    const auto response = client->Get("/profile", {{"Authorization", "Bearer " + token}});
    const std::string body = response ? response->body : "";
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(client));
    return body;
  }

 private:
  std::unique_ptr<httplib::Client> take() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) {
      auto client = std::make_unique<httplib::Client>(origin_);
      client->set_keep_alive(true);
      client->set_tcp_nodelay(true);
      return client;
    }
    auto client = std::move(idle_.back());
    idle_.pop_back();
    return client;
  }

  std::string origin_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<httplib::Client>> idle_;
};

// A Cookie header of a session with this data, whose tokens last for the day.
std::string cookieOf(const ironjar::SessionJar& jar, const ironjar::Json& data) {
  ironjar::Session login = jar.open("");
  login.assign(data);
  ironjar::TokenSet tokens = login.tokens().value();
  tokens.expiresAt = ironjar::systemClock() + std::chrono::hours{24};
  tokens.lifetime = std::chrono::hours{24};
  login.setTokens(tokens);
  const std::string cookie = jar.commit(login).value().front();
  return cookie.substr(0, cookie.find(';'));
}

// The bare answer, and sessions that are read, or written.
void serveSessions(const ironjar::HardenedServer& site, const ironjar::SessionJar& jar) {
  httplib::Server& server = site.server();
  const auto visits = std::make_shared<std::atomic<int>>(0);
  server.Get("/bare", [](const auto&, auto& response) { response.set_content(answer, "application/json"); });
  server.Get("/readOnly", ironjar::withSession(site, jar, [](const auto&, auto& response, ironjar::Session& session) {
               response.status = session.tokens() ? 200 : 401;
               response.set_content(answer, "application/json");
             }));
  server.Get("/readWrite",
             ironjar::withSession(site, jar, [visits](const auto&, auto& response, ironjar::Session& session) {
               session.set("visits", ++*visits);
               response.set_content(answer, "application/json");
             }));
}

// The API's answer, by hand and through performFetch. Both open the session: the difference is the client.
void serveCalls(const ironjar::HardenedServer& site, const ironjar::SessionJar& jar, const ironjar::Fetcher& fetcher,
                const std::string& apiOrigin) {
  httplib::Server& server = site.server();
  const auto clients = std::make_shared<Clients>(apiOrigin);
  server.Get("/client",
             ironjar::withSession(site, jar, [clients](const auto&, auto& response, ironjar::Session& session) {
               const std::string body = clients->get(session.get<std::string>("accessToken").value_or(""));
               response.status = body.empty() ? 502 : 200;
               response.set_content(body, "application/json");
             }));
  server.Get("/performFetch",
             ironjar::withSession(site, jar, [=](const auto&, auto& response, ironjar::Session& session) {
               const auto profile = fetcher.performFetch(session, {.url = apiOrigin + "/profile"});
               if (!profile) return ironjar::respond(response, profile.error());
               response.status = profile->status;
               response.set_content(profile->body, "application/json");
             }));
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) return 2;
  std::ifstream file(arguments[1]);
  const auto data = ironjar::Json::parse(file);

  httplib::Server api;
  serveApi(api);
  const std::string apiOrigin = "http://127.0.0.1:" + std::to_string(api.bind_to_any_port("127.0.0.1"));
  std::thread apiThread([&] { api.listen_after_bind(); });

  // The default: connections are kept for the login, which here is the only one. Clients share theirs among all, as
  // TransportOptions::shareAmongGroups would.
  const ironjar::Fetcher fetcher(
      {.transport = ironjar::httplibTransport(),
       .allowedOrigins = {apiOrigin},
       .allowHttpOnLoopback = true,
       .tokenEndpoint = {.url = "https://id.example/token", .clientAuth = ironjar::basicAuth("web", "secret")}});
  const ironjar::SessionJar jar(
      {.cookieName = "__Host-session", .passwords = "Zk3-first-password-that-is-long-enough-0001"});
  const std::string cookie = cookieOf(jar, data);

  httplib::Server server;
  const ironjar::HardenedServer site(server);
  configure(server);  // what is measured is a session, not a connection: many requests on each
  serveSessions(site, jar);
  serveCalls(site, jar, fetcher, apiOrigin);
  const int port = server.bind_to_any_port("127.0.0.1");
  std::cout << "http://127.0.0.1:" << port << '\n' << cookie << std::endl;
  server.listen_after_bind();
  api.stop();
  apiThread.join();
}

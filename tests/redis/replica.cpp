// One process of a site that runs several: `replica app PORT-FILE` is the site on ironjar and Redis, `replica provider
// PORT-FILE` the identity provider and API that all of them share. Each listens on a free port of the loopback
// interface, writes its number into the file, and ends with its parent.
//
// The site's environment: REDIS_PORT, PROVIDER (its origin), LEASE (milliseconds). FAIL_AT names a point of a refresh
// at which the process stops itself, and FAIL_BY the signal, KILL or STOP: after-lock, before-send, after-send,
// before-store, after-store.
#include "../support/canary.hpp"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <netinet/in.h>
#include <sys/socket.h>
#include <thread>

#include <httplib.h>
#include <ironjar/httplib.hpp>
#include <ironjar/ironjar.hpp>
#include <ironjar/redis.hpp>

using namespace std::chrono_literals;

namespace {

std::string environment(const char* name, const std::string& otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : value;
}

void listen(httplib::Server& server, const std::string& portFile) {
  server.new_task_queue = [] { return new httplib::ThreadPool(100); };
  server.set_tcp_nodelay(true);
  server.set_keep_alive_max_count(1'000'000);
  server.set_keep_alive_timeout(60);  // a connection that is closed just as a request leaves is no answer of the site's
  socket_t socket = INVALID_SOCKET;
  server.set_socket_options([&](socket_t made) { socket = made; });
  const int port = server.bind_to_any_port("127.0.0.1");
  ::listen(socket, SOMAXCONN);  // httplib lets five connections wait; of more that come at once, some take seconds
  std::ofstream(portFile + ".new") << port;
  std::filesystem::rename(portFile + ".new", portFile);  // whole, when it is there
  server.listen_after_bind();
}

// Refresh tokens work once. A second use ends the login, or, after POST /mode?grace=1, gives the same answer again.
class Provider {
 public:
  void mount(httplib::Server& server) {
    server.Post("/login", [this](const auto&, auto& response) {
      const std::lock_guard lock(mutex_);
      const int login = ++logins_;
      alive_[login] = true;
      reply(response, issue(login));
    });
    server.Post("/token", [this](const auto& request, auto& response) { token(request, response); });
    server.Post("/expire", [this](const auto&, auto&) {
      const std::lock_guard lock(mutex_);
      good_.clear();
    });
    server.Post("/mode", [this](const auto& request, auto&) {
      const std::lock_guard lock(mutex_);
      grace_ = request.get_param_value("grace") == "1";
      delay_ = std::chrono::milliseconds(std::stoi("0" + request.get_param_value("delay")));
    });
    server.Get("/api", [this](const auto& request, auto& response) {
      const std::lock_guard lock(mutex_);
      const auto who = good_.find(request.get_header_value("Authorization"));
      response.status = who == good_.end() ? 401 : 200;
      if (who != good_.end()) response.set_content(std::to_string(who->second), "text/plain");
    });
    server.Get("/stats", [this](const auto&, auto& response) {
      const std::lock_guard lock(mutex_);
      reply(response, {{"refreshes", refreshes_}, {"calls", calls_}, {"reuses", reuses_}});
    });
  }

 private:
  using Json = ironjar::Json;

  static void reply(httplib::Response& response, const Json& body) {
    response.set_content(body.dump(), "application/json");
  }

  Json issue(int login) {
    const std::string n = std::to_string(++issued_);
    const Json answer = {{"access_token", "CANARY-at-" + n}, {"refresh_token", "CANARY-rt-" + n}, {"expires_in", 3600}};
    good_["Bearer CANARY-at-" + n] = login;
    refreshTokens_["CANARY-rt-" + n] = login;
    current_[login] = "CANARY-rt-" + n;
    return answer;
  }

  void token(const httplib::Request& request, httplib::Response& response) {
    std::this_thread::sleep_for(delay_.load());
    const std::lock_guard lock(mutex_);
    ++calls_;
    const std::string presented = request.get_param_value("refresh_token");
    const auto known = refreshTokens_.find(presented);
    const int login = known == refreshTokens_.end() ? 0 : known->second;
    const auto before = answers_.find(presented);
    if (alive_[login] && grace_ && before != answers_.end()) return reply(response, before->second);
    if (login != 0 && current_[login] != presented) {
      ++reuses_;
      alive_[login] = false;
    }
    if (login == 0 || !alive_[login]) {
      response.status = 400;
      return reply(response, {{"error", "invalid_grant"}});
    }
    ++refreshes_;
    reply(response, answers_[presented] = issue(login));
  }

  std::mutex mutex_;
  std::atomic<std::chrono::milliseconds> delay_ = std::chrono::milliseconds{0};
  bool grace_ = false;
  int logins_ = 0;
  int issued_ = 0;
  int refreshes_ = 0;
  int calls_ = 0;
  int reuses_ = 0;
  std::map<int, bool> alive_;
  std::map<std::string, int> good_;
  std::map<std::string, int> refreshTokens_;
  std::map<int, std::string> current_;
  std::map<std::string, Json> answers_;
};

void failAt(const std::string& point) {
  if (environment("FAIL_AT", "") != point) return;
  ::raise(environment("FAIL_BY", "KILL") == "STOP" ? SIGSTOP : SIGKILL);
}

// Sends the request and does not read the answer.
void sendOnly(int port, const ironjar::Request& request) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  std::string text = "POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(request.body.size());
  for (const auto& [name, value] : request.headers) text += "\r\n" + name + ": " + value;
  text += "\r\n\r\n" + request.body;
  const bool sent = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
                    ::send(fd, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
  if (!sent) std::abort();
  std::this_thread::sleep_for(50ms);  // until the provider has it
}

ironjar::Transport failing(const ironjar::Transport& transport, const std::string& provider) {
  const int port = std::stoi(provider.substr(provider.rfind(':') + 1));
  return [=](const ironjar::Request& request, ironjar::Deadline deadline) {
    if (!request.url.ends_with("/token")) return transport(request, deadline);
    failAt("after-lock");
    failAt("before-send");
    if (environment("FAIL_AT", "") == "after-send") {
      sendOnly(port, request);
      failAt("after-send");
    }
    auto answer = transport(request, deadline);
    failAt("before-store");
    return answer;
  };
}

void runSite(const std::string& portFile) {
  const std::string provider = environment("PROVIDER", "");
  const ironjar::Passwords passwords(support::secret("IRONJAR_TEST_PASSWORD", "the-replicas-share-this-password-0001"));
  const auto redis = std::make_shared<ironjar::Redis>(
      ironjar::RedisOptions{.passwords = passwords,
                            .port = std::stoi(environment("REDIS_PORT", "6379")),
                            .timeout = std::chrono::milliseconds(std::stoi(environment("TIMEOUT", "30"))),
                            .observer = ironjar::logLines(std::cerr)});
  const std::chrono::milliseconds lease(std::stoi(environment("LEASE", "12000")));
  const auto coordinator = std::make_shared<ironjar::RedisCoordinator>(
      redis, ironjar::RedisCoordinatorOptions{.local = {.refusedBurst = 1'000'000, .threads = 16}, .lease = lease});
  const ironjar::Fetcher api({.transport = failing(ironjar::httplibTransport(), provider),
                              .allowedOrigins = {provider},
                              .allowHttpOnLoopback = true,
                              .tokenEndpoint = {.url = provider + "/token",
                                                .clientAuth = ironjar::basicAuth(
                                                    "web", support::secret("IRONJAR_TEST_CLIENT_SECRET", "secret")),
                                                .allowHttpOnLoopback = true},
                              .coordinator = coordinator});
  const auto denied = std::make_shared<ironjar::RedisRevocationList>(redis);
  const ironjar::SessionJar jar({.cookieName = "sid",
                                 .passwords = passwords,
                                 .commitHooks = ironjar::denyingLogouts(api.commitHooks(), denied),
                                 .isRevoked = ironjar::revokedBy(denied)});

  httplib::Server server;
  const ironjar::HardenedServer site(server, {.threads = 100});
  server.Post("/login", ironjar::withSession(site, jar, [](const auto& request, auto&, ironjar::Session& session) {
                session.replace();
                std::optional<ironjar::TimePoint> expiresAt;
                if (request.has_param("expires_in")) {
                  const std::chrono::seconds expiresIn(std::stoi(request.get_param_value("expires_in")));
                  expiresAt = std::chrono::system_clock::now() + expiresIn;
                }
                session.setTokens({.accessToken = request.get_param_value("access_token"),
                                   .refreshToken = request.get_param_value("refresh_token"),
                                   .expiresAt = expiresAt});
              }));
  server.Get("/data", ironjar::withSession(site, jar, [&](const auto&, auto& response, ironjar::Session& session) {
               const auto answer = api.performFetch(session, {.url = provider + "/api"});
               if (answer && answer->trace.refreshedBy == ironjar::RefreshedBy::self) failAt("after-store");
               if (!answer) return ironjar::respond(response, answer.error());
               response.status = answer->status;
               response.set_content(answer->body, "text/plain");
             }));
  ironjar::mountAuth(site, jar, api);
  server.Post("/logout", ironjar::withSession(
                             site, jar, [](const auto&, auto&, ironjar::Session& session) { session.destroy(); }));
  server.Get("/stats", [&](const auto&, auto& response) {
    const auto counted = coordinator->redisStats();
    const auto link = redis->stats();
    response.set_content(ironjar::Json{{"asked", counted.asked},
                                       {"shared", counted.shared},
                                       {"alone", counted.alone},
                                       {"commands", link.commands},
                                       {"failed", link.failed},
                                       {"degradations", link.degradations}}
                             .dump(),
                         "application/json");
  });
  listen(server, portFile);
}

}  // namespace

int main(int count, char** arguments) {
  const std::vector<std::string> words(arguments, arguments + count);
  if (words.size() != 3 || (words[1] != "app" && words[1] != "provider")) {
    std::cerr << "usage: replica app|provider PORT-FILE\n";
    return 2;
  }
  if (words[1] == "app") {
    runSite(words[2]);
  } else {
    Provider provider;
    httplib::Server server;
    provider.mount(server);
    listen(server, words[2]);
  }
}

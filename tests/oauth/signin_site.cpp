// A site that signs in with an OpenID provider on this machine, for signin.mjs. Prints its origin, and ends with its
// standard input; a line there, a number of seconds, moves the clock by which it knows the age of the provider's keys.
//
//   ironjar_signin_site ISSUER        CLIENT_SECRET and SESSION_PASSWORD are in the environment
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include <ironjar/httplib.hpp>
#include <ironjar/ironjar.hpp>

using namespace ironjar;

namespace {

void answer(httplib::Response& response, const std::string& text) {
  response.set_header("Cache-Control", "no-store");
  response.set_content(text, "text/plain");
}

int run(const char* issuer) {
  std::atomic<int> passed = 0;  // seconds
  httplib::Server server;
  const std::string origin = "http://localhost:" + std::to_string(server.bind_to_any_port("127.0.0.1"));
  const ClientAuth client = basicAuth("web", std::getenv("CLIENT_SECRET"));  // NOLINT(concurrency-mt-unsafe)
  const Fetcher fetcher(
      {.transport = httplibTransport(),
       .allowedOrigins = {issuer},
       .allowHttpOnLoopback = true,
       .tokenEndpoint = {.url = std::string(issuer) + "/token", .clientAuth = client, .allowHttpOnLoopback = true}});
  const auto denied = std::make_shared<LocalRevocationList>();
  const SessionJar jar({.cookieName = "__Host-site",
                        .passwords = std::getenv("SESSION_PASSWORD"),  // NOLINT(concurrency-mt-unsafe)
                        .commitHooks = fetcher.commitHooks(),
                        .isRevoked = revokedBy(denied)});
  const HardenedServer site(server);
  const Login login(jar, {.issuer = issuer,
                          .client = client,
                          .redirectUri = origin + "/callback",
                          .scope = "openid offline_access",
                          .transport = httplibTransport(),
                          .allowHttpOnLoopback = true,
                          .now = [&] { return std::chrono::steady_clock::now() + Seconds{passed}; },
                          .revoked = denied});
  // GET /login?prompt=none asks who is signed in at the provider, without a page.
  const auto attempt = [](const WebRequest& request) {
    const bool isSilent = request.target.find("prompt=none") != std::string::npos;
    return LoginRequest{.prompt = isSilent ? "none" : "consent"};
  };
  mountLogin(site, login, fetcher,
             {.afterLogout = origin + "/bye", .backChannelLogoutPath = "/backchannel-logout", .attempt = attempt});
  mountAuth(site, jar, fetcher);
  const auto who = [](const auto&, auto& response, const Session& session) {
    answer(response, session.get<std::string>("sub").value_or("nobody") + " " + session.id() + "\n");
  };
  for (const char* path : {"/", "/me", "/orders"}) server.Get(path, withSession(site, jar, who));
  // A page of the site's own that posts, as a browser wants it for a logout.
  server.Get("/leave", [](const auto&, auto& response) {
    response.set_content("<form method=post action=/logout><button>sign out</button></form>", "text/html");
  });
  server.Get("/bye", [](const auto&, auto& response) { answer(response, "bye\n"); });
  std::thread serving([&] { server.listen_after_bind(); });
  std::cout << origin << std::endl;
  for (int seconds = 0; std::cin >> seconds;) {
    passed += seconds;
    std::cout << passed << std::endl;
  }
  server.stop();
  serving.join();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return argc == 2 ? run(argv[1]) : 2;
  } catch (const std::exception& problem) {
    return std::cerr << "ironjar_signin_site: " << problem.what() << '\n', 1;
  }
}

// The smallest site on cpp-httplib: its answer to a first visit sets the session's cookie.
#include <chrono>
#include <iostream>
#include <string>
#include <thread>

#define IRONJAR_ACCEPT_HTTPLIB_BEFORE_0_44  // Debian 12's: see <ironjar/httplib/server.hpp> for what that costs
#include <ironjar/httplib.hpp>
#include <ironjar/ironjar.hpp>

int main() {
  const ironjar::SessionJar jar({.cookieName = "session", .passwords = "Hw6-password-of-this-test-and-no-site-0003"});
  const ironjar::Transport transport = ironjar::httplibTransport();
  const ironjar::Fetcher fetcher({.transport = transport,
                                  .allowedOrigins = {"https://api.example.com"},
                                  .tokenEndpoint = {.url = "https://login.example.com/token"}});

  httplib::Server server;
  const ironjar::HardenedServer site(server);
  server.Get("/", ironjar::withSession(site, jar, [](const auto&, auto& response, ironjar::Session& session) {
               session.set("user", "ada");
               response.set_content("hello", "text/plain");
             }));
  ironjar::mountAuth(site, jar, fetcher);
  ironjar::proxy(site, "/api", jar, fetcher, "https://api.example.com");
  const int port = server.bind_to_any_port("127.0.0.1");
  if (port < 0) return std::cerr << "no port\n", 1;
  std::thread listener([&] { server.listen_after_bind(); });
  while (!server.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));

  const auto response = transport({.url = "http://127.0.0.1:" + std::to_string(port) + "/", .freshConnection = true},
                                  std::chrono::steady_clock::now() + std::chrono::seconds(10));
  server.stop();
  listener.join();
  if (!response) return std::cerr << response.error().detail << '\n', 1;
  const auto cookie = ironjar::findHeader(response->headers, "Set-Cookie");
  std::cout << response->status << ' ' << cookie.value_or("without a cookie") << '\n';
  return cookie && cookie->starts_with("session=ij1.") ? 0 : 1;
}

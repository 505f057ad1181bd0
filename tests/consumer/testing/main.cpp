// A test of an application that speaks HTTP: its calls go to the test kit's servers, and one refresh serves them all.
#include <iostream>
#include <string>
#include <thread>

#define IRONJAR_ACCEPT_HTTPLIB_BEFORE_0_44  // Debian 12's: see <ironjar/httplib/server.hpp> for what that costs
#include <ironjar/httplib.hpp>
#include <ironjar/ironjar.hpp>
#include <ironjar/testing/httplib.hpp>

namespace {

class Running {
 public:
  Running() : origin("http://127.0.0.1:" + std::to_string(server.bind_to_any_port("127.0.0.1"))) {}
  ~Running() {
    server.stop();
    if (listener_.joinable()) listener_.join();
  }
  void start() {
    listener_ = std::thread([this] { server.listen_after_bind(); });
    while (!server.is_running()) std::this_thread::yield();
  }

  httplib::Server server;
  const std::string origin;

 private:
  std::thread listener_;
};

}  // namespace

int main() {
  ironjar::testing::Provider provider({.randomTokens = true});
  ironjar::testing::Api api(provider);
  Running identity;
  Running items;
  ironjar::testing::mount(identity.server, provider);
  ironjar::testing::mount(items.server, api);
  identity.start();
  items.start();

  const ironjar::Fetcher fetcher({.transport = ironjar::httplibTransport(),
                                  .allowedOrigins = {items.origin},
                                  .allowHttpOnLoopback = true,
                                  .tokenEndpoint = {.url = identity.origin + "/token", .allowHttpOnLoopback = true}});
  const ironjar::TokenSet tokens = provider.login("ada");
  provider.expireAccessTokens();
  for (int i = 0; i < 3; ++i) {
    ironjar::Session session;
    session.setTokens(tokens);
    const auto response = fetcher.performFetch(session, {.url = items.origin + "/items"});
    if (!response || response->body != "ada") return std::cerr << "call " << i << " failed\n", 1;
  }
  std::cout << provider.counts().refreshes << " refresh\n";
  return provider.counts().refreshes == 1 ? 0 : 1;
}

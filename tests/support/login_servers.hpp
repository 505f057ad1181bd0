// The routes of a login on real servers: the same requests to each, as bytes.
#pragma once

#include "login_site.hpp"
#include "logout_tokens.hpp"
#include "raw.hpp"

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <ironjar/http1.hpp>
#include <ironjar/web.hpp>

namespace support {

// What is served, on a port of the loopback interface, for as long as it lives.
class LoginServer {
 public:
  LoginServer() = default;
  LoginServer(const LoginServer&) = delete;
  LoginServer& operator=(const LoginServer&) = delete;
  virtual ~LoginServer() = default;
  [[nodiscard]] virtual int port() const = 0;
};

struct LoginServed {
  ironjar::Login login;
  ironjar::Fetcher fetcher;
  ironjar::LoginRouteOptions routes;
  ironjar::AuthOptions auth;
};
std::unique_ptr<LoginServer> httplibLoginServer(const LoginServed& served);
std::unique_ptr<LoginServer> beastLoginServer(const LoginServed& served);

struct LoginServerKind {
  const char* name;
  std::unique_ptr<LoginServer> (*make)(const LoginServed& served);
};
inline const std::vector<LoginServerKind> loginServers = {{"httplib", httplibLoginServer}, {"beast", beastLoginServer}};

// A site that signs in behind one of them, its provider in this process, a browser's cookies.
struct ServedLogin {
  using Change = std::function<void(ironjar::LoginOptions&, ironjar::SessionOptions&)>;

  explicit ServedLogin(const LoginServerKind& kind, const Change& change = {}, ironjar::AuthOptions auth = {})
      : site([&](ironjar::LoginOptions& options, ironjar::SessionOptions& session) {
          session.isRevoked = ironjar::revokedBy(list);
          options.transport = counted();
          options.asyncTransport = ironjar::onThreads(counted(), 1);
          options.revoked = list;
          if (change) change(options, session);
        }),
        server(kind.make({.login = *site.login,
                          .fetcher = ironjar::Fetcher({.transport = counted(),
                                                       .asyncTransport = ironjar::onThreads(counted(), 1),
                                                       .allowedOrigins = {"https://api.example"},
                                                       .tokenEndpoint = {.url = "https://id.example/token"},
                                                       .now = site.clock.wall()}),
                          .routes = {.afterLogout = "/bye",
                                     .backChannelLogoutPath = "/backchannel",
                                     .frontChannelLogoutPath = "/frontchannel"},
                          .auth = std::move(auth)})) {
    // The provider signs its logout tokens with another key than its ID tokens.
    ironjar::Response published = site.id.handle({.url = "https://id.example/keys"}, {}).value();
    Json keys = Json::parse(published.body);
    keys["keys"].push_back(tokens.jwk());
    published.body = keys.dump();
    site.change([&](ironjar::testing::ProviderBehaviour& provider) {
      provider.claims = {{"sid", "s-1"}};
      provider.insteadAt.insert_or_assign("/keys", published);
    });
  }

  // With the browser's cookies, which it keeps; status 0 when nothing comes.
  ironjar::Response send(const std::string& method, const std::string& target, const std::string& fields = {},
                         const std::string& body = {}) {
    const std::string cookies = ada.cookies.empty() ? std::string() : "Cookie: " + ada.header() + "\r\n";
    ironjar::Response response = sendWithout(method, target, cookies + fields, body);
    ada.take(response.headers);
    return response;
  }
  ironjar::Response get(const std::string& target) { return send("GET", target); }
  // On a connection of its own, without cookies.
  [[nodiscard]] ironjar::Response sendWithout(const std::string& method, const std::string& target,
                                              const std::string& fields = {}, const std::string& body = {}) const {
    const RawClient client(server->port());
    std::string text = method + " " + target + " HTTP/1.1\r\nHost: app.example\r\n" + fields;
    if (!body.empty() || method == "POST") text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    client.send(text + "\r\n" + body);
    ironjar::ResponseReader reader(method, {.maxBodySize = std::size_t{1} << 20U});
    while (!reader.complete()) {
      const std::string more = client.receiveSome(std::chrono::seconds{60});
      if (more.empty() || reader.read(more)) break;
    }
    return reader.complete() ? reader.take() : ironjar::Response{};
  }
  static std::string targetOf(const std::string& url) { return url.substr(url.find('/', 8)); }
  // GET /login, the user says yes: the callback's target.
  std::string begin(const std::string& query = {}) {
    return targetOf(site.id.signIn(LoginSite::locationOf(get("/login" + query))));
  }
  // All of it; where it leads.
  std::string signIn(const std::string& query = {}) { return LoginSite::locationOf(get(begin(query))); }
  [[nodiscard]] std::string user() const { return site.userOf(ada); }

  // As LogoutTokens makes it, now.
  [[nodiscard]] std::string logoutToken(const Json& change = Json::object(),
                                        const Json& headerChange = Json::object()) const {
    return tokens.token(site.clock.wallNow(), change, headerChange);
  }
  ironjar::Response backChannel(const std::string& token) const {
    return sendWithout("POST", "/backchannel", "Content-Type: application/x-www-form-urlencoded\r\n",
                       "logout_token=" + token);
  }

  std::shared_ptr<ironjar::LocalRevocationList> list = std::make_shared<ironjar::LocalRevocationList>(
      ironjar::RevocationOptions{.now = [this] { return site.clock.wallNow(); }});
  std::mutex mutex;  // the provider is for one thread at a time
  int keyRequests = 0;
  LogoutTokens tokens;
  LoginSite site;
  Visitor ada;
  std::unique_ptr<LoginServer> server;

 private:
  ironjar::Transport counted() {
    return [this](const ironjar::Request& request, ironjar::Deadline deadline) {
      const std::lock_guard lock(mutex);
      if (request.url.ends_with("/keys")) ++keyRequests;
      return site.id.transport()(request, deadline);
    };
  }
};

inline const std::string isForm = "Content-Type: application/x-www-form-urlencoded\r\n";

inline std::string fieldOf(const ironjar::Response& response, std::string_view name) {
  return std::string(ironjar::findHeader(response.headers, name).value_or(""));
}

// The same test on each server.
inline void onEachLoginServer(const std::function<void(ServedLogin&)>& test, const ServedLogin::Change& change = {}) {
  for (const auto& kind : loginServers) {
    CAPTURE(kind.name);
    ServedLogin served(kind, change);
    test(served);
  }
}

}  // namespace support

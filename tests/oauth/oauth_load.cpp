// One user of a real OAuth server under load: her access token ends, and many requests come at once with her cookie,
// then some late ones with the cookie before. Reads what provider.mjs prints.
//
//   oauth_load ROUNDS THREADS < line
#include <atomic>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include <ironjar/dpop.hpp>
#include <ironjar/httplib.hpp>
#include <ironjar/ironjar.hpp>

namespace {

using namespace ironjar;

ClientAuth authOf(const Json& provider) {
  const std::string method = provider.at("method");
  const Json& client = provider.at("client");
  const std::string id = client.at("client_id");
  ClientAssertion assertion{.clientId = id, .audience = provider.at("issuer")};
  if (method == "dpop") return publicClient(id.c_str());
  if (method == "private_key_jwt") {
    assertion.keyId = "k1";
    return privateKeyJwt(assertion, provider.at("key").get<std::string>().c_str());
  }
  const std::string secret = client.at("client_secret");
  if (method == "client_secret_jwt") return clientSecretJwt(assertion, secret.c_str());
  return basicAuth(id.c_str(), secret.c_str());
}

// As the provider has granted them, or bought with its code by the library itself.
TokenSet firstTokens(const FetchOptions& options, const Json& provider) {
  const Json& granted = provider.at("tokens");
  if (!granted.contains("code")) {
    return {.accessToken = granted.at("access_token"),
            .refreshToken = granted.at("refresh_token"),
            .resource = options.tokenEndpoint.resource};
  }
  const Headers fields = {{"grant_type", "authorization_code"},
                          {"code", granted.at("code")},
                          {"redirect_uri", provider.at("client").at("redirect_uris").at(0)}};
  return requestTokens(options.transport, options.tokenEndpoint, fields, {.dpopKey = generateDpopKey()}).value();
}

struct Load {
  explicit Load(const Json& provider)
      : api(provider.at("api").get<std::string>()),
        fetchers(fetchersOf(provider)),
        jar({.cookieName = "session",
             .passwords = "a-password-of-this-test-that-is-long-enough",
             .commitHooks = fetchers.front().commitHooks()}) {}

  // One for each resource, or for all there is.
  std::vector<Fetcher> fetchersOf(const Json& provider) const {
    FetchOptions options{
        .transport = httplibTransport(),
        .allowedOrigins = {api},
        .allowHttpOnLoopback = true,
        .tokenEndpoint = {.url = provider.at("tokenEndpoint").get<std::string>(),
                          .clientAuth = authOf(provider),
                          .allowHttpOnLoopback = true},
        .coordinator = std::make_shared<LocalCoordinator>(LocalCoordinatorOptions{.refusedBurst = 1'000'000})};
    std::vector<Fetcher> made;
    for (const Json& resource : provider.at("resources")) {
      options.tokenEndpoint.resource = resource.get<std::string>();
      made.emplace_back(options);
    }
    if (made.empty()) made.emplace_back(options);
    return made;
  }

  std::string save(Session& session) {
    const auto cookies = jar.commit(session).value();
    return cookies.empty() ? "" : cookies.at(0).substr(0, cookies.at(0).find(';'));
  }

  // Sends one request with this cookie; the cookie that the response sets.
  std::string visit(const std::string& cookie) {
    Session session = jar.open(cookie);
    const std::size_t which = begun++ % fetchers.size();
    const auto response = fetchers[which].performFetch(session, {.url = api + "/" + std::to_string(which)});
    if (response && response->status == 200) {
      ++good;
    } else {
      std::cerr << (response ? std::to_string(response->status) : response.error().detail) + "\n";
    }
    if (session.destroyed() || session.detached()) ++logouts;
    return save(session);
  }

  Json ask(const std::string& path) {
    httplib::Client client(api);
    return Json::parse(client.Get(path)->body);
  }

  std::string api;
  std::vector<Fetcher> fetchers;
  SessionJar jar;
  std::atomic<std::size_t> begun{0};
  std::atomic<int> good{0};
  std::atomic<int> logouts{0};
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::cerr << "usage: oauth_load ROUNDS THREADS < line\n", 2;
  const int rounds = std::atoi(argv[1]);
  const int count = std::atoi(argv[2]);
  constexpr int late = 5;
  std::string line;
  std::getline(std::cin, line);
  const Json provider = Json::parse(line);
  Load load(provider);

  Session session = load.jar.open("");
  const TokenSet first = firstTokens(load.fetchers.front().options(), provider);
  session.setTokens(first);
  std::string cookie = load.save(session);
  for (int round = 0; round < rounds; ++round) {
    load.ask("/expire");
    std::vector<std::string> cookies(static_cast<std::size_t>(count));
    std::vector<std::thread> threads;
    for (std::string& mine : cookies) threads.emplace_back([&] { mine = load.visit(cookie); });
    for (std::thread& thread : threads) thread.join();
    for (int i = 0; i < late; ++i) static_cast<void>(load.visit(cookie));
    cookie = cookies.back();
  }

  const Json stats = load.ask("/stats");
  const int requests = rounds * (count + late);
  std::cout << requests << " requests, " << load.good << " answered, " << stats.at("refreshes") << " refreshes in "
            << rounds << " rounds, " << stats.at("refused") << " refused, " << load.logouts << " logouts\n";
  const auto due = static_cast<std::size_t>(rounds) * load.fetchers.size();
  const bool held = load.good == requests && load.logouts == 0 && stats.at("refreshes") == due &&
                    stats.at("refused") == 0 && stats.at("loginsEnded") == 0 &&
                    (stats.at("nonces") > 0) == (provider.at("method") == "dpop");
  // The server does what the test is about: a refresh token that comes twice ends the login.
  const FetchOptions& options = load.fetchers.front().options();
  const auto stolen = requestTokens(options.transport, options.tokenEndpoint,
                                    {{"grant_type", "refresh_token"}, {"refresh_token", first.refreshToken}},
                                    {.dpopKey = first.dpopKey});
  const bool isStrict =
      !stolen && stolen.error().end == RefreshEnd::invalidGrant && load.ask("/stats").at("loginsEnded") == 1;
  if (!isStrict) std::cout << "FAILED: the server does not punish reuse, so this proves nothing\n";
  return held && isStrict ? 0 : 1;
}

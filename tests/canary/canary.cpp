// A program full of secrets that are told from anything else, for tests/check.sh canary to look for in what it leaves
// behind. They come on standard input, one a line: password, PASERK password, access token, refresh token, id_token,
// client secret.
//
//   canary tell     walks into every failure it can think of, Redis' too, and prints whatever a program could log of
//   it: errors,
//                   exceptions, events, traces, metrics
//   canary control  the same, and a secret
//   canary core PASSWORD_FILE   seals and opens, lets go of its keys, prints the salt of a Fe26.2 seal's encryption key
//                               and waits to be dumped
//   canary hold PASSWORD_FILE   likewise, but keeps the keys
#include <chrono>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>
#include <unistd.h>
#include <vector>

#include <ironjar/ironjar.hpp>
#include <ironjar/prometheus.hpp>
#include <ironjar/redis.hpp>

using namespace ironjar;

namespace {

struct Secrets {
  std::string password, paserk, access, refresh, idToken, client;
};

Secrets readSecrets() {
  Secrets s;
  for (std::string* line : {&s.password, &s.paserk, &s.access, &s.refresh, &s.idToken, &s.client}) {
    if (!std::getline(std::cin, *line) || line->empty()) throw std::runtime_error("six secrets are needed");
  }
  return s;
}

void tell(const Error& error) { std::cout << "error " << describe(error.code) << ": " << error.detail << '\n'; }
template <class T>
void tell(const Result<T>& result) {
  if (!result) tell(result.error());
  try {
    static_cast<void>(result.value());
  } catch (const std::exception& thrown) {
    std::cout << "value() " << thrown.what() << '\n';
  }
}
// What a constructor says of options that it refuses.
template <class Make>
void tellRefusal(const Make& make) {
  try {
    make();
    std::cout << "accepted\n";
  } catch (const std::exception& refusal) {
    std::cout << "refused " << refusal.what() << '\n';
  }
}

void refusals(const Secrets& s) {
  tellRefusal([&] { Passwords(s.password.substr(0, 31)); });
  tellRefusal([&] { Passwords(s.password + "\n"); });
  tellRefusal([&] { Passwords(s.password + "\xff"); });
  tellRefusal([&] { Passwords(s.paserk + "="); });
  tellRefusal([&] { Passwords({{1, s.password.c_str()}, {2, s.password.c_str()}}); });
  tellRefusal([&] { SessionJar({.cookieName = "a b", .passwords = s.password}); });
  tellRefusal([&] { Fetcher({.transport = {}, .allowedOrigins = {"https://user:" + s.client + "@api.example"}}); });
  tellRefusal([&] {
    Fetcher({.transport = [](const Request&, Deadline) -> Result<Response> { return fail(Errc::transport); },
             .allowedOrigins = {"https://api.example"},
             .tokenEndpoint = {.url = "http://id.example/token",
                               .clientAuth = basicAuth("web", s.client.c_str()),
                               .headers = {{"X", s.client + "\r\n"}}}});
  });
}

void seals(const Secrets& s) {
  const Passwords passwords({{2, s.password.c_str()}, {1, s.paserk.c_str()}});
  for (const SealFormat format : {SealFormat::native, SealFormat::fe26}) {
    const SealOptions options{.formats = {format}};
    const Json data = {{"accessToken", s.access}, {"refreshToken", s.refresh}};
    std::string seal = *sealData(data, passwords, options);
    tell(unsealData(seal, s.paserk, options));  // an unknown key
    tell(unsealData(seal, passwords,
                    {.formats = {format}, .now = [] { return systemClock() + std::chrono::hours{24 * 100}; }}));
    seal[seal.size() / 2] = seal[seal.size() / 2] == 'A' ? 'B' : 'A';
    tell(unsealData(seal, passwords, options));
    tell(unsealData(seal.substr(0, seal.size() / 2), passwords, options));
    tell(sealData({{"x", s.refresh + "\xff"}}, passwords, options));
    tell(sealData({{"x", s.refresh + std::string(70'000, 'x')}}, passwords, options));
    tell(unsealData(data.dump(), passwords, options));
  }
}

// Providers that fail in every way, most of them with what they were sent in their answers.
std::vector<Result<Response>> answers(const Secrets& s) {
  const std::string echo = s.refresh + " " + s.access + " " + s.client;
  std::vector<Result<Response>> all = {
      fail(Errc::timeout),
      fail(Errc::transport),
      fail(Errc::unreachable),
      Response{.status = 200, .body = "<html>" + echo},
      Response{.status = 200, .body = Json{{"access_token", s.access + " \n"}}.dump()},
      Response{.status = 200, .body = Json{{"access_token", s.access}, {"refresh_token", s.refresh + "\r\n"}}.dump()},
      Response{.status = 200,
               .headers = {{"Set-Cookie", "sso=" + s.access}},
               .body = Json{{"access_token", s.access}, {"refresh_token", s.refresh}, {"id_token", s.idToken}}.dump()}};
  for (const int status : {400, 401, 403, 429, 500, 503}) {
    for (const std::string& code : {std::string("invalid_grant"), std::string("invalid_client"), echo}) {
      all.emplace_back(Response{.status = status,
                                .headers = {{"Retry-After", echo}, {"Location", "https://id.example/?" + s.refresh}},
                                .body = Json{{"error", code}, {"error_description", echo}}.dump()});
    }
  }
  return all;
}

void fetches(const Secrets& s) {
  for (const Result<Response>& answer : answers(s)) {
    const auto coordinator = std::make_shared<LocalCoordinator>(LocalCoordinatorOptions{});
    PrometheusMetrics metrics(coordinator);
    std::ostringstream lines;
    const Observer observer = combined({metrics.observer(), logLines(lines)});
    const Fetcher fetcher({.transport = [&](const Request& request, Deadline) -> Result<Response> {
                             if (request.url.find("id.example") != std::string::npos) return answer;
                             return Response{.status = 401, .headers = {{"WWW-Authenticate", "Bearer " + s.access}}};
                           },
                           .allowedOrigins = {"https://api.example"},
                           .tokenEndpoint = {.url = "https://id.example/token",
                                             .clientAuth = postAuth("web", s.client.c_str()),
                                             .cookies = {"sso"},
                                             .revocationUrl = "https://id.example/revoke"},
                           .coordinator = coordinator,
                           .observer = observer});
    const SessionJar jar(
        {.cookieName = "sid", .passwords = s.password, .commitHooks = fetcher.commitHooks(), .observer = observer});
    Session session = jar.open("sid=ij1.garbage; sid=" + s.access);
    session.setTokens({.accessToken = s.access, .refreshToken = s.refresh});
    const auto fetched = fetcher.performFetch(session, {.url = "https://api.example/" + s.access});
    tell(fetched);
    if (fetched) std::cout << "trace " << fetched->trace.attempts << ' ' << nameOf(fetched->trace.refreshedBy) << '\n';
    tell(fetcher.performFetch(session, {.url = "https://evil.example/" + s.access}));
    tell(fetcher.performFetch(session, {.method = "GET " + s.access, .url = "https://api.example/"}));
    tell(fetcher.refresh(session));
    if (session.rejection()) tell(*session.rejection());
    tell(jar.commit(session));
    std::cout << "tag " << session.tag() << '\n';
    session.set("huge", s.refresh + std::string(20'000, 'x'));
    tell(jar.commit(session));
    session.destroy();
    session.set("x", s.refresh);
    if (session.rejection()) tell(*session.rejection());
    tell(jar.commit(session));
    std::cout << lines.str() << metrics.text();
  }
}

// A Redis that is not there, and one that is no Redis.
void redis(const Secrets& s) {
  tellRefusal([&] { Redis({.passwords = s.password, .user = s.client}); });
  tellRefusal([&] { Redis({.passwords = s.password, .host = "", .password = s.client}); });
  for (const char* const path : {"/nonexistent", "/dev/null"}) {
    std::ostringstream lines;
    {
      const auto broken = std::make_shared<Redis>(
          RedisOptions{.passwords = s.password, .unixSocket = path, .password = s.client, .observer = logLines(lines)});
      RedisCoordinator coordinator(broken);
      for (int i = 0; i < 4; ++i) {
        const TokenSet spent{.accessToken = s.access, .refreshToken = s.refresh + std::to_string(i)};
        tell(coordinator.refresh(
            "web " + s.client, spent, [](const TokenSet&) { return RefreshAnswer{.tokens = fail(Errc::transport)}; },
            std::chrono::steady_clock::now() + std::chrono::seconds{5}));
      }
    }
    std::cout << lines.str();
  }
}

// Reads the passwords as a server does, from a file: nothing else in this process has ever held them.
int waitForDump(const char* passwordFile, bool hold) {
  std::string salt;
  std::optional<Passwords> passwords = Passwords::fromFile(passwordFile);
  for (const SealFormat format : {SealFormat::native, SealFormat::fe26}) {
    const std::string seal = *sealData({{"n", 1}}, *passwords, {.formats = {format}});
    if (!unsealData(seal, *passwords, {.formats = {format}})) return 1;
    if (format == SealFormat::fe26) salt = seal.substr(9, 64);
  }
  if (!hold) passwords.reset();
  std::cout << salt << std::endl;
  ::pause();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if ((mode == "core" || mode == "hold") && argc == 3) return waitForDump(argv[2], mode == "hold");
  if (mode != "tell" && mode != "control") return 2;
  const Secrets secrets = readSecrets();
  refusals(secrets);
  seals(secrets);
  fetches(secrets);
  redis(secrets);
  if (mode == "control") std::cout << "control " << secrets.refresh << '\n';
  return 0;
}

#include "support/support.hpp"
#include "support/upstream.hpp"

namespace fetch_origins_test {

using namespace ironjar;
using support::Upstream;

TEST_CASE("V21 tokens go over http to this machine only, and only when it is said so") {
  Upstream upstream;
  const auto refuses = [&](const char* origin, bool allows) {
    FetchOptions options = support::fetchOptions(upstream);
    options.allowedOrigins = {support::api, origin};
    options.allowHttpOnLoopback = allows;
    try {
      const Fetcher fetcher(std::move(options));
      return false;
    } catch (const std::invalid_argument& problem) {
      CHECK(std::string(problem.what()).find("allowHttpOnLoopback") != std::string::npos);
      return true;
    }
  };
  for (const char* origin : {"http://127.0.0.1:8080", "http://localhost:8080", "http://[::1]", "HTTP://LOCALHOST"}) {
    CAPTURE(origin);
    CHECK(refuses(origin, false));
    CHECK_FALSE(refuses(origin, true));
  }
  for (const char* origin :
       {"http://api.example", "http://10.0.0.1", "http://127.0.0.1.example", "http://localhost.example", "http://[::2]",
        "http://0.0.0.0", "http://[::ffff:127.0.0.1]"}) {
    CAPTURE(origin);
    CHECK(refuses(origin, false));
    CHECK(refuses(origin, true));
  }
}

TEST_CASE("V06 a path that is excluded is so in every spelling that a server takes for it") {
  Upstream upstream;
  FetchOptions options = support::fetchOptions(upstream);
  options.excludedPaths = {"/login", "/%61uth/"};
  const Fetcher fetcher(options);
  upstream.api.behave({.always401 = true});
  const auto refreshes = [&](const std::string& path) {
    Session session;
    session.setTokens(upstream.provider.login());
    const auto before = upstream.provider.counts().tokenCalls;
    const auto response = fetcher.performFetch(session, {.url = support::api + path});
    CHECK(response->status == 401);
    return upstream.provider.counts().tokenCalls != before;
  };
  for (const char* path :
       {"/login",          "/login/",    "/login/x",     "/login?x",        "//login",       "/%6cogin",
        "/%256cogin",      "/%6%63ogin", "/x/../login",  "/x/%2e%2e/login", "/./login",      "/../login",
        "/x%2f..%2flogin", "/login;v=1", "/login%3bv=1", "/;/login",        "/x;y/../login", "/%5clogin",
        "/login%00",       "/login%3fx", "/%2flogin",    "/auth/x",         "/auth//x",      "/%61uth/x"}) {
    CAPTURE(path);
    CHECK_FALSE(refreshes(path));
  }
  for (const char* path : {"/", "/loginx", "/x/login", "/login/../x", "/auth", "/a?/login", "/x;/login"}) {
    CAPTURE(path);
    CHECK(refreshes(path));
  }
}

}  // namespace fetch_origins_test

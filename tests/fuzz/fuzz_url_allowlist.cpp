// Where tokens may go: performFetch's decision on a URL against a second implementation of the rules, written as a walk
// over the characters; and never for what browsers and other parsers read differently.
#include "fuzz.hpp"

using namespace ironjar;

namespace {

char small(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// True when the URL is one of the two allowed ones: `https://api.example` and `http://127.0.0.1:8080`.
bool isAllowed(const std::string& url) {
  for (const char c : url) {
    if (c <= ' ' || c > '~' || c == '\\' || c == '#') return false;
  }
  const auto isOrigin = [&](const std::string& origin, const std::string& defaultPort) {
    std::size_t at = 0;
    for (const char c : origin) {
      if (at >= url.size() || small(url[at++]) != c) return false;
    }
    if (url.compare(at, defaultPort.size(), defaultPort) == 0) {
      const char next = at + defaultPort.size() < url.size() ? url[at + defaultPort.size()] : '/';
      if (next == '/' || next == '?') return true;
    }
    return at == url.size() || url[at] == '/' || url[at] == '?';
  };
  return isOrigin("https://api.example", ":443") || isOrigin("http://127.0.0.1:8080", "");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static std::string sentTo;
  static const Fetcher fetcher({.transport = [](const Request& request, Deadline) -> Result<Response> {
                                  sentTo = request.url;
                                  return Response{.status = 200};
                                },
                                .allowedOrigins = {"https://api.example", "http://127.0.0.1:8080"},
                                .allowHttpOnLoopback = true,
                                .tokenEndpoint = {.url = "https://id.example/token", .clientAuth = basicAuth("a", "b")},
                                .now = fuzz::noon});
  fuzz::Input input(data, size);
  // Half of the inputs begin like an allowed URL, where the traps are.
  const std::string url = std::string(input.flag() ? "https://api.example" : "").append(input.rest());
  Session session;
  session.setTokens({.accessToken = "at", .refreshToken = "rt"});
  sentTo.clear();
  const Result<Response> got = fetcher.performFetch(session, {.url = url});
  fuzz::require(got.has_value() == isAllowed(url), "both decide alike");
  fuzz::require(got.has_value() == !sentTo.empty(), "and nothing is sent elsewhere");
  if (!got) {
    fuzz::requireError(got, {Errc::notAllowed, Errc::malformed});
    return 0;
  }
  const std::size_t host = url.find("://") + 3;
  const std::string authority = url.substr(host, url.find_first_of("/?", host) - host);
  fuzz::require(authority.find_first_of("@\\%") == std::string::npos, "no user information, no backslash");
  return 0;
}

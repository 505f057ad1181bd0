// A callback of a login as a browser may send it: query or form, Content-Type and Cookie. An attempt is pending; in the
// input 0x01 is its state, 0x02 its cookie, 0x03 the issuer, percent-encoded. The provider gives tokens whose ID token
// is nobody's, so that nobody must be signed in, whatever comes; and the code is sent for an attempt alone that the
// browser has the cookie of.
#include "fuzz.hpp"

#include <ironjar/login.hpp>
#include <ironjar/tokens.hpp>

using namespace ironjar;

namespace {

constexpr const char* metadata = R"({"issuer": "https://id.example",
  "authorization_endpoint": "https://id.example/authorize", "token_endpoint": "https://id.example/token",
  "jwks_uri": "https://id.example/keys", "response_types_supported": ["code"],
  "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["ES256"]})";

int exchanges = 0;

Response provider(const Request& request) {
  if (request.url.ends_with("/keys")) return {.status = 200, .body = R"({"keys": []})"};
  if (!request.url.ends_with("/token")) return {.status = 200, .body = metadata};
  ++exchanges;
  return {.status = 200, .body = R"({"access_token": "at", "token_type": "Bearer", "id_token": "e30.e30.AA"})"};
}

SessionOptions sessionOptions(bool isForm) {
  SessionOptions options{.cookieName = "__Host-sid", .passwords = fuzz::password};
  options.seal.now = fuzz::noon;
  if (isForm) options.cookie.sameSite = SameSite::none;
  return options;
}

// A site, and an attempt that a browser has begun there.
struct Site {
  explicit Site(bool isForm)
      : jar(sessionOptions(isForm)),
        login(jar, {.issuer = "https://id.example",
                    .client = postAuth("web", "secret"),
                    .redirectUri = "https://app.example/callback",
                    .transport = [](const Request& request, Deadline) -> Result<Response> { return provider(request); },
                    .formPost = isForm}) {
    const Response begun = login.begin(WebRequest(), {.returnTo = "/orders"});
    const std::string setCookie(findHeader(begun.headers, "Set-Cookie").value());
    cookie = setCookie.substr(0, setCookie.find(';'));
    state = cookie.substr(0, cookie.find('=')).substr(std::string_view("__Host-sid-login-").size());
  }

  SessionJar jar;
  Login login;
  std::string cookie;
  std::string state;
};

std::string filledIn(std::string_view text, const Site& site) {
  std::string filled;
  for (const char c : text) {
    if (c == '\x01') {
      filled += site.state;
    } else if (c == '\x02') {
      filled += site.cookie;
    } else if (c == '\x03') {
      filled += "https%3A%2F%2Fid.example";
    } else {
      filled += c;
    }
  }
  return filled;
}

bool isPath(std::string_view place) {
  return place.starts_with('/') && !place.starts_with("//") && !place.starts_with("/\\");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Site query(false);
  static const Site form(true);
  fuzz::Input input(data, size);
  const unsigned variant = input.byte();
  const Site& site = (variant & 1U) != 0 ? form : query;
  const bool isPost = (variant & 2U) != 0;
  const std::string type = (variant & 4U) != 0 ? std::string(input.text()) : "application/x-www-form-urlencoded";
  const std::string cookies = filledIn(input.text(), site);
  const std::string fields = filledIn(input.rest(), site);

  const std::string target = isPost ? "/callback" : "/callback?" + fields;
  const WebRequest request{.method = isPost ? "POST" : "GET",
                           .target = target,
                           .fields = {{"Cookie", cookies}, {"Content-Type", type}},
                           .body = isPost ? std::string_view(fields) : std::string_view()};
  exchanges = 0;
  Session session = site.jar.open(cookies);
  const Response response = site.login.callback(request, session);
  fuzz::require(!session.tokens() && !session.changed(), "nobody is signed in");
  fuzz::require(exchanges == 0 || (exchanges == 1 && cookies.find(site.cookie) != std::string::npos &&
                                   fields.find(site.state) != std::string::npos),
                "a code is spent for an attempt of this browser alone");
  const std::string location(findHeader(response.headers, "Location").value_or(""));
  fuzz::require((response.status == 303) == !location.empty(), "leads somewhere, or says why not");
  fuzz::require(location.empty() || isPath(location) || location.starts_with("https://id.example/authorize?"),
                "leads to the site or to the provider");
  for (const auto& [name, value] : response.headers) {
    fuzz::require(std::none_of(value.begin(), value.end(), [](char c) { return c >= 0 && c < ' '; }), "one line");
    if (name != "Set-Cookie") continue;
    const auto cookie = parseSetCookie(value);
    fuzz::require(cookie && cookie->name.starts_with("__Host-sid-login-"), "sets attempts' cookies alone");
  }
  return 0;
}

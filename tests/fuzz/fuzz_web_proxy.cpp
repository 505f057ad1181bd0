// What a proxy passes on, up and down, against rules written anew: no path that a naive server would take for one
// outside, no field that only a proxy may send, nothing withheld, no control characters.
#include "base/url_path.hpp"
#include "fuzz.hpp"

using namespace ironjar;

namespace {

constexpr const char* api = "https://api.example";

// As a simple server decodes: once, from the left, what is no code as it is.
std::string decodedOnce(std::string_view text) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool isCode = text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0;
    out += isCode ? static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2])) : text[i];
    if (isCode) i += 2;
  }
  return out;
}

// Whether some walk over the segments goes up: with `\` as a separator or not, parameters or what follows NUL cut off
// or not, controls skipped or not.
bool goesUp(std::string_view path) {
  std::string segment;
  const auto isUp = [&] {
    std::string visible;
    for (const char c : segment) {
      if (static_cast<unsigned char>(c) > ' ') visible += c;
    }
    return visible == ".." || visible.starts_with("..;") || segment.starts_with(std::string_view("..\0", 3));
  };
  for (const char c : path) {
    if (c == '/' || c == '\\') {
      if (isUp()) return true;
      segment.clear();
    } else {
      segment += c;
    }
  }
  return isUp();
}

std::string folded(std::string_view name) {
  std::string out;
  for (const char c : name) out += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c == '_' ? '-' : c;
  return out;
}

void requireSendable(const Headers& headers) {
  for (const auto& [name, value] : headers) {
    const std::string both = name + value;
    fuzz::require(
        std::none_of(both.begin(), both.end(), [](char c) { return (c >= 0 && c < ' ' && c != '\t') || c == 127; }),
        "no control characters");
    fuzz::require(!name.empty() && name.find_first_of(" :\t") == std::string::npos, "names are names");
  }
}

bool isIn(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

void requireUp(const Request& request) {
  fuzz::require(request.url.starts_with(std::string(api) + "/v1"), "below the upstream");
  const std::string_view rest = std::string_view(request.url).substr(std::string_view(api).size());
  const std::string path(rest.substr(0, rest.find('?')));
  const std::string once = decodedOnce(path);
  for (const std::string& as : {path, once, decodedOnce(once)}) fuzz::require(!goesUp(as), "no path that goes up");
  fuzz::require(detail::normalizedPath(path).starts_with("/v1"), "nor one that is elsewhere when it is normalised");
  requireSendable(request.headers);
  for (const auto& [given, value] : request.headers) {
    const std::string name = folded(given);
    fuzz::require(!isIn(name, {"cookie",
                               "authorization",
                               "host",
                               "range",
                               "if-range",
                               "origin",
                               "connection",
                               "via",
                               "forwarded",
                               "content-length",
                               "transfer-encoding",
                               "x-real-ip",
                               "x-original-url",
                               "x-rewrite-url",
                               "x-http-method-override",
                               "x-method-override",
                               "true-client-ip",
                               "cf-connecting-ip",
                               "te",
                               "upgrade",
                               "expect"}) &&
                      !name.starts_with("x-forwarded"),
                  "no withheld field goes up");
  }
}

void requireDown(const Response& response) {
  requireSendable(response.headers);
  int nosniff = 0;
  for (const auto& [given, value] : response.headers) {
    const std::string name = folded(given);
    nosniff += name == "x-content-type-options" ? 1 : 0;
    fuzz::require(!isIn(name, {"refresh", "link", "www-authenticate", "set-cookie2", "x-litespeed-location",
                               "x-lighttpd-send-file", "x-sendfile", "x-accel-redirect", "transfer-encoding",
                               "content-length", "connection", "clear-site-data", "expires", "content-range"}),
                  "no withheld field comes down");
    fuzz::require(name != "cache-control" || value == "no-store", "no caching");
    fuzz::require(name != "set-cookie" || (value.starts_with("a=") || value.find("a") != std::string::npos),
                  "only a cookie that is named");
    const bool isOurs =
        value == "/data" || value.starts_with("/data/") || value.starts_with("/data?") || value.starts_with("/data#");
    fuzz::require(name != "location" || (isOurs && !climbs(value.substr(0, value.find('#')))), "a Location is ours");
  }
  fuzz::require(nosniff == 1, "nothing is sniffed");
}

// What of a handshake passes, either way, is written by us or the same as on the other side.
void requireWebSocket(const Proxy& proxy, const WebRequest& request, Response response) {
  const auto next = proxy.webSocketRequest(request, Session());
  const auto* const up = std::get_if<Request>(&next);
  if (up != nullptr) {
    requireUp(*up);
    fuzz::require(request.method == "GET" && up->upgrade == "websocket" && up->freshConnection, "one GET of its own");
    fuzz::require(findHeader(up->headers, "Sec-WebSocket-Version") == "13", "of one version");
    const auto isOrigin = [](const FieldView& field) {
      return folded(field.first) == "origin" && !field.second.empty();
    };
    fuzz::require(std::count_if(request.fields.begin(), request.fields.end(), isOrigin) == 1, "with one Origin");
  }
  response.status = 101;
  response.upgraded = std::make_shared<Upgraded>();
  const Response down = proxy.forBrowser(request, std::move(response));
  requireSendable(down.headers);
  fuzz::require(down.status == 101 || down.status == 502, "switched as asked, or not");
  fuzz::require((down.status == 101) == (down.upgraded != nullptr), "what is not switched is closed");
  for (const auto& [given, value] : down.headers) {
    fuzz::require(isIn(folded(given), {"sec-websocket-accept", "sec-websocket-protocol", "sec-websocket-extensions",
                                       "set-cookie", "content-type"}),
                  "the handshake's fields alone come down");
  }
}

}  // namespace

// A target and fields, each ended by 0x1e: those of the request and those of the response in turn.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Proxy proxy(
      "/data", SessionJar({.cookieName = "sid", .passwords = fuzz::password}),
      Fetcher({.transport = [](const Request&, Deadline) -> Result<Response> { return Response{}; },
               .allowedOrigins = {api},
               .tokenEndpoint = {.url = "https://id.example/token", .clientAuth = basicAuth("a", "b")},
               .now = fuzz::noon}),
      std::string(api) + "/v1", {.setCookies = {"a"}, .anonymous = true});
  fuzz::Input input(data, size);
  const std::string target = "/data" + std::string(input.text());
  WebRequest request{.target = target};
  Response response{.status = 200};
  while (!input.empty()) {
    const std::string_view name = input.text();
    const std::string_view value = input.text();
    request.fields.emplace_back(name, value);
    response.headers.emplace_back(name, value);
  }
  const auto next = proxy.upstreamRequest(request, Session());
  if (const auto* up = std::get_if<Request>(&next)) requireUp(*up);
  requireDown(proxy.forBrowser(request, response));
  requireWebSocket(proxy, request, std::move(response));
  fuzz::require(detail::decodedFully(detail::decodedFully(target)) == detail::decodedFully(target),
                "decoded to the end");
  return 0;
}

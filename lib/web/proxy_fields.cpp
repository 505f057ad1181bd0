#include "web/proxy_fields.hpp"

#include "base/ascii.hpp"
#include "cookie/cookie_pairs.hpp"
#include "http/field.hpp"
#include "web/fields.hpp"

#include <algorithm>
#include <array>

namespace ironjar::detail {
namespace {

// In lower case.
template <std::size_t n>
constexpr std::array<std::string_view, n> names(const std::string_view (&list)[n]) {
  return std::to_array(list);
}

constexpr auto credentials = names({"cookie", "cookie2", "authorization", "x-serverless-authorization", "dpop"});
constexpr auto settledHere = names({"host", "origin", "referer", "accept-encoding", "range", "request-range",
                                    "if-range", "expect", "local-addr", "local-port"});
constexpr auto whereFrom =
    names({"via", "forwarded", "client-ip", "x-client-ip", "x-cluster-client-ip", "x-proxyuser-ip", "x-true-client-ip",
           "do-connecting-ip", "incap-client-ip", "front-end-https", "x-host", "x-scheme", "x-url-scheme"});
constexpr auto whereFromPrefixes = names({"x-forwarded",
                                          "forwarded-",
                                          "x-real-",
                                          "x-originating-",
                                          "true-client-",
                                          "wl-proxy-",
                                          "proxy-",
                                          "remote-",
                                          "x-remote-",
                                          "cf-",
                                          "fastly-",
                                          "fly-",
                                          "x-azure-",
                                          "x-appengine-",
                                          "x-envoy-",
                                          "x-arr-",
                                          "x-vercel-",
                                          "x-nf-",
                                          "sec-fetch-",
                                          "sec-websocket-",
                                          "access-control-request-"});
constexpr auto whoSent = names({"client-cert", "client-cert-chain", "x-client-dn", "x-client-verify"});
constexpr auto whoSentPrefixes = names({"ssl-client-",
                                        "x-ssl-",
                                        "x-auth-request-",
                                        "x-authenticated-",
                                        "x-webauth-",
                                        "x-goog-iap-",
                                        "x-goog-authenticated-",
                                        "x-amzn-oidc-",
                                        "x-amzn-mtls-",
                                        "x-authentik-",
                                        "x-pomerium-",
                                        "tailscale-",
                                        "x-ms-client-principal",
                                        "x-ms-token-",
                                        "x-apigateway-",
                                        "x-endpoint-api-",
                                        "x-consumer-",
                                        "x-credential-",
                                        "x-vouch-",
                                        "x-jwt-",
                                        "x-client-cert"});
constexpr auto elsewhere = names({"x-method-override", "x-override-url"});
constexpr auto elsewherePrefixes = names({"x-original-", "x-rewrite-", "x-http-", "x-middleware-", "x-accel-",
                                          "x-sendfile", "x-matched-path", "x-invoke-", "x-now-"});

constexpr auto neededOfAnApi =
    names({"content-type", "content-language", "content-disposition", "content-encoding", "etag", "last-modified",
           "retry-after", "allow", "accept-patch", "accept-post", "deprecation", "sunset", "preference-applied",
           "x-request-id", "x-correlation-id"});
constexpr auto neededOfAnApiPrefixes = names({"ratelimit", "x-ratelimit-"});
constexpr auto ofTheProxy = names(
    {"set-cookie", "set-cookie2", "location", "x-content-type-options", "accept-ranges", "content-range", "status"});
constexpr auto forServersPrefixes = names({"x-accel-", "x-sendfile", "x-litespeed-", "x-lighttpd-", "x-reproxy-"});

bool isAmong(std::string_view name, const auto&... lists) {
  return ((std::find(lists.begin(), lists.end(), name) != lists.end()) || ...);
}

bool startsAs(std::string_view name, const auto&... lists) {
  const auto isPrefix = [&](std::string_view prefix) { return name.starts_with(prefix); };
  return (std::any_of(lists.begin(), lists.end(), isPrefix) || ...);
}

// What stands before the `=` of a Set-Cookie value's part, without blanks.
std::string_view nameIn(std::string_view part) { return trim(part.substr(0, part.find('='))); }

}  // namespace

bool isForUpstream(std::string_view name, std::string_view value) {
  if (!isToken(name) || !isFieldValue(value)) return false;  // httplib may have decoded a %0a
  const std::string folded = foldedName(name);
  return !isHopByHop(folded) && !isAmong(folded, credentials, settledHere, whereFrom, whoSent, elsewhere) &&
         !startsAs(folded, whereFromPrefixes, whoSentPrefixes, elsewherePrefixes);
}

bool isForBrowser(std::string_view name) {
  return isAmong(name, neededOfAnApi) || startsAs(name, neededOfAnApiPrefixes);
}

bool isNeverForBrowser(std::string_view name) {
  return isHopByHop(name) || isCaching(name) || isAmong(name, ofTheProxy) || startsAs(name, forServersPrefixes);
}

bool isDocument(std::optional<std::string_view> contentType) {
  if (!contentType) return true;
  const std::string type = lower(trim(contentType->substr(0, contentType->find(';'))));
  const std::size_t slash = type.find('/');
  // Browsers take the last of several, and guess what is no type.
  if (contentType->find(',') != std::string_view::npos || slash == std::string::npos) return true;
  if (!isToken(type.substr(0, slash)) || !isToken(type.substr(slash + 1))) return true;
  const auto has = [&](std::string_view part) { return type.find(part) != std::string::npos; };
  return has("html") || has("xml") || has("xsl") || has("xul") || has("unknown") || has("*") ||
         type.starts_with("multipart/") || type.starts_with("message/");
}

std::optional<std::string> cookieForBrowser(std::string_view line, const std::vector<std::string>& names) {
  std::size_t end = std::min(line.find(';'), line.size());
  const std::string_view pair = line.substr(0, end);
  const bool mayPass = std::find(names.begin(), names.end(), nameIn(pair)) != names.end();
  if (!mayPass || pair.find('=') == std::string_view::npos || !isFieldValue(line)) return std::nullopt;
  std::string kept(pair);
  while (end < line.size()) {
    line.remove_prefix(end + 1);
    end = std::min(line.find(';'), line.size());
    const std::string_view attribute = line.substr(0, end);
    if (!equalIgnoringCase(nameIn(attribute), "Domain")) kept.append(";").append(attribute);
  }
  return kept;
}

}  // namespace ironjar::detail

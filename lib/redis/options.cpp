#include "redis/options.hpp"

#include "base/number.hpp"
#include "base/percent.hpp"

#include <arpa/inet.h>
#include <array>
#include <netinet/in.h>
#include <stdexcept>
#include <utility>

namespace ironjar::detail {
namespace {

constexpr std::size_t longestPath = 107;  // of sockaddr_un
constexpr int mostDatabases = 1'000'000;

[[noreturn]] void refuse(const std::string& why) { throw std::invalid_argument("ironjar: RedisOptions: " + why); }

// What readers of URLs could understand in two ways is accepted in escapes only (RFC 3986 section 2).
std::string decoded(std::string_view text, const std::string& part) {
  constexpr std::string_view ambiguous = "%@[]\\\"<>^`{|}";
  std::string plain;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto escape = escapeAt(text, at);
    const bool isPlain = isVisible(text[at]) && ambiguous.find(text[at]) == std::string_view::npos;
    if ((!escape && !isPlain) || escape == '\0') refuse("url: in its " + part + " something must be percent-encoded");
    plain += escape.value_or(text[at]);
    if (escape) at += 2;
  }
  return plain;
}

// The option of that name becomes what the URL says, and must not have said anything itself.
template <class T>
void take(T& option, const T& unset, T value, const std::string& name) {
  if (option != unset) refuse("url and " + name + " both say it: leave " + name + " as it is, or out of the url");
  option = std::move(value);
}

const RedisOptions& unset() {
  static const RedisOptions options{.passwords = "which-no-option-here-is-compared-to"};
  return options;
}

// `user:password@`; both may be missing.
void takeCredentials(std::string_view text, RedisOptions& options) {
  const std::size_t colon = text.find(':');
  const std::string user = decoded(text.substr(0, colon), "user");
  if (!user.empty()) take(options.user, unset().user, user, "user");
  if (colon == std::string_view::npos) return;
  std::string password = decoded(text.substr(colon + 1), "password");
  if (password.empty()) refuse("url: the password is empty");
  take(options.password, unset().password, std::move(password), "password");
}

bool isHostName(std::string_view host) {
  return !host.empty() && allOf(host, [](char c) { return isAlphanumeric(c) || c == '-' || c == '.' || c == '_'; });
}

std::string hostOf(std::string_view text) {
  if (text.starts_with('[') && text.ends_with(']')) {
    std::string address(text.substr(1, text.size() - 2));
    std::array<unsigned char, sizeof(in6_addr)> bytes{};
    if (::inet_pton(AF_INET6, address.c_str(), bytes.data()) == 1) return address;
  } else if (isHostName(text)) {
    return std::string(text);
  }
  refuse("url: the host is no name and no address; an IPv6 address stands in brackets");
}

// `host`, `host:port` or `[address]:port`.
void takeHost(std::string_view text, RedisOptions& options) {
  const std::size_t colon = text.find(':', text.starts_with('[') ? std::min(text.find(']'), text.size()) : 0);
  take(options.host, unset().host, hostOf(text.substr(0, colon)), "host");
  if (colon == std::string_view::npos) return;
  const auto port = parseCanonicalDecimal<int>(text.substr(colon + 1));
  if (!port || *port < 1 || *port > 65535) refuse("url: the port is between 1 and 65535");
  take(options.port, unset().port, *port, "port");
}

// `/2`; nothing and `/` say nothing.
void takeDatabase(std::string_view path, RedisOptions& options) {
  if (path.size() < 2) return;
  const auto database = parseCanonicalDecimal<int>(path.substr(1));
  if (!database || *database > mostDatabases) refuse("url: behind the host stands the number of a database, as /2");
  take(options.database, unset().database, *database, "database");
}

void takePath(std::string_view authority, std::string_view path, RedisOptions& options) {
  if (!authority.empty()) refuse("url: a unix url has no host: unix:///run/redis.sock");
  if (path.size() < 2) refuse("url: a unix url names a socket: unix:///run/redis.sock");
  take(options.unixSocket, unset().unixSocket, decoded(path, "path"), "unixSocket");
  if (options.host != unset().host || options.port != unset().port)
    refuse("a unix url takes the place of host and port");
}

// Whatever an @ follows may be a part of a password.
void refuseParameters(std::string_view url) {
  const std::size_t begin = url.find_first_of("?#");
  if (begin == std::string_view::npos) return;
  const std::string_view parameters = url.substr(begin + 1);
  if (url[begin] == '#' || parameters.find('@') != std::string_view::npos) {
    refuse("url: ? and # must be percent-encoded, and no fragment is known");
  }
  const std::string_view name = parameters.substr(0, parameters.find_first_of("=&#"));
  refuse("url: no parameter is known, nor is " + std::string(name.substr(0, 32)) + ": use the options");
}

// scheme://[[user]:password@]host[:port][/database] or unix://[[user]:password@]/path
void takeUrl(RedisOptions& options) {
  const std::string text = std::exchange(options.url, {});
  std::string_view url = text;
  const std::size_t colon = url.find("://");
  const std::string scheme = lower(url.substr(0, colon));
  const bool isKnown = scheme == "redis" || scheme == "rediss" || scheme == "unix";
  if (colon == std::string_view::npos || !isKnown) refuse("url begins with redis://, rediss:// or unix://");
  url.remove_prefix(colon + 3);
  refuseParameters(url);
  const std::size_t end = std::min(url.find('/'), url.size());
  std::string_view authority = url.substr(0, end);
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    takeCredentials(authority.substr(0, at), options);
    authority.remove_prefix(at + 1);
  }
  if (scheme == "unix") return takePath(authority, url.substr(end), options);
  if (scheme == "redis" && options.tls) refuse("url says redis://, and tls is set: write rediss://");
  options.tls = scheme == "rediss";
  if (!options.unixSocket.empty()) refuse("url and unixSocket name two servers: leave one of them out");
  takeHost(authority, options);
  takeDatabase(url.substr(end), options);
}

}  // namespace

RedisOptions checked(RedisOptions options) {
  if (!options.url.empty()) takeUrl(options);
  if (options.tls && !options.unixSocket.empty()) refuse("there is no TLS over a Unix socket: leave tls out");
  const bool hasFiles = !(options.caCertFile + options.clientCertFile + options.clientKeyFile).empty();
  if (hasFiles && !options.tls)
    refuse("caCertFile, clientCertFile and clientKeyFile are for TLS: set tls, or rediss://");
  if (options.clientCertFile.empty() != options.clientKeyFile.empty()) {
    refuse("clientCertFile and clientKeyFile go together: set both, or none");
  }
  if (options.unixSocket.empty() && options.host.empty()) refuse("host is empty");
  if (options.port < 1 || options.port > 65535) refuse("port is between 1 and 65535");
  if (options.unixSocket.size() > longestPath) refuse("unixSocket is longer than a socket's path may be");
  if (!options.user.empty() && options.password.empty()) refuse("user needs a password");
  if (options.database < 0) refuse("database is negative");
  if (options.prefix.empty()) refuse("prefix is empty: name the keys after the application");
  const auto isTime = [](std::chrono::milliseconds time) { return time.count() > 0 && time <= std::chrono::hours{1}; };
  if (!isTime(options.timeout) || !isTime(options.pause)) refuse("timeout and pause are between 1 ms and 1 h");
  if (options.failures == 0) refuse("failures is 0: Redis would never be asked");
  return options;
}

}  // namespace ironjar::detail

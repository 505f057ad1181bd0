#include "redis/options.hpp"

#include "base/number.hpp"
#include "base/percent.hpp"
#include "redis/policy.hpp"

#include <arpa/inet.h>
#include <array>
#include <netinet/in.h>
#include <stdexcept>
#include <utility>
#include <vector>

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
  refuse("a host is no name and no address; an IPv6 address stands in brackets");
}

void takeHost(std::string_view text, RedisOptions& options) {
  RedisEndpoint server = endpointIn(text, unset().port);
  take(options.host, unset().host, std::move(server.host), "host");
  if (server.port != unset().port) take(options.port, unset().port, server.port, "port");
}

// `host:port,host:port`
void takeHosts(std::string_view text, std::vector<std::string>& option, const std::string& name) {
  std::vector<std::string> hosts;
  std::size_t comma = text.find(',');
  for (; comma != std::string_view::npos; comma = text.find(',')) {
    hosts.emplace_back(text.substr(0, comma));
    text.remove_prefix(comma + 1);
  }
  hosts.emplace_back(text);
  take(option, {}, std::move(hosts), name);
}

// `/2`; nothing and `/` say nothing.
void takeDatabase(std::string_view path, RedisOptions& options) {
  if (path.size() < 2) return;
  const auto database = parseCanonicalDecimal<int>(path.substr(1));
  if (!database || *database > mostDatabases) refuse("url: behind the host stands the number of a database, as /2");
  take(options.database, unset().database, *database, "database");
}

// `/mymaster`, `/mymaster/2`
void takeMaster(std::string_view path, RedisOptions& options) {
  path.remove_prefix(std::min<std::size_t>(path.size(), 1));
  const std::size_t slash = std::min(path.find('/'), path.size());
  if (slash == 0) refuse("url: behind the sentinels stands the name of the master, as /mymaster");
  take(options.masterName, unset().masterName, decoded(path.substr(0, slash), "path"), "masterName");
  takeDatabase(path.substr(slash), options);
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

// scheme://[[user]:password@]host[:port][/database], with +sentinel several hosts and a master's name, with +cluster
// several hosts; or unix://[[user]:password@]/path
void takeUrl(RedisOptions& options) {
  const std::string text = std::exchange(options.url, {});
  std::string_view url = text;
  const std::size_t colon = url.find("://");
  const std::string all = colon == std::string_view::npos ? "" : lower(url.substr(0, colon));
  const std::string scheme = all.substr(0, all.find('+'));
  const std::string kind = all.substr(scheme.size());
  const bool isServer = scheme == "redis" || scheme == "rediss";
  const bool isKnown = isServer ? kind.empty() || kind == "+sentinel" || kind == "+cluster" : all == "unix";
  if (!isKnown) refuse("url begins with redis://, rediss:// or unix://, or with +sentinel or +cluster before the ://");
  url.remove_prefix(colon + 3);
  refuseParameters(url);
  const std::size_t end = std::min(url.find('/'), url.size());
  std::string_view authority = url.substr(0, end);
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    takeCredentials(authority.substr(0, at), options);
    authority.remove_prefix(at + 1);
  }
  if (scheme == "unix") return takePath(authority, url.substr(end), options);
  if (scheme == "redis" && options.tls) refuse("url says redis, and tls is set: write rediss");
  options.tls = scheme == "rediss";
  if (!options.unixSocket.empty()) refuse("url and unixSocket name two servers: leave one of them out");
  if (kind == "+sentinel") {
    takeHosts(authority, options.sentinels, "sentinels");
    return takeMaster(url.substr(end), options);
  }
  if (kind == "+cluster") {
    takeHosts(authority, options.clusterNodes, "clusterNodes");
  } else {
    takeHost(authority, options);
  }
  takeDatabase(url.substr(end), options);
}

// One server, sentinels or a cluster: one of them.
void checkServers(const RedisOptions& options) {
  for (const std::string& text : options.sentinels) static_cast<void>(endpointIn(text, sentinelPort));
  for (const std::string& text : options.clusterNodes) static_cast<void>(endpointIn(text, unset().port));
  const bool hasServer = !options.unixSocket.empty() || options.host != unset().host || options.port != unset().port;
  if (int(hasServer) + int(!options.sentinels.empty()) + int(!options.clusterNodes.empty()) > 1) {
    refuse("a server, sentinels and clusterNodes are three ways to say where Redis is: leave two of them out");
  }
  if (options.sentinels.empty() != options.masterName.empty()) {
    refuse("sentinels and masterName go together: set both, or none");
  }
  if (options.masterName.find_first_of(" \r\n") != std::string::npos) refuse("masterName has a space in it");
  const bool hasCredentials = !(options.sentinelUser + options.sentinelPassword).empty();
  if (hasCredentials && options.sentinels.empty()) refuse("sentinelUser and sentinelPassword are for sentinels");
  if (!options.sentinelUser.empty() && options.sentinelPassword.empty()) refuse("sentinelUser needs a password");
  if (!options.clusterNodes.empty() && options.database != 0) refuse("a cluster has one database only, 0");
}

}  // namespace

RedisEndpoint endpointIn(std::string_view text, int otherwise) {
  const std::size_t colon = text.find(':', text.starts_with('[') ? std::min(text.find(']'), text.size()) : 0);
  RedisEndpoint server{hostOf(text.substr(0, colon)), otherwise};
  if (colon == std::string_view::npos) return server;
  const auto port = parseCanonicalDecimal<int>(text.substr(colon + 1));
  if (!port || *port < 1 || *port > 65535) refuse("a port is between 1 and 65535");
  server.port = *port;
  return server;
}

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
  checkServers(options);
  if (options.port < 1 || options.port > 65535) refuse("port is between 1 and 65535");
  if (options.unixSocket.size() > longestPath) refuse("unixSocket is longer than a socket's path may be");
  if (!options.user.empty() && options.password.empty()) refuse("user needs a password");
  if (options.database < 0) refuse("database is negative");
  if (options.prefix.empty()) refuse("prefix is empty: name the keys after the application");
  const auto isTime = [](std::chrono::milliseconds time) { return time.count() > 0 && time <= std::chrono::hours{1}; };
  if (!isTime(options.timeout) || !isTime(options.pause)) refuse("timeout and pause are between 1 ms and 1 h");
  if (options.failover.count() < 0 || options.failover > std::chrono::minutes{5}) {
    refuse("failover is between 0 and 5 min");
  }
  if (options.failures == 0) refuse("failures is 0: Redis would never be asked");
  return options;
}

}  // namespace ironjar::detail

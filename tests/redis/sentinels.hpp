// A master, two replicas, and three sentinels that watch over them.
#pragma once

#include "redis_server.hpp"

#include <algorithm>
#include <list>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace support {

class Sentinel {
 public:
  // Of the master at this host and port. `further`: lines of its configuration.
  Sentinel(const std::string& host, int master, const std::string& further)
      : own_("sentinel", [=](const std::string& folder, int port) {
          const std::string file = folder + "/sentinel.conf";
          const std::string monitored = "mymaster";
          std::ofstream(file) << "port " << port << "\nbind 127.0.0.1\nlogfile log\ndir " << folder
                              << "\nrequirepass of-the-sentinels\nsentinel sentinel-pass of-the-sentinels\n"
                              << further << "sentinel monitor " << monitored << ' ' << host << ' ' << master
                              << " 2\nsentinel auth-pass " << monitored
                              << " of-the-servers\nsentinel down-after-milliseconds " << monitored
                              << " 3000\nsentinel failover-timeout " << monitored << " 5000\n";
          return std::vector<std::string>{"redis-server", file, "--sentinel"};
        }) {}

  void stop() { own_.stop(); }
  [[nodiscard]] int port() const { return own_.port(); }
  template <class... Words>
  std::string command(const Words&... words) const {
    return commandTo(port(), "of-the-sentinels", words...);
  }

 private:
  OwnServer own_;
};

struct Watched {
  // With a certificate of `localhost`, as a PEM file with its key, all that they say to each other and to clients goes
  // over TLS, but for what the test itself asks.
  explicit Watched(std::string certificate = {}) : file(std::move(certificate)) {
    for (int i = 0; i < 3; ++i) {
      ports.push_back(freePort());
      std::vector<std::string> words = {"--requirepass", "of-the-servers", "--masterauth", "of-the-servers"};
      if (i > 0) words.insert(words.end(), {"--replicaof", host() + " " + std::to_string(portOf(0))});
      if (i > 0) words.insert(words.end(), {"--repl-diskless-sync-delay", "0"});
      for (const auto& [name, value] : tls(ports.back())) words.insert(words.end(), {"--" + name, value});
      if (!file.empty()) words.insert(words.end(), {"--replica-announce-ip", host()});
      servers.push_back(std::make_unique<RedisServer>(words));
    }
    for (int i = 0; i < 3; ++i) {
      sentinelPorts.push_back(freePort());
      std::string lines;
      for (const auto& [name, value] : tls(sentinelPorts.back())) lines.append(name + " " + value + "\n");
      if (!file.empty()) {
        lines +=
            "sentinel resolve-hostnames yes\nsentinel announce-hostnames yes\nsentinel announce-ip " + host() + "\n";
      }
      sentinels.emplace_back(host(), portOf(0), lines);
    }
    const bool isReady = within([&] {
      return std::all_of(sentinels.begin(), sentinels.end(), [&](const Sentinel& each) {
        const std::string seen = each.command("SENTINEL", "master", "mymaster");
        const std::string replicas = ask(*servers[0], "INFO", "replication");
        const std::size_t online = replicas.find("state=online");
        const bool isSynchronised =
            online != std::string::npos && replicas.find("state=online", online + 1) != std::string::npos;
        return isSynchronised && valueIn(seen, "num-slaves") == "2" && valueIn(seen, "num-other-sentinels") == "2";
      });
    });
    if (!isReady) throw std::runtime_error("the sentinels do not find one another");
  }

  template <class... Words>
  static std::string ask(const RedisServer& server, const Words&... words) {
    return commandTo(server.port(), "of-the-servers", words...);
  }
  static std::string valueIn(const std::string& lines, const std::string& name) {
    const std::size_t at = lines.find(name + "\n");
    if (at == std::string::npos) return "";
    const std::size_t begin = at + name.size() + 1;
    return lines.substr(begin, lines.find('\n', begin) - begin);
  }
  template <class Condition>
  static bool within(const Condition& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{60};
    while (!condition()) {
      if (std::chrono::steady_clock::now() >= deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
    return true;
  }
  // As a sentinel says.
  [[nodiscard]] RedisServer* master() const {
    const std::string named = sentinels.front().command("SENTINEL", "get-master-addr-by-name", "mymaster");
    for (std::size_t i = 0; i < servers.size(); ++i) {
      if (named == host() + "\n" + std::to_string(portOf(i)) + "\n") return servers[i].get();
    }
    return nullptr;
  }
  // Until that is another one than this.
  [[nodiscard]] bool isReplaced(const RedisServer* before) const {
    return within([&] { return master() != nullptr && master() != before; });
  }
  [[nodiscard]] std::vector<std::string> addresses() const {
    std::vector<std::string> all;
    auto port = sentinelPorts.begin();
    for (const Sentinel& each : sentinels) {
      all.push_back(host() + ":" + std::to_string(file.empty() ? each.port() : *port++));
    }
    return all;
  }
  [[nodiscard]] ironjar::RedisOptions options(const char* secret) const {
    return {.passwords = secret,
            .password = "of-the-servers",
            .sentinels = addresses(),
            .masterName = "mymaster",
            .sentinelPassword = "of-the-sentinels",
            .failover = std::chrono::seconds{60},
            .tls = !file.empty(),
            .caCertFile = file,
            .timeout = std::chrono::seconds{1},
            .pause = std::chrono::milliseconds{200}};
  }

  const std::string file;
  std::vector<int> ports;  // for TLS
  std::vector<int> sentinelPorts;
  std::vector<std::unique_ptr<RedisServer>> servers;
  std::list<Sentinel> sentinels;

 private:
  [[nodiscard]] std::string host() const { return file.empty() ? "127.0.0.1" : "localhost"; }
  [[nodiscard]] int portOf(std::size_t server) const { return file.empty() ? servers[server]->port() : ports[server]; }
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> tls(int port) const {
    if (file.empty()) return {};
    return {{"tls-port", std::to_string(port)}, {"tls-cert-file", file},    {"tls-key-file", file},
            {"tls-ca-cert-file", file},         {"tls-auth-clients", "no"}, {"tls-replication", "yes"}};
  }
};

}  // namespace support

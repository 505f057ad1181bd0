// A master, two replicas, and three sentinels that watch over them.
#pragma once

#include "redis_server.hpp"

#include <algorithm>
#include <list>
#include <memory>
#include <string>
#include <vector>

namespace support {

class Sentinel {
 public:
  explicit Sentinel(int master) {
    std::string pattern = (std::filesystem::temp_directory_path() / "ironjar-sentinel-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    folder_ = pattern;
    for (int tries = 0; tries < 5; ++tries) {
      port_ = freePort();
      if (start(master)) return;
    }
    throw std::runtime_error("redis-server --sentinel does not start");
  }
  Sentinel(const Sentinel&) = delete;
  Sentinel& operator=(const Sentinel&) = delete;
  ~Sentinel() {
    stop();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  void stop() { process_.kill(); }
  [[nodiscard]] int port() const { return port_; }
  template <class... Words>
  std::string command(const Words&... words) const {
    return commandTo(port_, "of-the-sentinels", words...);
  }

 private:
  bool start(int master) {
    const std::string file = folder_ + "/sentinel.conf";
    const std::string monitored = "mymaster";
    std::ofstream(file) << "port " << port_ << "\nbind 127.0.0.1\nlogfile log\ndir " << folder_
                        << "\nrequirepass of-the-sentinels\nsentinel sentinel-pass of-the-sentinels"
                        << "\nsentinel monitor " << monitored << " 127.0.0.1 " << master << " 2\nsentinel auth-pass "
                        << monitored << " of-the-servers\nsentinel down-after-milliseconds " << monitored
                        << " 1000\nsentinel failover-timeout " << monitored << " 5000\n";
    process_ = Process({"redis-server", file, "--sentinel"});
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (std::chrono::steady_clock::now() < deadline && process_.isRunning()) {
      if (isListening(port_)) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
    process_.kill();
    return false;
  }

  std::string folder_;
  int port_ = 0;
  Process process_;
};

struct Watched {
  Watched() {
    const std::vector<std::string> secret = {"--requirepass", "of-the-servers", "--masterauth", "of-the-servers"};
    servers.push_back(std::make_unique<RedisServer>(secret));
    for (int i = 0; i < 2; ++i) {
      std::vector<std::string> words = {"--replicaof", "127.0.0.1 " + std::to_string(servers[0]->port()),
                                        "--repl-diskless-sync-delay", "0"};
      words.insert(words.end(), secret.begin(), secret.end());
      servers.push_back(std::make_unique<RedisServer>(words));
    }
    for (int i = 0; i < 3; ++i) sentinels.emplace_back(servers[0]->port());
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
    for (const auto& server : servers) {
      if (named == "127.0.0.1\n" + std::to_string(server->port()) + "\n") return server.get();
    }
    return nullptr;
  }
  // Until that is another one than this.
  [[nodiscard]] bool isReplaced(const RedisServer* before) const {
    return within([&] { return master() != nullptr && master() != before; });
  }
  [[nodiscard]] std::vector<std::string> addresses() const {
    std::vector<std::string> all;
    for (const Sentinel& each : sentinels) all.push_back("127.0.0.1:" + std::to_string(each.port()));
    return all;
  }
  [[nodiscard]] ironjar::RedisOptions options(const char* secret) const {
    return {.passwords = secret,
            .password = "of-the-servers",
            .sentinels = addresses(),
            .masterName = "mymaster",
            .sentinelPassword = "of-the-sentinels",
            .failover = std::chrono::seconds{60},
            .timeout = std::chrono::seconds{1},
            .pause = std::chrono::milliseconds{200}};
  }

  std::vector<std::unique_ptr<RedisServer>> servers;
  std::list<Sentinel> sentinels;
};

}  // namespace support

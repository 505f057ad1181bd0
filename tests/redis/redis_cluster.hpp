// A Redis Cluster of the test's own: three masters, each with a replica.
#pragma once

#include "redis_server.hpp"

#include <chrono>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace support {

class RedisCluster {
 public:
  static constexpr int masters = 3;
  static constexpr int slots = 16'384;

  explicit RedisCluster(int replicas = masters) {
    for (int i = 0; i < masters + replicas; ++i) {
      nodes.push_back(std::make_unique<RedisServer>(
          std::vector<std::string>{"--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-port",
                                   std::to_string(freePort()), "--cluster-node-timeout", "2000",
                                   "--cluster-replica-validity-factor", "0", "--repl-diskless-sync-delay", "0"}));
    }
    for (int i = 0; i < masters; ++i) {
      RedisServer& node = *nodes[static_cast<std::size_t>(i)];
      node.command("CLUSTER", "ADDSLOTSRANGE", std::to_string(slots * i / masters),
                   std::to_string(slots * (i + 1) / masters - 1));
      node.command("CLUSTER", "SET-CONFIG-EPOCH", std::to_string(i + 1));
    }
    for (const auto& node : nodes) {
      nodes[0]->command("CLUSTER", "MEET", "127.0.0.1", std::to_string(node->port()), busPortOf(*node));
    }
    const std::string known = "cluster_known_nodes:" + std::to_string(nodes.size());
    waitUntil([&] {
      for (const auto& node : nodes) {
        const std::string state = node->command("CLUSTER", "INFO");
        if (state.find(known) == std::string::npos || !isWell(*node)) return false;
      }
      return true;
    });
    for (int i = 0; i < replicas; ++i) {
      nodes[static_cast<std::size_t>(masters + i)]->command("CLUSTER", "REPLICATE",
                                                            idOf(*nodes[static_cast<std::size_t>(i)]));
    }
    waitUntil([&] {
      for (int i = 0; i < replicas; ++i) {
        const std::string seen = nodes[static_cast<std::size_t>(i)]->command("INFO", "replication");
        if (seen.find("state=online") == std::string::npos) return false;
      }
      return true;
    });
  }

  // Of one master that is down, whether its replica has taken over, is known to all that are left.
  void waitUntilWell() const {
    waitUntil([&] {
      for (const auto& node : nodes) {
        if (node->isRunning() && !isWell(*node)) return false;
      }
      return true;
    });
  }
  // With all keys in it, while clients go on.
  void move(int slot, RedisServer& from, RedisServer& to) const {
    const std::string number = std::to_string(slot);
    to.command("CLUSTER", "SETSLOT", number, "IMPORTING", idOf(from));
    from.command("CLUSTER", "SETSLOT", number, "MIGRATING", idOf(to));
    for (;;) {
      std::istringstream keys(from.command("CLUSTER", "GETKEYSINSLOT", number, "10"));
      std::string key;
      if (!std::getline(keys, key)) break;
      do {
        from.command("MIGRATE", "127.0.0.1", std::to_string(to.port()), key, "0", "5000");
      } while (std::getline(keys, key));
    }
    to.command("CLUSTER", "SETSLOT", number, "NODE", idOf(to));
    from.command("CLUSTER", "SETSLOT", number, "NODE", idOf(to));
  }
  void flush() const {
    for (const auto& node : nodes) node->command("FLUSHALL");  // refused by replicas
  }
  [[nodiscard]] ironjar::RedisOptions options(ironjar::Passwords passwords) const {
    return {.passwords = std::move(passwords),
            .clusterNodes = {"127.0.0.1:" + std::to_string(nodes.back()->port()),
                             "127.0.0.1:" + std::to_string(nodes.front()->port())},
            .failover = std::chrono::seconds{60},
            .timeout = std::chrono::seconds{1},
            .pause = std::chrono::milliseconds{200}};
  }

  std::vector<std::unique_ptr<RedisServer>> nodes;  // masters first

 private:
  static bool isWell(RedisServer& node) {
    return node.command("CLUSTER", "INFO").find("cluster_state:ok") != std::string::npos;
  }
  static std::string idOf(RedisServer& node) { return node.command("CLUSTER", "MYID"); }
  static std::string busPortOf(RedisServer& node) {
    const std::string lines = node.command("CONFIG", "GET", "cluster-port");
    return lines.substr(lines.find('\n') + 1, lines.size() - lines.find('\n') - 2);
  }
  template <class Condition>
  static void waitUntil(const Condition& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{60};
    while (!condition()) {
      if (std::chrono::steady_clock::now() >= deadline) throw std::runtime_error("the cluster does not form");
      std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
  }
};

}  // namespace support

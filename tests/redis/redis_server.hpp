// A redis-server of the test's own. The one that Debian's package starts is never touched.
#pragma once

#include "support/own_server.hpp"

#include <chrono>
#include <cstdarg>
#include <cstdlib>
#include <fstream>
#include <hiredis/hiredis.h>
#include <memory>
#include <mutex>
#include <sstream>

#include <ironjar/redis.hpp>

namespace support {

// What the machine may add to a time that is bounded: sanitizers make it slow, and so do strace and a library that is
// not optimised, of which IRONJAR_SLOW tells.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IRONJAR_TEST_IS_SANITIZED
#endif
#endif
#ifdef IRONJAR_TEST_IS_SANITIZED
inline const std::chrono::milliseconds overhead{5000};
#else
inline const std::chrono::milliseconds overhead{std::getenv("IRONJAR_SLOW") == nullptr ? 150 : 5000};
#endif

using RedisContext = std::unique_ptr<redisContext, void (*)(redisContext*)>;

inline RedisContext connectTo(int port) {
  return {redisConnectWithTimeout("127.0.0.1", port, timeval{10, 0}), redisFree};
}
inline std::string textOf(const redisReply& reply) {
  if (reply.type == REDIS_REPLY_INTEGER) return std::to_string(reply.integer);
  if (reply.type == REDIS_REPLY_NIL) return "";
  if (reply.type != REDIS_REPLY_ARRAY) return {reply.str, reply.len};
  std::string text;
  for (std::size_t i = 0; i < reply.elements; ++i) text += textOf(*reply.element[i]) + "\n";
  return text;
}

// A reply as text; an array's items in lines.
template <class... Words>
std::string commandTo(int port, const std::string& requirepass, const Words&... words) {
  const auto context = connectTo(port);
  if (!context || context->err != 0) throw std::runtime_error("no connection to redis-server");
  const auto send = [&](const std::vector<std::string>& list) {
    std::vector<const char*> texts;
    std::vector<std::size_t> sizes;
    for (const std::string& word : list) {
      texts.push_back(word.data());
      sizes.push_back(word.size());
    }
    const std::unique_ptr<redisReply, void (*)(void*)> reply(
        static_cast<redisReply*>(
            redisCommandArgv(context.get(), static_cast<int>(list.size()), texts.data(), sizes.data())),
        freeReplyObject);
    if (!reply) throw std::runtime_error("redis-server has gone");
    return textOf(*reply);
  };
  if (!requirepass.empty()) send({"AUTH", requirepass});
  return send({std::string(words)...});
}

class RedisServer {
 public:
  explicit RedisServer(std::vector<std::string> arguments = {})
      : own_("redis", [arguments = std::move(arguments)](const std::string& folder, int port) {
          std::vector<std::string> words = {"redis-server", "--port", std::to_string(port), "--bind", "127.0.0.1"};
          for (const char* word : {"--save", "", "--appendonly", "no", "--rdbcompression", "no", "--daemonize", "no",
                                   "--logfile", "log", "--enable-debug-command", "yes", "--unixsocket", "socket"}) {
            words.emplace_back(word);
          }
          words.insert(words.end(), {"--dir", folder});
          words.insert(words.end(), arguments.begin(), arguments.end());
          return words;
        }) {}

  bool start() { return own_.start(); }
  void stop() { own_.stop(); }
  [[nodiscard]] bool isRunning() const { return own_.isRunning(); }
  void pause() const { own_.pause(); }
  void resume() const { own_.resume(); }
  [[nodiscard]] int port() const { return own_.port(); }
  [[nodiscard]] const std::string& folder() const { return own_.folder(); }

  // A reply as text; an array's items in lines.
  template <class... Words>
  std::string command(const Words&... words) {
    return commandTo(port(), "", words...);
  }
  std::vector<std::string> keys(const std::string& pattern) {
    std::istringstream lines(command("KEYS", pattern));
    std::vector<std::string> found;
    for (std::string line; std::getline(lines, line);) found.push_back(line);
    return found;
  }
  // Those that hold what became of a token.
  std::vector<std::string> values() {
    std::vector<std::string> found = keys("ironjar:token:*");
    std::erase_if(found, [](const std::string& key) {
      return key.find(':', std::string("ironjar:token:{xx}:").size()) != std::string::npos;
    });
    return found;
  }
  // The snapshot that it would keep on disk.
  std::string snapshot() {
    command("SAVE");
    std::ifstream file(folder() + "/dump.rdb", std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  OwnServer own_;
};

// What everybody sends to it, as an eavesdropper with MONITOR sees it.
class RedisMonitor {
 public:
  explicit RedisMonitor(const RedisServer& server)
      : context_(redisConnectWithTimeout("127.0.0.1", server.port(), timeval{10, 0}), redisFree) {
    if (!context_ || context_->err != 0) throw std::runtime_error("no connection to redis-server");
    const std::unique_ptr<void, void (*)(void*)> reply(redisCommand(context_.get(), "MONITOR"), freeReplyObject);
  }

  // What was seen until a last command of the caller's, which contains `end`.
  std::string seenUntil(const std::string& end) {
    std::string seen;
    while (seen.find(end) == std::string::npos) {
      void* raw = nullptr;
      if (redisGetReply(context_.get(), &raw) != REDIS_OK) throw std::runtime_error("MONITOR ended");
      const std::unique_ptr<redisReply, void (*)(void*)> reply(static_cast<redisReply*>(raw), freeReplyObject);
      seen.append(reply->str, reply->len).append("\n");
    }
    return seen;
  }

 private:
  std::unique_ptr<redisContext, void (*)(redisContext*)> context_;
};

// A patient process: on a machine under load, 30 ms may pass without anybody being at fault.
inline ironjar::RedisOptions redisOptions(const RedisServer& server, const char* secret) {
  return {.passwords = secret, .port = server.port(), .timeout = std::chrono::seconds{5}};
}

}  // namespace support

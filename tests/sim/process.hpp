// A process of the site: the library as an application sets it up, and what the application does for each request.
#pragma once

#include "sim/world.hpp"

#include <map>
#include <memory>
#include <set>
#include <string>

#include <ironjar/fetch.hpp>
#include <ironjar/redis.hpp>

namespace sim {

class Process {
 public:
  Process(World& world, LifePointer life, unsigned generation);
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();

  [[nodiscard]] const LifePointer& life() const { return life_; }
  void serve(const ServingPointer& serving);
  [[nodiscard]] std::size_t evicted() const { return coordinator_->stats().evicted; }
  void countApiTry(Serving& serving);

  // What must hold when nothing is under way: what the observer was told is what happened, and nothing is left over.
  void checkQuiet();

 private:
  struct Counts {
    std::uint64_t started = 0;
    std::uint64_t answered = 0;
    std::uint64_t brought = 0;
    std::uint64_t retried = 0;
    std::uint64_t sealed = 0;
    std::uint64_t loggedOut = 0;
  };

  [[nodiscard]] ironjar::Observer observer();
  void useRedis(const ironjar::LocalCoordinatorOptions& options, unsigned generation);
  void opened(const ServingPointer& serving);
  void open(Serving& serving);
  void login(const ServingPointer& serving);
  void fetch(const ServingPointer& serving);
  [[nodiscard]] std::string noteOf(const Serving& serving) const;
  void refresh(const ServingPointer& serving);
  void fetched(const ServingPointer& serving, const ironjar::Result<ironjar::Response>& response);
  void refused(const ServingPointer& serving, const ironjar::Error& error);
  [[nodiscard]] static std::string endedToken(const Serving& serving);
  void finish(const ServingPointer& serving, int status);
  struct Commit;  // what is known when it begins
  void committed(const ServingPointer& serving, const Commit& commit,
                 const ironjar::Result<std::vector<std::string>>& cookies);
  void violated(const Serving& serving, const std::string& rule, const std::string& what);

  World& world_;
  const LifePointer life_;
  const std::shared_ptr<Counts> told_ = std::make_shared<Counts>();
  Counts own_;  // what happened
  std::uint64_t fetchesSent_ = 0;
  std::uint64_t apiTries_ = 0;
  std::uint64_t cancelled_ = 0;
  std::shared_ptr<std::set<std::string>> throttled_ = std::make_shared<std::set<std::string>>();  // sessions' tags
  std::shared_ptr<ironjar::Redis> redis_;                                                         // null without
  std::shared_ptr<ironjar::RedisRevocationList> revoked_;                                         // likewise
  std::shared_ptr<ironjar::RefreshCoordinator> coordinator_;
  std::unique_ptr<ironjar::Fetcher> fetcher_;
  std::unique_ptr<ironjar::SessionJar> jar_;
};

}  // namespace sim

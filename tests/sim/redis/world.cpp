// Redis in a history, and what befalls it and its processes.
#include "sim/world.hpp"

#include "sim/process.hpp"
#include "sim/redis/servers.hpp"

namespace sim {

void World::beginRedis() {
  const std::size_t redis = columnOf({}) + plan_.settings.processes + 2;
  RedisServers::Hooks hooks{.has = [this](Fault fault) { return has(fault); },
                            .troubled = [this](const RedisTrouble& trouble) { invariants_.troubled(trouble); }};
  if (diagram_) {
    hooks.trace = [this, redis](const Life& life, const std::string& text) { trace(columnOf(life), redis, text); };
  }
  redis_ = std::make_unique<RedisServers>(schedule_, plan_, std::move(hooks));
}

void World::actOnRedis(const Action& action) {
  Random random(action.seed);
  const std::size_t redis = columnOf({}) + plan_.settings.processes + 2;
  const Millis time{random.chance(0.5) ? random.between(50, 3'000) : random.between(3'000, 60'000)};
  const std::string during = " for " + std::to_string(time.count()) + " ms";
  switch (action.kind) {
    case Kind::redisDown:
      trace(redis, redis, "is down" + during);
      return redis_->goDown(schedule_.now() + time);
    case Kind::redisStall:
      trace(redis, redis, "stalls" + during);
      return redis_->stall(schedule_.now() + time / 10);
    case Kind::failOver: {
      const Millis lag{random.of({0, 0, 5, 50, 500})};
      trace(redis, redis, "fails over" + during + ", without its last " + std::to_string(lag.count()) + " ms");
      return redis_->failOver(schedule_.now() + time / 4, lag);
    }
    case Kind::cutOff:
      trace(columnOf({action.process}), redis, "is cut off" + during);
      return redis_->cutOff(action.process, schedule_.now() + time);
    default:
      return pause(action.process, time);
  }
}

// Of a life that is over: requests that wait for Redis hold on to what they came to, and that to them.
void World::letGo(const LifePointer& life) {
  if (!redis_) return;
  const Schedule::Within within(life);
  for (const ServingPointer& serving : servings_) {
    if (serving->life != life || serving->isCommitted) continue;
    invariants_.diedServing(serving->login);
    auto& open = browsers_[serving->action.browser].open;
    const auto found = open.find(serving->number);
    if (found != open.end()) found->second.request_stop();
  }
}

void World::pause(unsigned process, Millis time) {
  const LifePointer life = processes_[process]->life();
  trace(columnOf(*life), columnOf(*life), "is paused for " + std::to_string(time.count()) + " ms");
  life->pausedUntil = std::max(life->pausedUntil, schedule_.now() + time);
  for (const ServingPointer& serving : servings_) {
    if (serving->life == life && !serving->isAnswered) serving->deadline += time;
  }
  invariants_.troubled({schedule_.now(), life->pausedUntil, process, "the process was paused"});
}

}  // namespace sim

#include "sim/world.hpp"

#include "sim/process.hpp"
#include "sim/redis/servers.hpp"

#include <algorithm>

namespace sim {
namespace {

using ironjar::Seconds;

constexpr ironjar::TimePoint wallBegin{Seconds{1'800'000'000}};
constexpr Millis drains{10'000};
// When all is well again browsers come back: at once, when short pauses are over, when all are.
constexpr std::array<Millis, 4> probes = {Millis{5'000}, Millis{70'000}, Millis{700'000}, Millis{1'400'000}};
// Who is told to come again does: an endpoint that was in trouble is asked one call at a time, then two, then four.
constexpr Millis retryAfter{2'000};
constexpr unsigned mostTries = 5;

}  // namespace

World::World(const Plan& plan, bool traces)
    : plan_(plan),
      provider_(plan_.settings),
      invariants_(plan_.settings, provider_),
      conduct_(plan_, provider_, invariants_) {
  const Settings& settings = plan_.settings;
  browsers_.resize(settings.browsers);
  processes_.resize(settings.processes);
  clocks_.resize(settings.processes);
  if (!traces) return;
  std::vector<std::string> columns;
  for (unsigned i = 0; i < settings.browsers; ++i) columns.push_back("browser " + std::to_string(i));
  for (unsigned i = 0; i < settings.processes; ++i) columns.push_back("process " + std::to_string(i));
  columns.insert(columns.end(), {"provider", "API"});
  if (settings.redis.isUsed) columns.emplace_back("Redis");
  diagram_.emplace(std::move(columns));
}

World::~World() {
  for (const LifePointer& life : lives_) life->isAlive = false;
  for (const LifePointer& life : lives_) letGo(life);
  processes_.clear();
  leaving_.clear();
  redis_.reset();
  schedule_.clear();  // what holds on to the world goes before it
}

Played World::play() {
  if (plan_.settings.redis.isUsed) beginRedis();
  for (unsigned i = 0; i < plan_.settings.processes; ++i) start(i);
  for (const Action& action : plan_.actions) {
    schedule_.at(
        Schedule::begin + action.at, [this, action] { act(action); }, nullptr);
  }
  const Millis lastAt = plan_.actions.empty() ? Millis{0} : plan_.actions.back().at;
  schedule_.at(
      Schedule::begin + lastAt + Millis{1}, [this] { heal(); }, nullptr);
  schedule_.run([this] { return !invariants_.violation(); });
  if (!invariants_.violation()) checkEnd();
  return {invariants_.violation(), servings_.size(), invariants_.causes(), diagram_ ? diagram_->text() : ""};
}

void World::trace(std::size_t from, std::size_t to, const std::string& text) {
  if (diagram_) diagram_->add(schedule_.elapsed(), from, to, text);
}

ironjar::TimePoint World::wallNow(unsigned process) const {
  const Millis passed = schedule_.elapsed();
  // In a hundred thousand: what a bad quartz makes of it.
  const std::int64_t drift = has(Fault::clocks) ? static_cast<std::int64_t>(plan_.seed % 41) - 20 : 0;
  return wallBegin + passed + passed * drift / 100'000 + clocks_[process];
}

void World::act(const Action& action) {
  Random random(action.seed);
  const std::size_t own = action.browser;
  const auto until = [&] { return schedule_.now() + Millis{random.between(1'000, 90'000)}; };
  switch (action.kind) {
    case Kind::restore:
      trace(own, own, "an older profile is restored");
      return browsers_[own].restore(random);
    case Kind::evict:
      trace(own, own, "a cookie is evicted");
      return browsers_[own].evict(random);
    case Kind::leave:
      trace(own, own, "closes its connections");
      for (auto& [number, stop] : std::exchange(browsers_[own].open, {})) {
        const Schedule::Within within(servings_[number]->life);
        if (servings_[number]->life->isAlive) stop.request_stop();
      }
      return;
    case Kind::outage:
      outage_ = {until(), random.next()};
      return trace(columnOf({}) + plan_.settings.processes, columnOf({}) + plan_.settings.processes, "is down");
    case Kind::poison:
      for (const std::string& login : browsers_[own].logins) {
        poisoned_[login] = {schedule_.now() + Millis{random.between(1'000, 900'000)}, random.next()};
      }
      return trace(own, columnOf({}) + plan_.settings.processes, "its tokens get errors of their own");
    case Kind::refuseApi:
      apiRefusesUntil_ = until();
      return;
    case Kind::endAccess:
      trace(columnOf({}) + plan_.settings.processes, columnOf({}) + plan_.settings.processes, "ends all access tokens");
      return provider_.endAccessTokens();
    case Kind::kill:
      trace(columnOf({}) + plan_.settings.processes, columnOf({}) + plan_.settings.processes,
            "ends the browser's logins");
      for (const std::string& login : browsers_[own].logins) provider_.kill(login);
      return;
    case Kind::crash:
      return crash(action.process);
    case Kind::restart:
      return restart(action.process);
    case Kind::clock:
      clocks_[action.process] += Millis{random.of({-3'600'000, -600'000, -70'000, -5'000, 5'000, 70'000, 3'600'000})};
      return trace(columnOf({action.process}), columnOf({action.process}),
                   "its clock is off by " + std::to_string(clocks_[action.process].count() / 1000) + " s");
    case Kind::redisDown:
    case Kind::redisStall:
    case Kind::failOver:
    case Kind::cutOff:
    case Kind::pause:
      return actOnRedis(action);
    default:
      return send(action);
  }
}

void World::send(const Action& action) {
  const auto serving = std::make_shared<Serving>();
  serving->number = servings_.size();
  serving->action = action;
  serving->cookies = browsers_[action.browser].header();
  servings_.push_back(serving);
  Process& process = *processes_[action.process];
  serving->life = process.life();
  serving->deadline = schedule_.now() + plan_.settings.fetchTimeout;
  serving->stop = browsers_[action.browser].open[serving->number].get_token();
  if (diagram_) {
    trace(action.browser, columnOf(*serving->life),
          std::to_string(serving->number) + ": " + std::string(nameOf(action.kind)));
  }
  if (serving->life->pausedUntil > schedule_.now()) {
    const auto serve = [this, serving] {
      serving->deadline = schedule_.now() + plan_.settings.fetchTimeout;
      if (Process* const later = processOf(serving->life)) later->serve(serving);
    };
    schedule_.at(schedule_.now(), serve, serving->life);
    return;
  }
  const Schedule::Within within(serving->life);
  process.serve(serving);
}

void World::meet(Serving& serving) {
  for (const ServingPointer& other : servings_) {
    if (other.get() == &serving || other->isAnswered || other->login != serving.login) continue;
    serving.hadCompany = other->hadCompany = true;
  }
}

void World::passLogout(const Serving& logout) {
  for (const ServingPointer& one : servings_) {
    if (one->isAnswered || one->life != logout.life || one->login != logout.login) continue;
    static_cast<void>(invariants_.isOut(one->life, one->login, one->token, 0, one->begun));
  }
}

void World::answer(const ServingPointer& serving, int status, const std::vector<std::string>& setCookies) {
  const Action& action = serving->action;
  Random random(mixed(action.seed, "answer"));
  Browser& browser = browsers_[action.browser];
  const bool isSlow = has(Fault::slowBrowsers) && random.chance(0.4);
  const Millis after{isSlow ? random.between(500, 20'000) : random.between(1, 60)};
  const bool isLost = has(Fault::lostAnswers) && random.chance(0.25);
  const bool isGone = !browser.open.contains(serving->number);
  if (diagram_) {
    std::string text = std::to_string(serving->number) + ": " + std::to_string(status);
    if (!setCookies.empty()) text += serving->session.destroyed() ? ", deletes the cookie" : ", sets the cookie";
    if (const auto tokens = serving->session.tokens(); tokens && !setCookies.empty())
      text += " with " + tokens->refreshToken;
    trace(columnOf(*serving->life), action.browser, text + (isLost || isGone ? ", lost" : ""));
  }
  const bool comesAgain = action.kind == Kind::probe && status == 503 && action.triedBefore < mostTries;
  if (comesAgain) {
    Action again = action;
    again.seed = mixed(action.seed, ++again.triedBefore);
    schedule_.at(
        schedule_.now() + retryAfter, [this, again] { send(again); }, nullptr);
  } else if (serving->mustBeServed && status != 200 && !isAskedToEnd(serving->login) &&
             !invariants_.wasAskedElsewhere(serving->life, serving->login, serving->servedAt) &&
             !invariants_.wasSpentAgain(serving->life, serving->login, serving->servedAt)) {
    const bool isLast = schedule_.now() >= Schedule::begin + plan_.actions.back().at + probes.back();
    // The meter of a small table has no room for all logins.
    const bool isMetered =
        serving->isRationed || (serving->isThrottled && (!isLast || plan_.mix.has(Fault::smallTable)));
    if (isLast ? !isMetered : status < 500 && !isMetered) {
      invariants_.violated("a healthy site serves a live login", "request " + std::to_string(serving->number) + " of " +
                                                                     serving->login + " with " + serving->token +
                                                                     " is answered " + std::to_string(status));
    }
  }
  if (isLost || isGone) return;
  schedule_.at(
      schedule_.now() + after,
      [this, setCookies, own = action.browser, number = serving->number] {
        if (browsers_[own].open.erase(number) > 0) browsers_[own].take(setCookies);
      },
      nullptr);
}

// By its browser, before all faults were over: a process that was paused may come to it later.
bool World::isAskedToEnd(const std::string& login) const {
  return std::any_of(servings_.begin(), servings_.end(), [&](const ServingPointer& one) {
    return one->login == login && (one->action.kind == Kind::logout || one->action.kind == Kind::login);
  });
}

void World::start(unsigned process) {
  const auto life = std::make_shared<Life>(Life{process, static_cast<unsigned>(lives_.size())});
  lives_.push_back(life);
  const Schedule::Within within(life);
  processes_[process] = std::make_unique<Process>(*this, life, generation_);
}

Process* World::processOf(const LifePointer& life) const {
  for (const auto* all : {&processes_, &leaving_}) {
    for (const auto& one : *all) {
      if (one && one->life() == life) return one.get();
    }
  }
  return nullptr;
}

void World::crash(unsigned process) {
  trace(columnOf({process}), columnOf({process}), "crashes, and starts anew");
  processes_[process]->life()->isAlive = false;
  processes_[process]->life()->endedAt = schedule_.now();
  letGo(processes_[process]->life());
  {
    const Schedule::Within within(processes_[process]->life());
    processes_[process].reset();
  }
  start(process);
}

// The new one takes what comes from now on; the one before ends what it has begun.
void World::restart(unsigned process) {
  ++generation_;
  trace(columnOf({process}), columnOf({process}), "is replaced, with another configuration");
  const LifePointer life = processes_[process]->life();
  leaving_.push_back(std::move(processes_[process]));
  start(process);
  schedule_.at(
      schedule_.now() + drains,
      [this, life] {
        const auto old = std::find_if(leaving_.begin(), leaving_.end(),
                                      [&](const auto& leaving) { return leaving->life() == life; });
        const Schedule::Within within(life);
        const std::unique_ptr<Process> gone = std::move(*old);
        leaving_.erase(old);
        life->isAlive = false;
        life->endedAt = schedule_.now();
        letGo(life);
      },
      nullptr);
}

void World::heal() {
  isHealthy_ = true;
  outage_ = {};
  poisoned_.clear();
  apiRefusesUntil_ = {};
  if (redis_) redis_->heal();
  for (unsigned browser = 0; browser < browsers_.size(); ++browser) {
    for (const Millis after : probes) {
      const Action probe{{}, Kind::probe, browser, 0, mixed(plan_.seed, static_cast<std::uint64_t>(after.count()))};
      schedule_.at(
          schedule_.now() + after,
          [this, probe] {
            if (!browsers_[probe.browser].header().empty()) send(probe);
          },
          nullptr);
    }
  }
}

void World::checkEnd() {
  for (const ServingPointer& serving : servings_) {
    const bool isOver = serving->isAnswered && serving->isCommitted;
    if (!isOver && serving->life->isAlive) {
      invariants_.violated("each completes once", "request " + std::to_string(serving->number) + " never does");
    }
  }
  for (const auto& process : processes_) process->checkQuiet();
  conduct_.checkEnd();
}

}  // namespace sim

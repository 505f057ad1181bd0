#include "sim/process.hpp"

#include "sim/redis/servers.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <ironjar/tokens.hpp>
#include <ironjar/web.hpp>

namespace sim {
namespace {

using ironjar::Errc;
using ironjar::Error;
using ironjar::Response;
using ironjar::Result;
namespace event = ironjar::event;

constexpr std::uint32_t passwords = 3;
constexpr Millis longestCommit{3'000};
// Where few may wait.
constexpr std::size_t mostWaitersPerToken = 2;
std::size_t mostWaiters(const Settings& settings) { return settings.browsers + 1; }

// All processes can read what any has sealed; which password and format seal changes with the configuration.
const ironjar::Passwords& passwordsOf(unsigned generation) {
  static const ironjar::Passwords all{{1, "kT7#pQ2v-Xw9!mZ4r_Lc8@sB5n+Hd3%fJ"},
                                      {2, "Yb6!gN1t-Wz8@kV3q_Mx5#rD9c+Pf2%hL"},
                                      {3, "Rj4@wC7y-Ts2#nG9b_Kv6!zF3m+Xd8%pQ"}};
  static const std::array<ironjar::Passwords, passwords> rings = {all.sealingUnder(1), all.sealingUnder(2),
                                                                  all.sealingUnder(3)};
  return rings.at(generation % passwords);
}

ironjar::SessionOptions sessionOptions(World& world, const Life& life, unsigned generation) {
  using ironjar::SealFormat;
  ironjar::SessionOptions options{.cookieName = "session", .passwords = passwordsOf(generation)};
  // A seal that does not tell sessions apart knows no list of them.
  const bool isNative = mixed(world.plan().seed, generation) % 4 != 0 || world.settings().redis.list ||
                        world.settings().absoluteTtl > ironjar::Seconds{0};
  options.seal.formats = {isNative ? SealFormat::native : SealFormat::fe26,
                          isNative ? SealFormat::fe26 : SealFormat::native};
  options.seal.now = [&world, process = life.process] { return world.wallNow(process); };
  options.rolling = world.settings().rolling;
  options.absoluteTtl = world.settings().absoluteTtl;
  options.chunk = world.settings().chunk;
  return options;
}

}  // namespace

Process::Process(World& world, LifePointer life, unsigned generation) : world_(world), life_(std::move(life)) {
  const Settings& settings = world.settings();
  ironjar::LocalCoordinatorOptions options;
  options.keep = settings.keep;
  options.keepUnconfirmed = settings.keepUnconfirmed;
  options.maxEntries = settings.maxEntries;
  options.maxCalls = settings.maxCalls;
  if (world.plan().mix.has(Fault::tightBounds)) {
    options.maxWaiters = mostWaiters(settings);
    options.maxWaitersPerToken = mostWaitersPerToken;
  }
  options.now = [] { return Schedule::current().now(); };
  if (settings.redis.isUsed) {
    useRedis(options, generation);
  } else {
    coordinator_ = std::make_shared<ironjar::LocalCoordinator>(options);
  }
  ironjar::FetchOptions fetching{.asyncTransport = world.transportOf(life_),
                                 .allowedOrigins = {"https://api.example"},
                                 .tokenEndpoint = world.provider().endpoint()};
  fetching.maxRetries = settings.maxRetries;
  fetching.settleDelay = settings.settleDelay;
  fetching.timeout = settings.fetchTimeout;
  fetching.refreshThreshold = settings.threshold;
  fetching.coordinator = coordinator_;
  fetching.observer = observer();
  fetching.now = [&world, process = life_->process] { return world.wallNow(process); };
  fetcher_ = std::make_unique<ironjar::Fetcher>(std::move(fetching));
  ironjar::SessionOptions jar = sessionOptions(world, *life_, generation);
  jar.commitHooks = fetcher_->commitHooks();
  if (revoked_) {
    jar.commitHooks = ironjar::denyingLogouts(jar.commitHooks, revoked_);
    jar.isRevoked = ironjar::revokedBy(revoked_);
  }
  jar.observer = observer();
  jar_ = std::make_unique<ironjar::SessionJar>(std::move(jar));
}

void Process::useRedis(const ironjar::LocalCoordinatorOptions& options, unsigned generation) {
  const RedisSettings& settings = world_.settings().redis;
  ironjar::RedisOptions connecting{.passwords = passwordsOf(generation)};
  if (settings.sentinel) {
    connecting.sentinels = {"sentinel"};
    connecting.masterName = "master";
  }
  redis_ = std::make_shared<ironjar::Redis>(connecting);
  using ironjar::WithoutRedis;
  coordinator_ = std::make_shared<ironjar::RedisCoordinator>(
      redis_, ironjar::RedisCoordinatorOptions{
                  .local = options,
                  .lease = settings.lease,
                  .withoutRedis = settings.failsWithout ? WithoutRedis::fail : WithoutRedis::goOnAlone});
  if (!settings.list) return;
  revoked_ = std::make_shared<ironjar::RedisRevocationList>(
      redis_, ironjar::RedisRevocationOptions{.now = [this] { return world_.wallNow(life_->process); }});
}

Process::~Process() {
  jar_.reset();
  fetcher_.reset();
  revoked_.reset();
  coordinator_.reset();
  if (redis_) endLinkOf(*life_);
}

ironjar::Observer Process::observer() {
  return [&conduct = world_.conduct(), life = life_, told = told_,
          throttled = throttled_](const ironjar::Event& happened) {
    if (const auto* started = std::get_if<event::RefreshStarted>(&happened)) {
      ++told->started;
      conduct.callBegins(life, started->session, started->trigger);
    }
    if (const auto* answered = std::get_if<event::TokensAnswered>(&happened)) {
      ++told->answered;
      conduct.callEnds(life, answered->session, !answered->error || answered->error->end);
      if (!answered->error) ++told->brought;
    }
    if (std::holds_alternative<event::FetchRetried>(happened)) ++told->retried;
    if (std::holds_alternative<event::Sealed>(happened)) ++told->sealed;
    if (std::holds_alternative<event::LoggedOut>(happened)) ++told->loggedOut;
    const auto* failed = std::get_if<event::RefreshFailed>(&happened);
    if (failed != nullptr && failed->error.code == Errc::throttled) throttled->insert(failed->session);
  };
}

void Process::violated(const Serving& serving, const std::string& rule, const std::string& what) {
  world_.invariants().violated(rule, "request " + std::to_string(serving.number) + " (" +
                                         std::string(nameOf(serving.action.kind)) + "): " + what);
}

void Process::open(Serving& serving) {
  serving.login = serving.session.get<std::string>("login").value_or("");
  if (const auto tokens = serving.session.tokens()) {
    serving.token = tokens->refreshToken;
    serving.accessToken = tokens->accessToken;
  }
  if (serving.login.empty()) return;
  world_.meet(serving);
  world_.conduct().opened(serving);
  if (!world_.browser(serving.action.browser).logins.contains(serving.login)) {
    violated(serving, "nobody becomes another", "opened as " + serving.login);
  }
  if (world_.provider().loginOf(serving.token) != serving.login) {
    violated(serving, "nobody holds another's tokens", serving.login + " holds " + serving.token);
  }
  serving.isOut =
      world_.invariants().isOut(life_, serving.login, serving.token, evicted(), serving.session.startedAt());
  serving.begun = serving.session.startedAt();
  if (redis_) world_.invariants().came(serving.login, serving.begun);
  if (revoked_ && world_.invariants().isOutEverywhere(life_, serving.login, serving.begun, serving.servedAt)) {
    violated(serving, "what was logged out stays out", serving.login + " opens");
  }
  world_.invariants().seen(life_, serving.token);
  serving.mustBeServed =
      serving.action.kind == Kind::probe &&
      world_.invariants().mustServe(life_, serving.login, serving.token, serving.accessToken, evicted());
}

void Process::serve(const ServingPointer& serving) {
  serving->servedAt = Schedule::current().now();
  if (!revoked_) {
    serving->session = jar_->open(serving->cookies);
    return opened(serving);
  }
  jar_->startOpen(serving->cookies, [this, serving](ironjar::Session session) {
    if (!serving->life->isAlive) return;
    serving->session = std::move(session);
    serving->deadline = Schedule::current().now() + world_.settings().fetchTimeout;
    opened(serving);
  });
}

void Process::opened(const ServingPointer& serving) {
  serving->heardAt = Schedule::current().now();
  open(*serving);
  ironjar::Session& session = serving->session;
  switch (serving->action.kind) {
    case Kind::login:
      return login(serving);
    case Kind::logout:
      session.destroy();
      return finish(serving, 200);
    case Kind::write:
      session.set("note", noteOf(*serving));
      return finish(serving, 200);
    case Kind::status:
      if (const auto end = fetcher_->endOf(session)) {
        world_.invariants().ended(life_, serving->login, serving->token, *end);
      }
      return finish(serving, 200);
    case Kind::refresh:
      return refresh(serving);
    default:
      return fetch(serving);
  }
}

void Process::login(const ServingPointer& serving) {
  const std::string name = "user-" + std::to_string(serving->action.browser) + "-" + std::to_string(serving->number);
  const std::string tagBefore = serving->session.tag();
  serving->session.replace();
  serving->session.setTokens(world_.provider().login(name, Schedule::current().now(), world_.wallNow(life_->process)));
  serving->session.set("login", name);
  world_.conduct().signedIn(*serving, tagBefore);
  world_.browser(serving->action.browser).logins.insert(name);
  finish(serving, 200);
}

void Process::fetch(const ServingPointer& serving) {
  const bool isPost = serving->action.kind == Kind::post;
  ironjar::Request request{.method = isPost ? "POST" : "GET",
                           .url = "https://api.example/" + std::to_string(serving->number),
                           .body = isPost ? "x=1" : ""};
  world_.conduct().confirms(*serving);
  ironjar::startFetch(*fetcher_, serving->session, std::move(request), fetcher_->options().asyncTransport,
                      [this, serving](const Result<Response>& response) {
                        if (serving->life->isAlive) fetched(serving, response);  // else the process is not there
                      },
                      {.stop = serving->stop});
  if (!world_.plan().mix.has(Fault::tightBounds)) return;
  const std::size_t waiters = coordinator_->stats().waiters;
  world_.conduct().waiting(waiters, mostWaiters(world_.settings()));
  const std::uint64_t calls = told_->started - told_->answered;
  const bool isPlaceFree = calls < world_.settings().maxCalls;  // else there are others that wait for one
  if (!redis_ && isPlaceFree) world_.conduct().waiting(waiters, mostWaitersPerToken * calls);
}

// Long: 3,500 characters, for which a session needs several cookies.
std::string Process::noteOf(const Serving& serving) const {
  const bool isLong = world_.plan().mix.has(Fault::bigNotes) && world_.settings().chunk && serving.number % 2 == 1;
  return std::to_string(serving.number) + (isLong ? std::string(3'500, 'n') : "");
}

void Process::countApiTry(Serving& serving) {
  ++apiTries_;
  if (!std::exchange(serving.wasSent, true)) ++fetchesSent_;
}

void Process::refresh(const ServingPointer& serving) {
  fetcher_->startRefresh(serving->session,
                         [this, serving](const Result<ironjar::RefreshedBy>& by) {
                           if (!serving->life->isAlive) return;  // nor is the process there
                           by ? finish(serving, 200) : refused(serving, by.error());
                         },
                         {.stop = serving->stop});
}

void Process::fetched(const ServingPointer& serving, const Result<Response>& response) {
  if (!response) return refused(serving, response.error());
  // Tokens that others have brought are no retry: a request that has them, and a good refresh token, asks for more.
  const auto by = response->trace.refreshedBy;
  const bool asked = by == ironjar::RefreshedBy::self || by == ironjar::RefreshedBy::follower;
  serving->isThrottled = throttled_->contains(serving->session.tag());
  if (response->status == 401 && !asked && !serving->wasRefused && !serving->isThrottled) {
    violated(*serving, "a refresh token that is good is used", "the API's 401 is passed on");
  }
  finish(serving, response->status);
}

void Process::refused(const ServingPointer& serving, const Error& error) {
  if (error.end) world_.invariants().ended(life_, serving->login, serving->token, *error.end);
  if (error.code == Errc::cancelled) ++cancelled_;
  if (error.code == Errc::refreshFailed) {
    const bool isPlaceFree = redis_ || told_->started - told_->answered < world_.settings().maxCalls;
    serving->isRationed =
        world_.invariants().refusedForNow(life_, serving->login, {serving->heardAt, serving->deadline, isPlaceFree}) &&
        redis_;
  }
  if (error.detail.find("at-") != std::string::npos || error.detail.find("rt-") != std::string::npos) {
    violated(*serving, "no secret outside", error.detail);
  }
  finish(serving, ironjar::answerFor(error).status);
}

// The newest that the session has had, of what it came with.
std::string Process::endedToken(const Serving& serving) {
  const auto former = serving.session.formerLogins();
  return former.empty() ? serving.token : former.front().tokens.refreshToken;
}

struct Process::Commit {
  int status;
  bool isOut;
  MonotonicTime at;
};

void Process::finish(const ServingPointer& serving, int status) {
  if (std::exchange(serving->isAnswered, true)) return violated(*serving, "each completes once", "twice");
  if (Schedule::current().now() > serving->deadline) violated(*serving, "each completes by its deadline", "too late");
  ironjar::Session& session = serving->session;
  const Kind kind = serving->action.kind;
  const bool wasIn = !serving->login.empty();
  if (wasIn && kind != Kind::login) world_.conduct().served(*serving, evicted());
  // What led from the cookie's token to the one that the session has now may be forgotten already.
  const auto tokens = session.tokens();
  const std::string& token = tokens ? tokens->refreshToken : serving->token;
  const bool isOut = wasIn && kind != Kind::login &&
                     world_.invariants().isOut(life_, serving->login, token, evicted(), serving->begun);
  const bool isLogout = session.destroyed() || kind == Kind::login;
  if (isLogout && wasIn) world_.invariants().logoutBegins(serving->login);
  const Commit commit{status, isOut, Schedule::current().now()};
  if (!redis_) return committed(serving, commit, jar_->commit(session));
  jar_->startCommit(std::move(session), [this, serving, commit](ironjar::SessionJar::Committed done) {
    if (!serving->life->isAlive) return;
    serving->session = std::move(done.session);
    committed(serving, commit, done.setCookies);
  });
}

void Process::committed(const ServingPointer& serving, const Commit& commit,
                        const Result<std::vector<std::string>>& cookies) {
  const ironjar::Session& session = serving->session;
  const Kind kind = serving->action.kind;
  const bool wasIn = !serving->login.empty();
  serving->isCommitted = true;
  // A command or a few, of which each is given up soon.
  const bool wasPaused = life_->pausedUntil >= commit.at;
  if (!wasPaused && Schedule::current().now() - commit.at > longestCommit) {
    violated(*serving, "each completes by its deadline", "its session is written too late");
  }
  if (!cookies) {
    // A list of logouts that is told of one says so.
    const Errc code = cookies.error().code;
    const bool isDenied = revoked_ && (code == Errc::loginRequired || code == Errc::overloaded);
    if (!isDenied) violated(*serving, "what is written fits", std::string(nameOf(code)));
    return world_.answer(serving, isDenied ? 401 : 500, {});
  }
  world_.conduct().written(*serving, *cookies, world_.wallNow(life_->process));
  if (commit.isOut && !cookies->empty() && !session.destroyed()) {
    violated(*serving, "what was logged out stays out", serving->login + " is written again");
  }
  if (revoked_ && wasIn && kind != Kind::login && !cookies->empty() && !session.destroyed() &&
      world_.invariants().isOutEverywhere(life_, serving->login, serving->begun, commit.at)) {
    violated(*serving, "what was logged out stays out", serving->login + " is written again, here");
  }
  if (session.destroyed()) {
    if (!serving->cookies.empty()) ++own_.loggedOut;
  } else if (!cookies->empty()) {
    ++own_.sealed;
  }
  if (wasIn && !(kind == Kind::login && world_.invariants().isPassed(life_, serving->login)) &&
      (kind == Kind::login || session.destroyed())) {
    // The clock that said when the session began may be ahead of this one.
    const ironjar::TimePoint wallNow = world_.wallNow(life_->process);
    const ironjar::TimePoint wallAt = std::max(wallNow, serving->begun);
    world_.invariants().loggedOut(life_, serving->login, endedToken(*serving), wallAt);
    if (kind == Kind::logout) {
      world_.conduct().loggedOut(serving->login);
    } else {
      world_.conduct().endedOtherwise(serving->login);
    }
    world_.passLogout(*serving);
    if (redis_ && kind == Kind::logout) {
      world_.invariants().loggedOutEverywhere(life_, serving->login, serving->token, wallAt, commit.at);
    }
  }
  world_.answer(serving, commit.status, *cookies);
}

void Process::checkQuiet() {
  const auto require = [&](bool holds, const std::string& what) {
    if (!holds) world_.invariants().violated("what is counted is what happened", what);
  };
  const std::string started = std::to_string(told_->started) + " calls, ";
  require(told_->started == told_->answered, started + std::to_string(told_->answered) + " answers");
  const std::uint64_t brought = world_.invariants().tokensBrought(life_);
  require(told_->brought == brought,
          std::to_string(told_->brought) + " answers with tokens told, " + std::to_string(brought) + " given");
  // A retry is told before it is seen that its browser has gone.
  const std::uint64_t most = fetchesSent_ + told_->retried;
  require(apiTries_ <= most && apiTries_ + cancelled_ >= most, std::to_string(apiTries_) + " requests to the API, " +
                                                                   std::to_string(fetchesSent_) + " fetches, " +
                                                                   std::to_string(told_->retried) + " retries told");
  require(told_->sealed == own_.sealed,
          std::to_string(told_->sealed) + " seals told, " + std::to_string(own_.sealed) + " made");
  require(told_->loggedOut == own_.loggedOut,
          std::to_string(told_->loggedOut) + " logouts told, " + std::to_string(own_.loggedOut) + " made");
  const auto stats = coordinator_->stats();
  require(stats.waiters == 0, std::to_string(stats.waiters) + " still wait");
  if (stats.tokens > world_.settings().maxEntries) {
    world_.invariants().violated("memory is bounded", std::to_string(stats.tokens) + " entries");
  }
}

}  // namespace sim

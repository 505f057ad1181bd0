// The way between a process and the servers that it asks: what is lost, late, garbled or doubled there follows from the
// history's seed and from what is sent, not from what was sent before.
#include "sim/process.hpp"
#include "sim/world.hpp"

#include <array>
#include <utility>

namespace sim {
namespace {

using ironjar::Errc;
using ironjar::fail;
using ironjar::Request;
using ironjar::Response;
using ironjar::Result;

Response json(int status, std::string body) {
  return {.status = status, .headers = {{"Content-Type", "application/json"}}, .body = std::move(body)};
}
Response page(int status) {
  return {.status = status, .headers = {{"Content-Type", "text/html"}}, .body = "<h1>Sorry</h1>"};
}
Response later(Response answer, Random& random) {
  if (random.chance(0.5)) answer.headers.emplace_back("Retry-After", std::to_string(random.between(1, 60)));
  return answer;
}

// An answer as it arrives when something in between, or the server, is not well.
Response garbled(const Response& answer, Random& random) {
  switch (random.below(8)) {
    case 0:
      return json(200, answer.body.substr(0, answer.body.size() / 2));
    case 1:
      return page(200);
    case 2:
      return page(502);
    case 3:
      return page(504);
    case 4:
      return json(500, R"({"error":"server_error"})");
    case 5:
      return page(403);
    case 6:
      return json(200, "{}");
    default:
      return later(page(503), random);
  }
}

Response asProofToken(Response answer) {
  constexpr std::string_view type = "\"Bearer\"";
  answer.body.replace(answer.body.find(type), type.size(), "\"DPoP\"");
  return answer;
}

std::string bearerOf(const Request& request) {
  const auto field = ironjar::findHeader(request.headers, "Authorization");
  return field && field->starts_with("Bearer ") ? std::string(field->substr(7)) : std::string();
}

}  // namespace

// A request that is on its way, or its answer.
struct World::Message {
  ironjar::ResponseHandler done;
  MonotonicTime deadline;
  LifePointer life;
  std::optional<Invariants::Call> call = {};
  std::string token = {};  // that the call is about
  bool isEnded = false;
  bool isLate = false;  // it arrives after the deadline, and nobody waits for what comes of it
  std::shared_ptr<std::stop_callback<std::function<void()>>> onStop = {};
};

ironjar::AsyncTransport World::transportOf(const LifePointer& life) {
  return [this, life](const Request& request, ironjar::Deadline deadline, const std::stop_token& stop,
                      ironjar::ResponseHandler done) {
    if (!life->isAlive) return;  // its last thoughts
    const auto message = std::make_shared<Message>(Message{std::move(done), deadline, life});
    if (stop.stop_possible()) {
      const auto stopped = [this, weak = std::weak_ptr(message)] {
        if (const auto left = weak.lock()) complete(left, schedule_.now(), fail(Errc::cancelled), Outcome::lost);
      };
      message->onStop = std::make_shared<std::stop_callback<std::function<void()>>>(stop, stopped);
    }
    if (request.url.starts_with("https://api.example")) return toApi(life, request, message);
    request.url.ends_with("/revoke") ? revoke(life, request, message) : toProvider(life, request, message);
  };
}

MonotonicTime World::arrival(const std::shared_ptr<Message>& message, Random& random, bool isSlow) {
  const MonotonicTime arrives = schedule_.now() + delay(random, isSlow);
  if (arrives > message->deadline) {
    complete(message, arrives, fail(Errc::timeout), Outcome::lost);
    message->isLate = true;
  }
  return arrives;
}

// At that time or at the deadline.
void World::complete(const std::shared_ptr<Message>& message, MonotonicTime when, Result<Response> result,
                     Outcome outcome, const std::string& fresh) {
  if (message->isLate) return;
  if (when > message->deadline) {
    when = message->deadline;
    result = fail(Errc::timeout);
    outcome = Outcome::lost;
  }
  schedule_.at(
      when,
      [this, message, result = std::move(result), outcome, fresh] {
        if (!std::exchange(message->isEnded, true)) {
          if (message->call) {
            invariants_.tokenAnswered(*message->call, outcome, fresh);
            if (result && result->status == 403) invariants_.tokenForbidden(*message->call);
            conduct_.tokenAnswered(message->life, message->token, fresh, result);
          }
        }
        const auto done = message->done;  // as often as it comes
        done(result);
      },
      message->life);
}

Millis World::delay(Random& random, bool isSlow) const {
  return Millis{isSlow && random.chance(0.3) ? random.between(300, 15'000) : random.between(1, 150)};
}

void World::toApi(const LifePointer& life, const Request& request, const std::shared_ptr<Message>& message) {
  const std::size_t number = std::stoul(request.url.substr(request.url.rfind('/') + 1));
  const ServingPointer serving = servings_[number];
  Random random(mixed(serving->action.seed, ++serving->tries));
  if (Process* process = processOf(life)) process->countApiTry(*serving);
  const std::string token = bearerOf(request);
  conduct_.apiTry(*serving, token);
  const std::size_t api = columnOf({}) + plan_.settings.processes + 1;
  if (diagram_) trace(columnOf(*life), api, std::to_string(number) + ": with " + token);
  if (serving->isOut) {
    invariants_.violated("what was logged out stays out",
                         "request " + std::to_string(number) + " of " + serving->login + " reaches the API");
  }
  const MonotonicTime arrives = arrival(message, random, has(Fault::slowApi));
  if (has(Fault::lostApi) && random.chance(0.2)) {
    const Errc how = random.chance(0.5) ? Errc::transport : Errc::unreachable;
    serving->wasBroken = how == Errc::transport;
    return complete(message, arrives, fail(how), Outcome::lost);
  }
  schedule_.at(
      arrives,
      [this, message, serving, token, random, api]() mutable {
        const auto user = provider_.admit(token, schedule_.now());
        invariants_.shown(serving->login, token, user);
        const bool refuses = user && schedule_.now() < apiRefusesUntil_;
        const bool wantsLogin = user && !refuses && has(Fault::stepUp) && random.chance(0.15);
        if (refuses || wantsLogin) serving->wasRefused = true;
        const MonotonicTime back = schedule_.now() + delay(random, has(Fault::slowApi));
        if (has(Fault::lostApi) && random.chance(0.1)) {
          serving->wasBroken = true;
          return complete(message, back, fail(Errc::transport), Outcome::lost);
        }
        const int status = user && !refuses && !wantsLogin ? 200 : 401;
        serving->mustSignIn = wantsLogin;
        if (refuses) conduct_.apiRefused(*serving, token);
        serving->heardAt = back;
        if (diagram_)
          trace(api, columnOf(*message->life), std::to_string(serving->number) + ": " + std::to_string(status));
        Response answer{.status = status};
        if (wantsLogin) {
          answer.headers = {{"WWW-Authenticate", R"(Bearer error="insufficient_user_authentication")"}};
        }
        complete(message, back, std::move(answer), Outcome::lost);
      },
      nullptr);
}

void World::revoke(const LifePointer& /*life*/, const Request& request, const std::shared_ptr<Message>& message) {
  const std::string token = Provider::tokenIn(request);
  Random random(mixed(mixed(plan_.seed, "revoke"), token));
  const std::size_t provider = columnOf({}) + plan_.settings.processes;
  if (diagram_) trace(columnOf(*message->life), provider, "revokes " + token);
  const bool isLost = has(Fault::unreachable) && random.chance(0.2);
  const MonotonicTime arrives = arrival(message, random, false);
  if (isLost) return complete(message, arrives, fail(Errc::unreachable), Outcome::lost);
  schedule_.at(
      arrives,
      [this, message, token, random]() mutable {
        provider_.revoke(token);
        complete(message, schedule_.now() + delay(random, false), Response{.status = 200}, Outcome::lost);
      },
      nullptr);
}

void World::toProvider(const LifePointer& life, const Request& request, const std::shared_ptr<Message>& message) {
  const std::string token = Provider::tokenIn(request);
  Process* process = processOf(life);
  message->call = invariants_.tokenCall(life, token, process ? process->evicted() : 0);
  message->token = token;
  conduct_.tokenCall(life, token, process ? process->evicted() : 0);
  Random random(mixed(mixed(plan_.seed, token), ++tries_[token]));
  const std::size_t provider = columnOf({}) + plan_.settings.processes;
  if (diagram_) trace(columnOf(*life), provider, "asks with " + token);
  const MonotonicTime arrives = arrival(message, random, has(Fault::slowProvider));
  if (has(Fault::unreachable) && random.chance(0.25)) {
    const bool isSent = random.chance(0.5);
    const bool hangs = isSent && random.chance(0.5);
    return complete(message, hangs ? message->deadline : arrives,
                    fail(!isSent ? Errc::unreachable
                         : hangs ? Errc::timeout
                                 : Errc::transport),
                    isSent ? Outcome::lost : Outcome::notSent);
  }
  invariants_.tokenSent(*message->call);
  const auto arrive = [this, message, token, random] {
    invariants_.tokenArrived(*message->call);
    arriveAtProvider(message, token, random);
  };
  schedule_.at(arrives, arrive, nullptr);
}

// The answer of a provider that is down, or that has an error for this login's tokens.
std::optional<Response> World::inTrouble(const std::string& token, Random& random) const {
  const auto poisoned = poisoned_.find(provider_.loginOf(token));
  if (poisoned != poisoned_.end() && schedule_.now() < poisoned->second.until) {
    switch (poisoned->second.how % 4) {
      case 0:
        return json(400, R"({"error":"invalid_scope"})");
      case 1:
        return page(500);
      case 2:
        return later(json(429, R"({"error":"slow_down"})"), random);
      default:
        return page(403);
    }
  }
  if (schedule_.now() >= outage_.until) return std::nullopt;
  switch (outage_.how % 5) {
    case 0:
      return later(page(503), random);
    case 1:
      return page(500);
    case 2:
      return page(502);
    case 3:
      return later(page(429), random);
    default:
      return page(403);
  }
}

void World::arriveAtProvider(const std::shared_ptr<Message>& message, const std::string& token, Random random) {
  const std::size_t provider = columnOf({}) + plan_.settings.processes;
  const auto say = [&](const std::string& text) { trace(provider, columnOf(*message->life), text); };
  const MonotonicTime back = schedule_.now() + delay(random, has(Fault::slowProvider));
  if (const auto trouble = inTrouble(token, random)) {
    say(token + ": " + std::to_string(trouble->status));
    const bool mayBeUsed = trouble->status == 500 || trouble->status == 502;
    return complete(message, back, *trouble, mayBeUsed ? Outcome::lost : Outcome::refused);
  }
  if (has(Fault::oddErrors) && random.chance(0.2)) {
    say(token + ": 429");
    return complete(message, back, json(429, R"({"error":"invalid_grant"})"), Outcome::refused);
  }
  const Provider::Answer answer = provider_.refresh(token, schedule_.now());
  if (answer.refreshToken && has(Fault::mixedUp) && plan_.settings.tellsSubject && random.chance(0.2)) {
    const Provider::Answer others = provider_.mixUp(schedule_.now());
    say(token + " gives another user's " + others.refreshToken.value_or(""));
    invariants_.mixedUp(provider_.loginOf(token));
    return complete(message, back, others.response, Outcome::lost);
  }
  if (answer.refreshToken && has(Fault::proofs) && random.chance(0.2)) {
    say(token + " gives a token that needs a proof");
    conduct_.needsProof(provider_.newestAccessTokenOf(provider_.loginOf(token)));
    invariants_.showsTrouble(message->life);
    return complete(message, back, asProofToken(answer.response), Outcome::lost);
  }
  if (has(Fault::lostTokens) && random.chance(0.25)) {
    say(token + " gives " + answer.refreshToken.value_or("nothing") + ", lost");
    const bool hangs = random.chance(0.5);
    return complete(message, hangs ? message->deadline : back, fail(hangs ? Errc::timeout : Errc::transport),
                    Outcome::lost);
  }
  if (has(Fault::garbledTokens) && random.chance(0.25)) {
    say(token + " gives " + answer.refreshToken.value_or("nothing") + ", garbled");
    return complete(message, back, garbled(answer.response, random), Outcome::lost);
  }
  if (answer.refreshToken) conduct_.needsNoProof(provider_.newestAccessTokenOf(provider_.loginOf(token)));
  say(token + " gives " + answer.refreshToken.value_or("nothing"));
  const Outcome outcome = answer.refreshToken ? Outcome::tokens : Outcome::ended;
  complete(message, back, answer.response, outcome, answer.refreshToken.value_or(""));
  if (has(Fault::doubledTokens) && random.chance(0.3)) {
    complete(message, back + delay(random, false), answer.response, outcome, answer.refreshToken.value_or(""));
  }
}

}  // namespace sim

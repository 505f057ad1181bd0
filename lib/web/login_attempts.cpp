#include "web/login_attempts.hpp"

#include "base/time.hpp"
#include "cookie/cookie_pairs.hpp"

#include <algorithm>
#include <array>

namespace ironjar::detail {
namespace {

constexpr std::size_t longestState = 64;
constexpr std::size_t mostTried = 8;   // cookies of one name
constexpr std::size_t separators = 3;  // `=` and `; `

std::size_t sizeOf(const CookiePair& cookie) { return cookie.name.size() + cookie.value.size() + separators; }

// Without what browsers make of a name's beginning.
std::string bareName(const std::string& name) {
  for (const std::string_view prefix : {"__Host-Http-", "__Host-", "__Secure-", "__Http-"}) {
    if (name.starts_with(prefix)) return name.substr(prefix.size());
  }
  return name;
}

using Member = std::pair<const char*, std::string LoginRequest::*>;
constexpr std::array<Member, 5> members = {{{"p", &LoginRequest::prompt},
                                            {"h", &LoginRequest::loginHint},
                                            {"a", &LoginRequest::acrValues},
                                            {"u", &LoginRequest::uiLocales},
                                            {"s", &LoginRequest::resource}}};

// All but returnTo and maxAge.
Json written(const LoginRequest& request) {
  Json json = Json::object();
  for (const auto& [name, member] : members) {
    if (!(request.*member).empty()) json[name] = request.*member;
  }
  if (!request.parameters.empty()) json["o"] = request.parameters;
  return json;
}

std::optional<LoginRequest> requestOf(const Json& data) {
  if (!data.contains("q")) return std::nullopt;
  const Json& json = data.at("q");
  LoginRequest request;
  for (const auto& [name, member] : members) request.*member = json.value(name, std::string());
  request.parameters = json.value("o", Headers());
  return request;
}

struct Pending {
  std::string_view state;
  std::size_t size;
  std::int64_t beganAt;  // 0 for what does not open
};

}  // namespace

LoginAttempts::LoginAttempts(const SessionOptions& session, std::string identity, SameSite sameSite, Seconds lifetime)
    : passwords_(session.passwords),
      now_(session.seal.now),
      identity_(std::move(identity)),
      lifetime_(lifetime),
      maxCookieHeader_(session.maxCookieHeader),
      sessionName_(session.cookieName),
      prefix_((session.cookie.secure ? "__Host-" : "") + bareName(session.cookieName) + "-login-") {
  cookie_.secure = session.cookie.secure;
  cookie_.sameSite = sameSite;
  cookie_.maxAge = lifetime;
}

SealOptions LoginAttempts::sealOptions(std::string_view state) const {
  SealOptions options;
  options.ttl = lifetime_;
  options.purpose = "login";
  options.context = identity_ + '\n' + std::string(state);
  options.now = now_;
  return options;
}

std::optional<Json> LoginAttempts::open(std::string_view state, std::string_view seal) const {
  Result<Json> opened = unsealData(seal, passwords_, sealOptions(state));
  return opened ? std::optional(*std::move(opened)) : std::nullopt;
}

Result<std::vector<std::string>> LoginAttempts::begin(std::string_view cookieHeader, const std::string& state,
                                                      const LoginAttempt& attempt) const {
  Json data = {
      {"n", attempt.nonce}, {"v", attempt.verifier}, {"r", attempt.returnTo}, {"t", unixMilliseconds(attempt.beganAt)}};
  if (attempt.maxAge) data["m"] = attempt.maxAge->count();
  if (!attempt.dpopKey.empty()) data["k"] = attempt.dpopKey;
  const std::string name = prefix_ + state;
  const auto sealed = [&] { return sealData(data, passwords_, sealOptions(state)); };
  if (attempt.request) data["q"] = written(*attempt.request);
  Result<std::string> seal = sealed();
  if (attempt.request && (!seal || sizeOf({name, *seal}) > attemptBudget)) {
    data.erase("q");
    seal = sealed();
  }
  if (!seal) return seal.error();
  std::size_t size = sizeOf({name, *seal});
  if (size > attemptBudget) return fail(Errc::tooLarge, "an attempt of more than 1.5 KiB");

  std::vector<Pending> others;
  std::size_t ofSession = 0;
  while (const auto cookie = nextCookie(cookieHeader)) {
    if (cookie->name.starts_with(prefix_)) {
      const std::string_view other = cookie->name.substr(prefix_.size());
      const auto opened = open(other, cookie->value);
      others.push_back({other, sizeOf(*cookie), opened ? opened->value("t", std::int64_t{0}) : 0});
      size += others.back().size;
    } else if (cookie->name.starts_with(sessionName_)) {
      ofSession += sizeOf(*cookie);
    }
  }
  const std::size_t budget = std::min(attemptBudget, maxCookieHeader_ - std::min(maxCookieHeader_, ofSession));
  std::stable_sort(others.begin(), others.end(),
                   [](const Pending& a, const Pending& b) { return a.beganAt < b.beganAt; });
  auto set = serializeCookie(name, *seal, cookie_);
  if (!set) return set.error();
  std::vector<std::string> cookies;
  for (const Pending& other : others) {
    if (size <= budget) break;
    std::string line = deletion(other.state);
    if (line.empty()) continue;  // of a name that no browser keeps
    cookies.push_back(std::move(line));
    size -= other.size;
  }
  cookies.push_back(*std::move(set));
  return cookies;
}

std::optional<LoginAttempt> LoginAttempts::find(std::string_view cookieHeader, std::string_view state) const {
  if (state.empty() || state.size() > longestState) return std::nullopt;
  const std::string name = prefix_ + std::string(state);
  std::size_t tried = 0;
  while (const auto cookie = nextCookie(cookieHeader)) {
    if (cookie->name != name) continue;
    if (++tried > mostTried) break;
    if (const auto data = open(state, cookie->value)) {
      LoginAttempt attempt{.nonce = data->at("n").get<std::string>(),
                           .verifier = data->at("v").get<std::string>(),
                           .returnTo = data->at("r").get<std::string>()};
      attempt.beganAt = fromUnixMilliseconds(data->at("t").get<std::int64_t>());
      attempt.request = requestOf(*data);
      attempt.dpopKey = data->value("k", std::string());
      if (data->contains("m")) attempt.maxAge = Seconds{data->at("m").get<std::int64_t>()};
      return attempt;
    }
  }
  return std::nullopt;
}

std::string LoginAttempts::deletion(std::string_view state) const {
  CookieOptions ended = cookie_;
  ended.maxAge = Seconds{0};
  return serializeCookie(prefix_ + std::string(state), "", ended).value_or("");
}

}  // namespace ironjar::detail

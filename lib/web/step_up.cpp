#include "base/ascii.hpp"
#include "base/form.hpp"
#include "web/fields.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <ironjar/challenges.hpp>
#include <ironjar/step_up.hpp>

namespace ironjar {
namespace {

// Longer than performFetch takes by default for an answer to the request that a login leads to.
constexpr Seconds afterLogin{60};
constexpr std::size_t longestValue = 256;
constexpr std::size_t longestNumber = 9;
constexpr std::array<std::string_view, 4> prompts = {"none", "login", "consent", "select_account"};

std::optional<Seconds> secondsIn(std::string_view text) {
  const auto isDigit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.empty() || text.size() > longestNumber || !detail::allOf(text, isDigit)) return std::nullopt;
  long long number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return Seconds{number};
}

// Space-separated words (RFC 9470 section 3).
std::string wordsIn(std::string_view text) {
  const auto isWordy = [](char c) { return detail::isVisible(c) || c == ' '; };
  return text.size() <= longestValue && detail::allOf(text, isWordy) ? std::string(text) : std::string();
}

std::optional<LoginRequest> stepUpIn(const Response& answer) {
  if (answer.status != 401) return std::nullopt;
  for (const Challenge& challenge : challengesIn(answer)) {
    if (findHeader(challenge.parameters, "error") != "insufficient_user_authentication") continue;
    LoginRequest wanted;
    wanted.acrValues = wordsIn(findHeader(challenge.parameters, "acr_values").value_or(""));
    wanted.maxAge = secondsIn(findHeader(challenge.parameters, "max_age").value_or(""));
    return wanted;
  }
  return std::nullopt;
}

// Of this host, its path and query; empty: of another, or none.
std::string refererOf(const WebRequest& request) {
  const std::string_view referer = detail::singleField(request, "Referer").value.value_or("");
  const std::string_view host = detail::singleField(request, "Host").value.value_or("");
  const std::size_t begin = referer.find("://");
  if (host.empty() || begin == std::string_view::npos) return {};
  const std::string_view place = referer.substr(begin + 3);
  if (!place.starts_with(host) || !place.substr(host.size()).starts_with('/')) return {};
  return std::string(place.substr(host.size()));
}

}  // namespace

std::optional<LoginRequest> loginFor(const Result<Response>& answer, const Session& session, const WebRequest& request,
                                     TimePoint now) {
  std::optional<LoginRequest> wanted;
  if (answer) {
    wanted = stepUpIn(*answer);
  } else if (answer.error().code == Errc::loginRequired || answer.error().code == Errc::expired) {
    wanted.emplace();
  }
  const bool hasSignedIn = session.tokens() || session.destroyed();
  if (!wanted || (hasSignedIn && now - session.startedAt() < afterLogin)) return std::nullopt;
  wanted->returnTo = request.method == "GET" ? std::string(request.target) : refererOf(request);
  return wanted;
}

std::string loginTarget(const LoginRequest& request, std::string_view loginPath) {
  detail::FormFields fields;
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) fields.emplace_back(name, value);
  };
  add("returnTo", request.returnTo);
  add("prompt", request.prompt);
  add("acr_values", request.acrValues);
  if (request.maxAge) fields.emplace_back("max_age", std::to_string(request.maxAge->count()));
  std::string target(loginPath);
  if (!fields.empty()) target.append("?").append(detail::form(fields));
  return target;
}

LoginRequest loginRequestIn(const WebRequest& request) {
  LoginRequest wanted;
  const std::size_t question = std::min(request.target.find('?'), request.target.size());
  for (const auto& [name, value] :
       detail::parseForm(request.target.substr(std::min(question + 1, request.target.size())))) {
    if (name == "acr_values") wanted.acrValues = wordsIn(value);
    if (name == "max_age") wanted.maxAge = secondsIn(value);
    if (name == "prompt" && std::find(prompts.begin(), prompts.end(), value) != prompts.end()) wanted.prompt = value;
  }
  return wanted;
}

}  // namespace ironjar

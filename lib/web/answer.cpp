#include "web/answer.hpp"

#include "base/ascii.hpp"
#include "http/field.hpp"
#include "web/fields.hpp"

#include <algorithm>
#include <array>

#include <ironjar/web.hpp>

namespace ironjar {
namespace {

constexpr std::string_view corsFields = "Access-Control-";
constexpr Seconds unknownPause{2};

bool isNavigation(const WebRequest& request) {
  const detail::Single mode = detail::singleField(request, "Sec-Fetch-Mode");
  if (mode.value) return mode.value == "navigate";
  return !detail::hasField(request, "X-Requested-With") &&
         detail::singleField(request, "Accept").value.value_or("").find("text/html") != std::string_view::npos;
}

void allowOrigin(const WebRequest& request, Headers& headers, const Origins& origins) {
  if (origins.empty()) return;
  headers.emplace_back("Vary", "Origin");
  const detail::Single origin = detail::singleField(request, "Origin");
  if (origin.repeats || !origin.value || !origins.contains(*origin.value)) return;
  headers.emplace_back("Access-Control-Allow-Origin", *origin.value);
  headers.emplace_back("Access-Control-Allow-Credentials", "true");
  headers.emplace_back("Access-Control-Expose-Headers", "Retry-After");
}

std::string_view reasonOf(std::optional<RefreshEnd> end) {
  if (!end) return "login_required";
  return end == RefreshEnd::superseded ? "superseded" : "session_expired";
}

}  // namespace

Response detail::answer(int status, std::string_view reason) {
  return {.status = status,
          .headers = {{"Content-Type", "application/json"}},
          .body = std::string(R"({"reason":")").append(reason).append("\"}")};
}

Response crossSiteAnswer() { return detail::answer(403, "cross_site_request"); }

Response notSavedAnswer(const std::optional<Error>& why) {
  if (why && why->code == Errc::loginRequired) return answerFor(*why);
  return detail::answer(500, "session_not_saved");
}

Response answerFor(const Error& error) {
  switch (error.code) {
    case Errc::loginRequired:
      return detail::answer(401, reasonOf(error.end));
    case Errc::expired:
      return detail::answer(401, "session_expired");
    case Errc::refreshFailed:
    case Errc::overloaded:
    case Errc::throttled: {
      Response response = detail::answer(503, "temporarily_unavailable");
      const Seconds pause = std::max(error.retryAfter.value_or(unknownPause), Seconds{1});
      response.headers.emplace_back("Retry-After", std::to_string(pause.count()));
      return response;
    }
    case Errc::timeout:
      return detail::answer(504, "upstream_timeout");
    default:
      return detail::answer(502, "upstream_failed");
  }
}

Response refusalAnswer(const Refusal& refusal) {
  Response response = detail::answer(refusal.status, refusal.reason);
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

Response internalErrorAnswer(const Response& instead) {
  Response response = refusalAnswer({500, "internal_error"});
  std::vector<std::string> cookies;
  for (const auto& [name, value] : instead.headers) {
    if (detail::equalIgnoringCase(name, "Set-Cookie") && detail::isFieldValue(value)) cookies.push_back(value);
  }
  putSetCookies(response.headers, cookies);
  return response;
}

Response answerForBody(const Error& error) {
  if (error.code == Errc::tooLarge) return refusalAnswer({413, "body_too_large"});
  if (error.code == Errc::timeout) return refusalAnswer({408, "body_timeout"});
  return refusalAnswer({400, "malformed_body"});
}

Response answerFor(const Error& error, const WebRequest& request, const RespondOptions& options) {
  const bool needsLogin = error.code == Errc::loginRequired || error.code == Errc::expired;
  if (needsLogin && !options.loginUrl.empty() && isNavigation(request)) {
    return {.status = 302, .headers = {{"Location", options.loginUrl}}};
  }
  Response response = answerFor(error);
  allowOrigin(request, response.headers, options.corsOrigins);
  return response;
}

void putFields(Headers& headers, const Headers& answer) {
  const bool hasCors = findHeader(headers, "Access-Control-Allow-Origin").has_value();
  const auto adds = [](const std::string& name) {
    return detail::equalIgnoringCase(name, "Set-Cookie") || detail::equalIgnoringCase(name, "Vary");
  };
  for (const auto& [name, value] : answer) {
    if (!adds(name) && !(hasCors && detail::startsWithIgnoringCase(name, corsFields))) eraseHeader(headers, name);
  }
  for (const auto& field : answer) {
    if (hasCors && detail::startsWithIgnoringCase(field.first, corsFields)) continue;
    const bool isThere = detail::equalIgnoringCase(field.first, "Vary") &&
                         std::find(headers.begin(), headers.end(), field) != headers.end();
    if (!isThere) headers.push_back(field);
  }
}

void eraseFieldsOfBody(Headers& headers) {
  for (const char* name :
       {"Location", "Refresh", "Content-Type", "Content-Length", "Content-Encoding", "Content-Language",
        "Content-Disposition", "Content-Range", "Content-Location", "ETag", "Last-Modified"}) {
    eraseHeader(headers, name);
  }
}

}  // namespace ironjar

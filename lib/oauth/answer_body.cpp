#include "oauth/answer_body.hpp"

#include "base/ascii.hpp"
#include "base/form.hpp"
#include "http/content_coding.hpp"
#include "json/json_lenient.hpp"
#include "oauth/policy.hpp"

#include <algorithm>

namespace ironjar::detail {
namespace {

std::string typeOf(const Response& answer) {
  return lower(findHeader(answer.headers, "Content-Type").value_or(std::string_view()));
}
bool isForm(const Response& answer) { return typeOf(answer).starts_with("application/x-www-form-urlencoded"); }

using Places = std::vector<JsonPlace>;

Places placesOf(const AnswerPointers& pointers) {
  Places places = {{"/token_type"}};
  for (const std::string* pointer : {&pointers.accessToken, &pointers.refreshToken, &pointers.expiresIn,
                                     &pointers.expiresAt, &pointers.scope, &pointers.error, &pointers.idToken}) {
    if (!pointer->empty()) places.push_back({*pointer});
  }
  for (const auto& further : pointers.extra) places.push_back({.pointer = further.second, .isExact = false});
  return places;
}

// A name that is used and comes twice is no answer, since two readers would take different values.
Result<Json> formBody(std::string_view text, const Places& places) {
  Json body = Json::object();
  for (auto& [member, value] : parseForm(text)) {
    std::string name = asUtf8(member);
    const std::string pointer = (Json::json_pointer() / name).to_string();
    const auto isMeant = [&](const JsonPlace& place) { return place.isExact && place.pointer == pointer; };
    if (body.contains(name) && std::any_of(places.begin(), places.end(), isMeant)) {
      return fail(Errc::malformed, "a form with a member that comes twice");
    }
    body[std::move(name)] = asUtf8(value);
  }
  return body;
}

// Whether the text begins as a JSON object.
bool isObject(std::string_view text) {
  const std::string_view body = withoutByteOrderMark(text);
  const std::size_t begin = body.find_first_not_of(" \t\r\n");
  return begin != std::string_view::npos && body[begin] == '{';
}

}  // namespace

// A body that begins as an object is JSON, whatever its fields say: no form and no coded text begins so. An
// application's transport may have undone a coding and left the Content-Encoding.
Result<Json> answerBody(const Response& answer, const AnswerPointers& pointers) {
  const Places places = placesOf(pointers);
  if (answer.body.size() <= maxAnswerSize && isObject(answer.body)) return parseLenientJson(answer.body, places);
  const Result<std::string> text = decodedBody(answer, maxAnswerSize);
  if (!text) return text.error();
  return isForm(answer) && !isObject(*text) ? formBody(withoutByteOrderMark(*text), places)
                                            : parseLenientJson(*text, places);
}

bool hasKnownType(const Response& answer) { return isForm(answer) || typeOf(answer).find("json") != std::string::npos; }

const Json* memberAt(const Json& body, const std::string& pointer) {
  if (pointer.empty()) return nullptr;
  const Json::json_pointer where(pointer);
  return body.contains(where) ? &body.at(where) : nullptr;
}

}  // namespace ironjar::detail

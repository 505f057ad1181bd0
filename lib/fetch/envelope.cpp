#include "http/content_coding.hpp"
#include "json/json.hpp"

#include <stdexcept>

#include <ironjar/envelope.hpp>

namespace ironjar::detail {
namespace {

constexpr std::size_t longestMessage = 1024;
constexpr std::size_t largestBody = 64 * 1024 * 1024;  // more than any transport keeps in memory by default

Json::json_pointer pointerOf(const std::string& text) {
  try {
    return Json::json_pointer(text);
  } catch (const std::exception&) {
    throw std::invalid_argument("ironjar: Envelope: `" + text + "` is no JSON pointer: `/data` is one");
  }
}

const Json* memberOf(const Json& body, const Json::json_pointer& pointer) {
  return body.contains(pointer) ? &body.at(pointer) : nullptr;
}

ApiError malformed(const char* what) { return {fail(Errc::malformed, what)}; }

}  // namespace

std::variant<Json, ApiError> openEnvelope(const Result<Response>& answer, const Envelope& envelope) {
  const Json::json_pointer success = pointerOf(envelope.success);
  const Json::json_pointer message = pointerOf(envelope.message);
  const Json::json_pointer data = pointerOf(envelope.data);
  if (!answer) return ApiError{answer.error()};
  const Result<std::string> text = decodedBody(*answer, largestBody);
  Result<Json> body = text ? parseJson(*text) : Result<Json>(text.error());
  bool isRefused = answer->status < 200 || answer->status > 299;
  if (!isRefused && !body) return malformed("an API's answer that is no JSON");
  if (!isRefused && !envelope.success.empty()) {
    const Json* const said = memberOf(*body, success);
    if (said == nullptr || !said->is_boolean()) return malformed("an API's answer without success");
    isRefused = !said->get<bool>();
  }
  if (isRefused) {
    ApiError refusal{fail(Errc::notAllowed, "the API has refused"), answer->status};
    const Json* const why = body && !envelope.message.empty() ? memberOf(*body, message) : nullptr;
    if (why != nullptr && why->is_string() && why->get_ref<const std::string&>().size() <= longestMessage) {
      refusal.message = why->get<std::string>();
    }
    return refusal;
  }
  const Json* const value = memberOf(*body, data);
  if (value == nullptr) return malformed("an API's answer without data");
  return *value;
}

}  // namespace ironjar::detail

// The body of a token endpoint's answer, whichever way it is written.
#pragma once

#include <ironjar/token_endpoint.hpp>

namespace ironjar::detail {

// The members that `pointers` name, and the token_type: of JSON, read leniently in all else (json_lenient.hpp); or,
// where the Content-Type says so, of a form (application/x-www-form-urlencoded), as an object of texts.
[[nodiscard]] Result<Json> answerBody(const Response& answer, const AnswerPointers& pointers);

// Whether the answer calls itself JSON or a form: then one that cannot be read was damaged on its way.
[[nodiscard]] bool hasKnownType(const Response& answer);

// The member that a pointer names; null: none, or no pointer.
[[nodiscard]] const Json* memberAt(const Json& body, const std::string& pointer);

}  // namespace ironjar::detail

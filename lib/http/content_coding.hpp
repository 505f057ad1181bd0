// Content codings of a response (RFC 9110 section 8.4).
#pragma once

#include <cstddef>
#include <string>

#include <ironjar/http.hpp>

namespace ironjar::detail {

// The body without its codings: gzip (RFC 1952), deflate (RFC 1950, or RFC 1951 alone, as some send it), identity. They
// are asked for by nobody, and sent all the same. Errors: Errc::unsupported for another coding or more than two,
// Errc::malformed, Errc::tooLarge for a body over `maxSize` bytes, at whichever step.
[[nodiscard]] Result<std::string> decodedBody(const Response& response, std::size_t maxSize);

}  // namespace ironjar::detail

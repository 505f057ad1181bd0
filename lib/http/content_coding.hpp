// Content codings of a response (RFC 9110 section 8.4).
#pragma once

#include <cstddef>
#include <string>

#include <ironjar/http.hpp>

namespace ironjar::detail {

// The body without its codings: gzip (RFC 1952), deflate (RFC 1950, or RFC 1951 alone, as some send it), identity. No
// request asks for one, but some servers use one all the same. Errors: Errc::unsupported for another coding or more
// than two; Errc::malformed for a damaged body; Errc::tooLarge for one over `maxSize` bytes, before, after or between
// them.
[[nodiscard]] Result<std::string> decodedBody(const Response& response, std::size_t maxSize);

}  // namespace ironjar::detail

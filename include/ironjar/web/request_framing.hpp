// Which requests a server must not serve: those of which two parsers may disagree where they end (RFC 9112 section
// 11.2, request smuggling), and those that cost more than they say. Decisions only; an adapter asks before it routes.
//
// Example:
//   const std::vector<ironjar::FieldView> fields = {{"Host", "app.example"}, {"Transfer-Encoding", "chunked, gzip"}};
//   const ironjar::RequestHead head{.method = "POST", .version = "HTTP/1.1", .path = "/", .fields = fields};
//   const auto refusal = ironjar::refusalOf(head, {});
//   if (refusal) response = {.status = refusal->status};
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

namespace ironjar {

using FieldView = std::pair<std::string_view, std::string_view>;  // name and value

// A request before its body is read. Views into the server's request.
struct RequestHead {
  std::string_view method;
  std::string_view version;  // `HTTP/1.1`
  std::string_view path;     // as routes are matched with it
  std::span<const FieldView> fields;
};

struct FramingRules {
  // Longer paths are refused; 0: the path is not matched by anything that minds its length.
  std::size_t maxPathSize = 256;
  // Whether the server applies its limit on bodies to chunked ones, and to what a compressed one inflates to. Where it
  // does not, such bodies are refused, and a request that has a body must say how long it is.
  bool boundsEveryBody = false;
};

struct Refusal {
  int status;
  std::string_view reason;  // static text for the client: names what was seen, never its value
};

// Nothing: the request may be served. Else close the connection after the answer, whatever the request asks for.
//   400 malformed_request    a field's name that is no token (RFC 9112 section 5.1, obs-fold among them), several Host
//   400 ambiguous_length     several Content-Length, one that is not 1*DIGIT, one beside Transfer-Encoding, a
//                            Transfer-Encoding other than `chunked` or in HTTP/1.0 (RFC 9112 sections 6.1, 6.3)
//   411 length_required      !boundsEveryBody: a chunked body, or POST, PUT or PATCH without Content-Length
//   414 path_too_long        over maxPathSize
//   415 compressed_body      !boundsEveryBody: a Content-Encoding other than identity
//   416 several_ranges       each of them may be the whole of the answer (RFC 9110 section 14.2 lets a server refuse)
//   417 unknown_expectation  an Expect other than `100-continue` (RFC 9110 section 10.1.1)
//   501 unknown_method       none of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS
[[nodiscard]] std::optional<Refusal> refusalOf(const RequestHead& request, const FramingRules& rules);

// Whether a head, as it came with its empty line, falls into the same lines whoever reads it: each ends with CRLF, none
// goes on with the one before (obs-fold, RFC 9112 section 5.2), and there is no other control than a tab in them. Else
// 400 malformed_request. For adapters that see the head before their parser joins or trims its lines.
[[nodiscard]] bool hasPlainLines(std::string_view head);

// Whether a request's target, as it was sent, is `prefix` itself or something below it; not when it only decodes to
// that.
[[nodiscard]] bool isBelow(std::string_view target, std::string_view prefix);

}  // namespace ironjar

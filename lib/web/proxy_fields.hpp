// Which header fields pass a proxy. Names and values that cannot stand in a header never do.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ironjar::detail {

// Of the browser's request: neither its credentials, nor what is settled on this side (ranges, codings, Expect), nor
// what makes the API talk to another origin, nor what only a proxy in front may say: where a request came from, who
// sent it, and that it is meant for another path or method.
[[nodiscard]] bool isForUpstream(std::string_view name, std::string_view value);

// Of the API's response, without an option: what a browser needs of an API. `name` is in lower case.
[[nodiscard]] bool isForBrowser(std::string_view name);

// Whether no option may let it pass: it is for one hop only, the proxy's own, or meant for a server on the way, which
// would send one of its files. `name` is in lower case.
[[nodiscard]] bool isNeverForBrowser(std::string_view name);

// Whether a browser renders a body of this Content-Type as a document, which may hold scripts. Nothing: there is none.
[[nodiscard]] bool isDocument(std::optional<std::string_view> contentType);

// A Set-Cookie value for the browser: without its Domain, which is the API's. Nothing for a name that may not pass.
[[nodiscard]] std::optional<std::string> cookieForBrowser(std::string_view line, const std::vector<std::string>& names);

}  // namespace ironjar::detail

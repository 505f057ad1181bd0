#include "base/ascii.hpp"
#include "base/completion.hpp"

#include <algorithm>
#include <array>

#include <ironjar/http.hpp>

namespace ironjar {

std::optional<std::string_view> findHeader(const Headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (detail::equalIgnoringCase(key, name)) return value;
  }
  return std::nullopt;
}

void eraseHeader(Headers& headers, std::string_view name) {
  std::erase_if(headers, [&](const auto& header) { return detail::equalIgnoringCase(header.first, name); });
}

bool isTransportField(std::string_view name) {
  constexpr std::array<std::string_view, 10> names = {"Host",   "Content-Length",  "Transfer-Encoding", "Trailer",
                                                      "TE",     "Connection",      "Keep-Alive",        "Upgrade",
                                                      "Expect", "Proxy-Connection"};
  return std::any_of(names.begin(), names.end(), [name](auto own) { return detail::equalIgnoringCase(name, own); });
}

bool hasStreamedBody(const Request& request) { return request.openBody || request.openAsyncBody; }

BodyReader openBodyOf(const Request& request) {
  if (request.openBody) return request.openBody();
  const AsyncBodyReader reader = request.openAsyncBody ? request.openAsyncBody() : nullptr;
  if (!reader) return nullptr;
  return [reader] {
    return detail::waitFor<Result<std::string>>(reader, fail(Errc::transport, "the body's reader has gone"));
  };
}

AsyncBodyReader openAsyncBodyOf(const Request& request) {
  if (request.openAsyncBody) return request.openAsyncBody();
  const BodyReader reader = request.openBody ? request.openBody() : nullptr;
  if (!reader) return nullptr;
  return [reader](const std::function<void(Result<std::string>)>& done) { done(reader()); };
}

Result<std::string> readBody(const Request& request) {
  if (!hasStreamedBody(request)) return request.body;
  const BodyReader next = openBodyOf(request);
  if (!next) return fail(Errc::malformed, "the body cannot be read again");
  std::string body;
  while (true) {
    const Result<std::string> piece = next();
    if (!piece || piece->empty()) return piece ? Result<std::string>(std::move(body)) : piece;
    body += *piece;
  }
}

}  // namespace ironjar

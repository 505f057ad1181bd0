#include "oauth/token_request.hpp"

#include "oauth/token_answer.hpp"
#include "oauth/token_endpoint.hpp"

namespace ironjar::detail {

Result<Request> TokenRequest::made() const {
  Result<Request> request = authenticated(write);
  if (!request || dpopKey.empty()) return request;
  if (auto problem = prove(*request, dpopKey, {}, nonces.of(endpoint.url), now)) return *problem;
  return request;
}

std::optional<Request> TokenRequest::again(const Result<Response>& answer) const {
  if (dpopKey.empty() || !answer || !nonces.take(endpoint.url, *answer, DpopServer::tokenEndpoint)) return std::nullopt;
  if (!refusesProof(*answer, endpoint)) return std::nullopt;
  Result<Request> second = made();
  return second ? std::optional(*std::move(second)) : std::nullopt;
}

Result<Response> TokenRequest::counting(Result<Response> first, Result<Response> second) const {
  const bool isSent = second || second.error().code != Errc::unreachable;
  if (!isSent) return first;
  if (second) static_cast<void>(nonces.take(endpoint.url, *second, DpopServer::tokenEndpoint));
  return second;
}

}  // namespace ironjar::detail

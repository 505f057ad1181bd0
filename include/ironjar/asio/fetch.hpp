// performFetch, Fetcher::refresh and requestTokens for any of Asio's completion tokens: awaitable, callback, future,
// deferred.
//
// Example:
//   boost::asio::awaitable<void> show(const ironjar::Fetcher& api, ironjar::Session& session) {
//     ironjar::Request request{.url = "https://api.example.com/items"};
//     const ironjar::Result<ironjar::Response> items =
//         co_await ironjar::asyncFetch(api, session, std::move(request), boost::asio::use_awaitable);
//     std::cout << (items ? items->body : items.error().detail) << '\n';
//   }
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <utility>

#include <ironjar/asio/operation.hpp>
#include <ironjar/fetch.hpp>
#include <ironjar/tokens.hpp>

namespace ironjar {
namespace detail {

// A branch of a session, on which a fetch works elsewhere: in one piece of memory, as an operation moves what it takes
// along from hand to hand.
class AsioSession {
 public:
  explicit AsioSession(Session& home) : away_(std::make_unique<Away>(home)) {}
  [[nodiscard]] Session& session() const { return away_->session; }

  // Meanwhile another fetch may have renewed the tokens, and the application may have signed somebody in. The session
  // shares its data with nobody afterwards.
  void bringHome() {
    const std::unique_ptr<Away> away = std::move(away_);
    away->theirs.merge(away->session);
  }

 private:
  struct Away {
    explicit Away(Session& home) : theirs(home), session(home.branch()) {}
    Session& theirs;
    Session session;
  };
  std::unique_ptr<Away> away_;
};

inline void requireAsyncTransport(const Fetcher& fetcher) {
  if (fetcher.options().asyncTransport) return;
  throw std::invalid_argument(
      "ironjar: FetchOptions: asyncTransport is empty, and nothing asynchronous does without: asioTransport() makes "
      "one");
}

}  // namespace detail

// performFetch with FetchOptions::asyncTransport, which throws std::invalid_argument if there is none. Never blocks.
// The token's handler gets a Result<Response>, by a post to its associated executor, the system's if it has none. The
// session must live until then; it is read now, and gets new tokens right before the handler is called, so several
// fetches may be under way for one session whose handlers run one after another (on one thread, or one strand). Any
// type of cancellation ends the fetch with Errc::cancelled; a refresh that it waits for goes on, for the others. A
// fetch that is under way keeps its executor's context at work; when the context is destroyed, so is the handler. What
// asio::deferred makes of it can be moved, not copied: one call is one fetch.
//
// g++ 12 destroys an aggregate twice that is made in braces within a co_await: name the request before, as above.
template <class CompletionToken>
auto asyncFetch(const Fetcher& fetcher, Session& session, Request request, CompletionToken&& token,
                std::optional<Deadline> deadline = std::nullopt) {
  detail::requireAsyncTransport(fetcher);
  auto start = [fetcher, request = std::make_unique<Request>(std::move(request)), deadline](
                   const detail::AsioSession& with, ResponseHandler done, std::stop_token stop) mutable {
    const std::unique_ptr<Request> asked = std::move(request);  // not held while the fetch is under way
    startFetch(fetcher, with.session(), std::move(*asked), fetcher.options().asyncTransport, std::move(done),
               {.deadline = deadline, .stop = std::move(stop)});
  };
  return detail::asioOperation<Result<Response>>(detail::AsioSession(session), std::move(start),
                                                 std::forward<CompletionToken>(token));
}

// Fetcher::refresh likewise: the handler gets a Result<RefreshedBy>.
template <class CompletionToken>
auto asyncRefresh(const Fetcher& fetcher, Session& session, CompletionToken&& token,
                  std::optional<Deadline> deadline = std::nullopt) {
  detail::requireAsyncTransport(fetcher);
  const auto start = [fetcher, deadline](const detail::AsioSession& with, std::function<void(Result<RefreshedBy>)> done,
                                         std::stop_token stop) {
    fetcher.startRefresh(with.session(), std::move(done), {.deadline = deadline, .stop = std::move(stop)});
  };
  return detail::asioOperation<Result<RefreshedBy>>(detail::AsioSession(session), start,
                                                    std::forward<CompletionToken>(token));
}

// requestTokens without blocking: the handler gets a Result<TokenSet>, called and cancelled as asyncFetch's. An
// endpoint that a Fetcher would refuse is Errc::malformed.
template <class CompletionToken>
auto asyncRequestTokens(AsyncTransport transport, TokenEndpoint endpoint, Headers fields, TokenRequestOptions options,
                        CompletionToken&& token) {
  auto start = [transport = std::move(transport), endpoint = std::move(endpoint), fields = std::move(fields),
                options = std::move(options)](detail::AsioAlone&, std::function<void(Result<TokenSet>)> done,
                                              std::stop_token stop) mutable {
    startRequestTokens(std::move(transport), std::move(endpoint), fields, std::move(done), std::move(options),
                       std::move(stop));
  };
  return detail::asioOperation<Result<TokenSet>>(detail::AsioAlone(), std::move(start),
                                                 std::forward<CompletionToken>(token));
}
template <class CompletionToken>
auto asyncRequestTokens(AsyncTransport transport, TokenEndpoint endpoint, Headers fields, CompletionToken&& token) {
  return asyncRequestTokens(std::move(transport), std::move(endpoint), std::move(fields), TokenRequestOptions(),
                            std::forward<CompletionToken>(token));
}

}  // namespace ironjar

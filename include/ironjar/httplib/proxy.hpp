// Passes a part of the site on to an API, with the session's access token.
//
// Example:
//   ironjar::proxy(site, "/api", jar, fetcher, "https://api.example.com/v1");
#pragma once

#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include <httplib.h>
#include <ironjar/fetch.hpp>
#include <ironjar/httplib/body.hpp>
#include <ironjar/httplib/session.hpp>
#include <ironjar/httplib/stream.hpp>

namespace ironjar {

namespace detail {

// A std::regex that matches just this.
inline std::string asPattern(std::string_view prefix) {
  std::string pattern;
  for (const char c : prefix) {
    if (std::string_view("\\^$.|?*+()[]{}").find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  return pattern;
}

class HttplibProxy {
 public:
  HttplibProxy(const HardenedServer& site, const std::string& prefix, SessionJar jar, Fetcher fetcher,
               const std::string& upstream, const ProxyOptions& options)
      : jar_(std::move(jar)),
        fetcher_(std::move(fetcher)),
        proxy_(prefix, jar_, fetcher_, upstream, options),
        site_(site) {}

  // `content` is none for methods that httplib does not expect a body of.
  void serve(const httplib::Request& request, httplib::Response& response,
             const httplib::ContentReader* content) const {
    const auto body = std::make_shared<RequestBody>(request, content, site_.maxBodySize());
    try {
      serveSession(jar_, request, response, [&](Session& session) {
        Response answer = this->answer(request, body, session);
        if (!body->finish() && answer.bodyReader) answer = readWhole(std::move(answer));
        respond(request, response, std::move(answer));
      });
    } catch (...) {
      if (body->finish()) throw;
      site_.answerThrown(request, response, std::current_exception());
    }
    if (!body->finish()) closeBehind(request, response, std::chrono::seconds{body->goesOn() ? 1 : 0});
  }

 private:
  // Held by whoever reads it: here, and the transport.
  using Body = std::shared_ptr<RequestBody>;

  [[nodiscard]] Response answer(const httplib::Request& request, const Body& body, Session& session) const {
    WebRequest asked = webRequest(request);
    asked.bodyFollows = body->follows();
    auto next = proxy_.upstreamRequest(asked, session);
    if (auto* const own = std::get_if<Response>(&next)) return std::move(*own);
    Request upstream = std::get<Request>(std::move(next));
    if (auto problem = putBody(upstream, body)) return answerForBody(*problem);
    upstream.streamsResponse = true;
    Result<Response> response = whileSending(fetcher_.performFetch(session, std::move(upstream)), body);
    const auto length = response ? lengthIn(*response) : std::nullopt;
    Response answer = proxy_.forBrowser(asked, std::move(response));
    if (length) answer.headers.emplace_back("Content-Length", *length);
    return answer;
  }

  // In memory, where it can be sent again after a refresh.
  [[nodiscard]] std::optional<Error> putBody(Request& upstream, const Body& body) const {
    if (!body->follows()) return std::nullopt;
    const BodyReader reader = [body] { return body->next(); };
    if (body->size() && *body->size() <= fetcher_.options().maxReplayBody) {
      Result<std::string> whole = readRest(reader, static_cast<std::size_t>(*body->size()));
      if (!whole) return whole.error();
      upstream.body = *std::move(whole);
      return std::nullopt;
    }
    upstream.bodySize = body->size();
    upstream.openBody = [once = std::make_shared<BodyReader>(reader)] { return std::exchange(*once, nullptr); };
    return std::nullopt;
  }

  // A transport may go on sending the request while its response comes. Once the handler has returned, httplib gives
  // nothing more of it: what comes of the response meanwhile is held, if it is not too much.
  [[nodiscard]] static Result<Response> whileSending(Result<Response> response, const Body& body) {
    constexpr std::size_t most = 1024 * 1024;
    if (!response || !response->bodyReader) return response;
    std::string held;
    while (!body->isEnded() && body.use_count() > 1 && held.size() < most) {
      const Result<std::string> piece = nextPiece(response->bodyReader);
      if (!piece) return piece.error();
      held += *piece;
      if (!piece->empty()) continue;
      response->bodyReader = nullptr;
      response->body = std::move(held);
      return response;
    }
    if (held.empty()) return response;
    response->bodyReader = [held = std::move(held), reader = std::move(response->bodyReader)]() mutable {
      return held.empty() ? reader() : Result<std::string>(std::exchange(held, {}));
    };
    return response;
  }

  // What a streamed body will have, by the API's word. Beside chunks it says nothing (RFC 9112 section 6.3).
  [[nodiscard]] static std::optional<std::string> lengthIn(const Response& response) {
    if (!response.bodyReader || findHeader(response.headers, "Transfer-Encoding")) return std::nullopt;
    const auto length = findHeader(response.headers, "Content-Length");
    return length ? std::optional<std::string>(*length) : std::nullopt;
  }

  [[nodiscard]] static Response readWhole(Response answer) {
    Result<std::string> body = readRest(std::exchange(answer.bodyReader, nullptr), mostHeld);
    if (!body) return answerFor(body.error());
    answer.body = *std::move(body);
    return answer;
  }

  SessionJar jar_;
  Fetcher fetcher_;
  Proxy proxy_;
  HardenedServer site_;
};

}  // namespace detail

// What Proxy does, for GET, HEAD, POST, PUT, PATCH and DELETE. All that is below `prefix` is the API's: no other route
// there is reached. Bodies flow piece by piece, either way, as fast as the slower side, byte for byte as they were sent
// (multipart/form-data and compressed ones, too), if the fetcher's transport streams. A request's body whose size is
// known, within FetchOptions::maxReplayBody, is read first, so that it can be sent again after a refresh; any other is
// streamed, and its size is for the API to limit. An API that answers before it has read a body is heard when it
// refuses, or when 1 MiB of its answer has come. An upload may take any time, as long as the API takes bytes of it, and
// then answers, within FetchOptions::timeout of one another, 30 s. What ends a client that sends slowly is httplib's
// time limit for one read, 5 s for each 16 KiB of a body or a shorter chunk, and 30 s in all that its bytes come later
// than at that rate, 26 kbit/s; it has 2 s for all that nobody wants of a body. Each request holds a thread of the
// server's up to its answer's end; a client that has gone is noticed at the next piece, and a server that stops waits
// for that, as long as TransportOptions::streamIdle, 300 s, and for an upload as long as it comes. So 64 quiet event
// streams (HardenedServerOptions::threads) whose clients have gone hold up the whole server: for an API of events use a
// smaller streamIdle, one over the time between two of its keep-alive comments, or more threads.
inline void proxy(const HardenedServer& site, const std::string& prefix, const SessionJar& jar, const Fetcher& fetcher,
                  const std::string& upstream, const ProxyOptions& options = {}) {
  const detail::HttplibProxy proxy(site, prefix, jar, fetcher, upstream, options);
  const auto bare = [proxy](const httplib::Request& request, httplib::Response& response) {
    proxy.serve(request, response, nullptr);
  };
  const auto reading = [proxy](const httplib::Request& request, httplib::Response& response,
                               const httplib::ContentReader& content) { proxy.serve(request, response, &content); };
  site.routeAllBelow(prefix);
  httplib::Server& server = site.server();
  const std::string pattern = detail::asPattern(prefix);
  server.Get(pattern, bare);
  server.Post(pattern, reading);
  server.Put(pattern, reading);
  server.Patch(pattern, reading);
  server.Delete(pattern, reading);
}

}  // namespace ironjar

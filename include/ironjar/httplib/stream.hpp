// Answers of an httplib server whose bodies flow.
//
// Example:
//   server.Get("/events", ironjar::withSession(site, jar, [&](auto& asked, auto& answer, ironjar::Session& visitor) {
//     auto events = fetcher.performFetch(visitor, {.url = "https://api.example.com/events", .streamsResponse = true});
//     if (!events) return ironjar::respond(answer, events.error());
//     ironjar::respond(asked, answer, *std::move(events));
//   }));
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include <httplib.h>
#include <ironjar/http1.hpp>
#include <ironjar/httplib/session.hpp>

namespace ironjar {
namespace detail {

inline constexpr std::size_t mostHeld = 8 * 1024 * 1024;  // of a response whose client cannot be told its end

// What the application's code throws is an error of the body's: httplib would end the program.
inline Result<std::string> nextPiece(const BodyReader& reader) {
  try {
    return reader();
  } catch (...) {
    return fail(Errc::malformed, "the body's reader threw an exception");
  }
}

// All that is left of a body, if it is not more than `most`.
inline Result<std::string> readRest(const BodyReader& reader, std::size_t most) {
  std::string body;
  while (true) {
    const Result<std::string> piece = nextPiece(reader);
    if (!piece || piece->empty()) return piece ? Result<std::string>(std::move(body)) : piece;
    if (piece->size() > most - body.size()) return fail(Errc::tooLarge, "the response's body is too large to be held");
    body += *piece;
  }
}

// Has httplib send a response as it is. It would cut ranges out of it, as often as the request says, and compress one
// that is compressed, or not yet complete.
inline void sendAsItIs(const httplib::Request& request) {
  HardenedServer::ignoreRanges(request);
  mutableRequest(request).headers.erase("Accept-Encoding");
}

// In place of what a provider has put there.
inline void setType(httplib::Response& response, const std::string& type) {
  changeHeaders(response, [&](Headers& headers) {
    eraseHeader(headers, "Content-Type");
    if (!type.empty()) headers.emplace_back("Content-Type", type);
  });
}

// A client that is told an end which has not come must not take it for one: each false breaks the connection off.
inline void streamWithLength(httplib::Response& response, std::size_t length, BodyReader reader) {
  response.set_content_provider(
      length, "",
      [reader = std::move(reader), left = length](std::size_t, std::size_t, httplib::DataSink& sink) mutable {
        const Result<std::string> piece = nextPiece(reader);
        if (!piece || piece->empty() || piece->size() > left) return false;
        left -= piece->size();
        if (!sink.write(piece->data(), piece->size())) return false;
        return left > 0 || nextPiece(reader).value_or("more").empty();
      });
}
inline void streamInChunks(httplib::Response& response, BodyReader reader) {
  response.set_chunked_content_provider("", [reader = std::move(reader)](std::size_t, httplib::DataSink& sink) {
    const Result<std::string> piece = nextPiece(reader);
    if (!piece) return false;
    if (!piece->empty()) return sink.write(piece->data(), piece->size());
    sink.done();
    return true;
  });
}
inline void streamUntilClose(httplib::Response& response, BodyReader reader) {
  response.set_content_provider("", [reader = std::move(reader)](std::size_t, httplib::DataSink& sink) {
    const Result<std::string> piece = nextPiece(reader);
    if (!piece || piece->empty()) return false;  // closes the connection, as it must
    return sink.write(piece->data(), piece->size());
  });
}

}  // namespace detail

// Makes an answer the response as respond(response, answer) does, one that is streamed included: its pieces are sent as
// its reader gives them, on the server's thread, after the head with its cookies. A body whose reader fails, or that is
// not as long as its Content-Length says, ends without an end that a client could take for one. Once the client has
// gone, the next piece lets the reader go. No ranges are cut out of it, and nothing is compressed.
// HTTP/1.0 has no chunks: without a Content-Length a body is read first, 8 MiB at most; only text/event-stream, whose
// end says nothing, is sent until the connection closes.
inline void respond(const httplib::Request& request, httplib::Response& response, Response answer) {
  detail::sendAsItIs(request);
  BodyReader reader = std::exchange(answer.bodyReader, nullptr);
  if (answer.asyncBodyReader) {
    reader = openBodyOf(
        {.url = {}, .openAsyncBody = [own = std::exchange(answer.asyncBodyReader, nullptr)] { return own; }});
  }
  if (!reader || !responseHead(answer, {})) return respond(response, std::move(answer));
  const std::string type(findHeader(answer.headers, "Content-Type").value_or(""));
  const auto length = contentLengthIn(findHeader(answer.headers, "Content-Length").value_or(""));
  const bool isHead = request.method == "HEAD";
  const bool isBodiless = answer.status == 204 || answer.status == 304;
  const bool isBare = isHead || isBodiless;
  const bool endsWithClose = !length && request.version != "HTTP/1.1";
  if (endsWithClose && !isBare && !type.starts_with("text/event-stream")) {
    Result<std::string> body = detail::readRest(reader, detail::mostHeld);
    if (!body) return respond(response, body.error());
    answer.body = *std::move(body);
    return respond(response, std::move(answer));
  }
  respond(response, std::move(answer));
  if (isHead && length) response.set_header("Content-Length", std::to_string(*length));
  const bool hidesLength = isHead && !length && !isBodiless;
  if ((isBare && !hidesLength) || length == 0U) return;
  if (length) {
    detail::streamWithLength(response, static_cast<std::size_t>(*length), std::move(reader));
  } else if (endsWithClose) {
    detail::streamUntilClose(response, std::move(reader));
  } else {
    detail::streamInChunks(response, std::move(reader));
  }
  detail::setType(response, type);
}

}  // namespace ironjar

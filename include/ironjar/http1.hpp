// HTTP/1.1 as text (RFC 9112), without I/O: what a transport over a stream of bytes writes and reads, and what a server
// writes.
//
// Example:
//   const ironjar::Request ask{.url = "https://api.example.com/items?n=1"};
//   const auto target = ironjar::readTarget(ask.url);
//   const auto head = ironjar::requestHead(ask, *target, ironjar::AfterResponse::closeConnection);  // is to be sent
//   ironjar::ResponseReader reader(ask.method);
//   const auto problem = reader.read("HTTP/1.1 204 No Content\r\n\r\n");  // what has come
//   if (!problem && reader.complete()) std::cout << reader.take().status << '\n';
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <ironjar/http.hpp>

namespace ironjar {

// Where a request goes, read from its URL.
struct HttpTarget {
  bool https = false;
  std::string origin;     // `https://api.example.com`: one spelling for each origin (RFC 6454 section 6.2)
  std::string host;       // as a resolver takes it: lower case, IPv6 without its brackets
  std::string port;       // decimal
  std::string authority;  // the Host field
  std::string target;     // path and query, byte for byte as they were given
};

// Errc::malformed for a URL that performFetch refuses.
[[nodiscard]] Result<HttpTarget> readTarget(std::string_view url);

// switchProtocols: to Request::upgrade, or to Upgraded::protocol of a response with status 101; closed otherwise.
enum class AfterResponse { keepConnection, closeConnection, switchProtocols };

// The request's head with its empty line. Host, Connection and the body's framing are written here; what the request's
// own headers say of them (isTransportField) is left out. Errc::malformed when the method or a field could break out of
// its line.
[[nodiscard]] Result<std::string> requestHead(const Request& request, const HttpTarget& target, AfterResponse after);

// A piece of a chunked body as it is sent; the empty one is its end. No trailer fields.
[[nodiscard]] std::string chunkOf(std::string_view piece);
// What goes before and behind a piece of that size, for who writes it from where it is.
[[nodiscard]] std::string chunkHead(std::size_t size);
inline constexpr std::string_view chunkTail = "\r\n";
// How many bytes a chunk has, by its first line without CRLF (RFC 9112 section 7.1). Extensions are ignored.
[[nodiscard]] std::optional<std::uint64_t> chunkSizeIn(std::string_view line);
// What a Content-Length says: digits alone (RFC 9110 section 8.6), 18 at most, as more say a size that no body has, and
// overflow 64 bits somewhere.
[[nodiscard]] std::optional<std::uint64_t> contentLengthIn(std::string_view value);

// The pieces of a streamed request's body as its head has framed them: in chunks, or as they are when
// Request::bodySize says how many bytes there are. Not thread-safe.
class BodyFramer {
 public:
  explicit BodyFramer(const Request& request) : left_(request.bodySize) {}

  // What is to be sent for a piece; the empty piece is the body's end. Errc::malformed for a piece that goes beyond
  // bodySize, and for an end before it.
  [[nodiscard]] Result<std::string> frame(std::string piece);

  // All of bodySize has been framed: the reader is not asked again.
  [[nodiscard]] bool isEnded() const { return left_ == 0U; }

 private:
  std::optional<std::uint64_t> left_;  // nothing: in chunks
};

// When a request is to be given up: at its deadline, which a streamed body moves on (Request::uploadIdle). Not
// thread-safe.
class RequestDeadline {
 public:
  explicit RequestDeadline(Deadline given) : until_(given) {}
  RequestDeadline(Deadline given, const Request& request)
      : until_(given), idle_(hasStreamedBody(request) ? request.uploadIdle : std::chrono::milliseconds{0}) {}

  [[nodiscard]] Deadline until() const { return until_; }
  [[nodiscard]] bool moves() const { return idle_.count() > 0; }
  // Bytes of the request have left just now.
  void sent() {
    if (moves()) until_ = std::max<Deadline>(until_, std::chrono::steady_clock::now() + std::min(idle_, longest));
  }

 private:
  static constexpr std::chrono::milliseconds longest = std::chrono::hours{24 * 366};  // what a Deadline can hold

  Deadline until_;
  std::chrono::milliseconds idle_{0};
};

struct ResponseLimits {
  std::size_t maxHeadSize = 64 * 1024;  // interim responses included; and for all that frames a body, between its bytes
  std::size_t maxBodySize = 8 * 1024 * 1024;
};

// Reads one response. Interim responses (1xx) are skipped, trailer fields dropped, folded lines joined; a field that
// holds control characters, or whose name is none, is left out. Memory is bounded by the limits. Not thread-safe.
class ResponseReader {
 public:
  // `method` is the request's: a HEAD's response has no body. `upgrade` is the protocol that was asked for, if any: a
  // 101 that switches to it is a response, whose body is all that follows; any other 101 is Errc::transport.
  explicit ResponseReader(std::string_view method, const ResponseLimits& limits = {}, std::string_view upgrade = {});

  // Takes the bytes that came next. Nothing when all is well; Errc::tooLarge for a body over the limit; Errc::transport
  // for what is no HTTP/1.1 response, has contradicting lengths, or a head over the limit. After an error
  // takeHead() and takeBody() give what came before it; nothing else is to be used.
  [[nodiscard]] std::optional<Error> read(std::string_view bytes);
  // The peer has closed: the end of a body without a length, Errc::transport anywhere else.
  [[nodiscard]] std::optional<Error> end();

  [[nodiscard]] bool complete() const { return state_ == State::done; }
  // Whether the head has come: who wants the body in pieces calls takeHead() once, which brings what has come of the
  // body, then takeBody() after each read(). Nobody's memory holds more than what was not taken: maxBodySize bounds
  // that.
  [[nodiscard]] bool hasHead() const { return state_ >= State::body; }
  [[nodiscard]] Response takeHead() { return std::exchange(response_, {}); }
  [[nodiscard]] std::string takeBody() { return std::exchange(response_.body, {}); }
  // Whether another request may follow on the connection: the response is complete, its body was read to an end that
  // its length or its chunks told, nobody asked to close, and not a byte came after it.
  [[nodiscard]] bool mayKeep() const { return complete() && keeps_ && !surplus_; }
  // The response, once complete: whole.
  [[nodiscard]] Response take() { return std::move(response_); }

 private:
  enum class State { status, fields, body, rest, chunkSize, chunk, chunkEnd, trailers, done };
  using Problem = std::optional<Error>;

  [[nodiscard]] Problem takeLine(std::string_view line);
  [[nodiscard]] Problem takeStatus(std::string_view line);
  void takeField(std::string_view line);
  [[nodiscard]] Problem beginBody();
  [[nodiscard]] bool isUpgraded() const;
  [[nodiscard]] Problem takeLength();
  [[nodiscard]] Problem takeChunkSize(std::string_view line);
  [[nodiscard]] Problem takeData(std::string_view& bytes);

  ResponseLimits limits_;
  bool isHead_ = false;
  std::string upgrade_;
  State state_ = State::status;
  Response response_ = {};
  std::string line_;          // as much as has come of it
  std::size_t overhead_ = 0;  // bytes since the beginning, or since the last byte of the body
  std::size_t left_ = 0;      // of the body or of the chunk
  bool folds_ = false;        // whether a line that begins with a space continues the last field
  bool keeps_ = false;
  bool surplus_ = false;
};

// ---- What a server writes

// How a response's body follows its head.
enum class BodyFraming { none, length, chunked, untilClose };

// Of the request that is answered.
struct AnsweredRequest {
  std::string_view method = "GET";
  bool isHttp11 = true;  // else HTTP/1.0
  AfterResponse after = AfterResponse::keepConnection;
};

struct ResponseHead {
  std::string text;  // with its empty line
  // none: the body is not sent, if there is one. untilClose: the connection is to be closed behind it.
  BodyFraming framing = BodyFraming::none;
};

// Date, Connection and the body's framing are written here; what the response's own headers say of them
// (isTransportField) is left out. The reason phrase is optional. Errc::malformed for a status that is none or
// interim (1xx, but for a 101 with Response::upgraded and AfterResponse::switchProtocols, which has no body), and for a
// field that could break out of its line.
[[nodiscard]] Result<ResponseHead> responseHead(const Response& response, const AnsweredRequest& request,
                                                std::string_view reason = {});

}  // namespace ironjar

// The body of a request, in pieces, as it was sent. Part of <ironjar/httplib/proxy.hpp>.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include <httplib.h>
#include <ironjar/error.hpp>
#include <ironjar/http1.hpp>
#include <ironjar/httplib/stream.hpp>
#include <ironjar/web/body_pace.hpp>

namespace ironjar::detail {

// How long reading may take, on top of httplib's time limit for one read (see BodyPace).
struct BodyTimes {
  std::chrono::milliseconds piece{5000};   // 16 KiB: 26 kbit/s
  std::chrono::milliseconds spare{30000};  // in all, beyond what its bytes may take at that rate: chunks may be small
  std::chrono::milliseconds rest{2000};    // of what nobody wants: the answer waits for it
};

// httplib gives a body away whole, takes multipart ones apart, inflates compressed ones, bounds all by one number, and
// in some versions does not mind where a chunk ends. Here it is asked for a few bytes at a time, as if each of them
// were a request's whole body, of just that length: so it sees nothing else, and the caller is in charge.
// Thread-safe. The request and the reader must live until finish(); after that next() is an error.
class RequestBody {
 public:
  // `content` is none where httplib does not give one, for methods that it does not expect a body of. A request whose
  // framing is unclear has been refused before (refusalOf).
  RequestBody(const httplib::Request& request, const httplib::ContentReader* content, std::size_t maxBodySize,
              const BodyTimes& times = {})
      : request_(request),
        content_(content),
        pieceSize_(std::min(maxBodySize, inTime)),
        times_(times),
        pace_(times.spare, times.piece) {
    isChunked_ = request.has_header("Transfer-Encoding");
    if (!isChunked_) {
      size_ = request.has_header("Content-Length") ? contentLengthIn(request.get_header_value("Content-Length")) : 0;
      if (!size_) problem_ = malformed();  // more digits than any body has bytes
    }
    left_ = size_.value_or(0);
    follows_ = isChunked_ || problem_ || left_ > 0;
    isEnded_ = !follows_;
  }

  [[nodiscard]] bool follows() const { return follows_; }
  [[nodiscard]] std::optional<std::uint64_t> size() const { return size_; }  // nothing: in chunks

  // The next piece; empty at the end. Errc::transport when the client sends no more, Errc::timeout when it sends too
  // slowly, Errc::malformed for chunks that are none. Blocks until the piece is there, no longer than BodyTimes::piece
  // and httplib's time limit for one read. No time runs while nobody asks.
  [[nodiscard]] Result<std::string> next() {
    const std::lock_guard lock(mutex_);
    if (isFinished_) return fail(Errc::transport, "the request has been answered");
    const auto begin = std::chrono::steady_clock::now();
    until_ = begin + std::min<BodyPace::Duration>(times_.piece, pace_.left());
    Result<std::string> piece = read();
    pace_.waited(std::chrono::steady_clock::now() - begin);
    return piece;
  }

  // Whether there is no more to come.
  [[nodiscard]] bool isEnded() const {
    const std::lock_guard lock(mutex_);
    return isEnded_ || problem_;
  }

  // Whether the client may be sending more of it still.
  [[nodiscard]] bool goesOn() const {
    const std::lock_guard lock(mutex_);
    return !isEnded_ && (!problem_ || problem_->code == Errc::timeout);
  }

  // Nobody reads it any more. A connection that is closed with something unread breaks, and may take the answer along
  // (RFC 9112 section 9.6): so much is read here, for BodyTimes::rest at most. False when there is more; then the
  // connection must be closed.
  [[nodiscard]] bool finish() {
    const std::lock_guard lock(mutex_);
    if (std::exchange(isFinished_, true)) return isEnded_;
    until_ = std::chrono::steady_clock::now() + times_.rest;
    const std::uint64_t end = taken_ + mostDrained;
    while (content_ != nullptr && !isEnded_ && !problem_ && taken_ < end) {
      if (!read()) break;
    }
    markConsumed(mutableRequest(request_), isEnded_);
    return isEnded_;
  }

 private:
  static constexpr std::size_t inTime = 16 * 1024;  // bytes in BodyTimes::piece
  static constexpr std::size_t mostDrained = 8 * 1024 * 1024;
  static constexpr std::size_t mostDigits = 15;          // of a chunk's size
  static constexpr std::size_t mostOverhead = 8 * 1024;  // that frames a piece: a chunk's head, the trailer

  [[nodiscard]] Result<std::string> read() {
    if (problem_) return *problem_;
    Result<std::string> piece = isEnded_ ? std::string() : isChunked_ ? chunked() : sized();
    if (!piece) problem_ = piece.error();
    return piece;
  }
  [[nodiscard]] Result<std::string> sized() {
    Result<std::string> piece = take(static_cast<std::size_t>(std::min<std::uint64_t>(left_, pieceSize_)));
    if (piece) left_ -= piece->size();
    isEnded_ = left_ == 0;
    return piece;
  }

  // RFC 9112 section 7.1. Extensions are ignored, and so are trailer fields.
  [[nodiscard]] Result<std::string> chunked() {
    if (left_ == 0) {
      if (auto problem = beginChunk()) return *std::move(problem);
      if (isEnded_) return std::string();
    }
    Result<std::string> piece = take(static_cast<std::size_t>(std::min<std::uint64_t>(left_, pieceSize_)));
    if (!piece) return piece;
    left_ -= piece->size();
    if (left_ > 0) return piece;
    const Result<std::string> end = take(2);
    if (!end) return end;
    return *end == "\r\n" ? std::move(piece) : malformed();
  }
  [[nodiscard]] std::optional<Error> beginChunk() {
    std::size_t overhead = 0;
    const Result<std::string> head = takeLine(overhead);
    if (!head) return head.error();
    const std::size_t digits = std::min(head->find_first_of("; \t"), head->size());
    const auto size = digits > 0 && digits <= mostDigits ? chunkSizeIn(*head) : std::nullopt;
    if (!size) return malformed();
    left_ = *size;
    if (left_ > 0) return std::nullopt;
    while (true) {
      const Result<std::string> line = takeLine(overhead);
      if (!line) return line.error();
      if (line->empty()) break;
    }
    isEnded_ = true;
    return std::nullopt;
  }
  // Without its CRLF.
  [[nodiscard]] Result<std::string> takeLine(std::size_t& overhead) {
    std::string line;
    while (!line.ends_with("\r\n")) {
      if (++overhead > mostOverhead) return malformed();
      const Result<std::string> byte = take(1);
      if (!byte) return byte;
      line += *byte;
      if (line.back() == '\n' && !line.ends_with("\r\n")) return malformed();
    }
    line.resize(line.size() - 2);
    return line;
  }
  static Error malformed() { return fail(Errc::malformed, "the request's body is malformed"); }

  // Whether httplib, in versions that ask, takes the body for read.
  template <class Asked>
  static void markConsumed(Asked& request, bool isConsumed) {
    if constexpr (requires { request.body_consumed_; }) request.body_consumed_ = isConsumed;
  }

  // While it lives, the request is one whose body has just so many bytes. Who has views of the fields keeps them:
  // swapping moves no element.
  class Shown {
   public:
    Shown(const httplib::Request& request, std::size_t size) : request_(mutableRequest(request)) {
      fields_.emplace("Content-Length", std::to_string(size));
      std::swap(request_.headers, fields_);
    }
    Shown(const Shown&) = delete;
    Shown& operator=(const Shown&) = delete;
    ~Shown() {
      std::swap(request_.headers, fields_);
      markConsumed(request_, false);  // it was a piece
    }

   private:
    httplib::Request& request_;
    httplib::Headers fields_;
  };

  // Just so many bytes.
  [[nodiscard]] Result<std::string> take(std::size_t size) {
    if (content_ == nullptr) return fail(Errc::transport, "the request's body cannot be read");
    if (isLate()) return late();
    std::string bytes;
    bytes.reserve(size);
    taken_ += size;
    pace_.came(size);
    bool isRead = false;
    {
      const Shown shown(request_, size);
      isRead = (*content_)([&](const char* data, std::size_t count) {
        bytes.append(data, count);
        return bytes.size() >= size || !isLate();
      });
    }
    if (isRead && bytes.size() == size) return bytes;
    return isLate() ? late() : fail(Errc::transport, "the request's body was cut off");
  }
  [[nodiscard]] bool isLate() const { return std::chrono::steady_clock::now() >= until_; }
  static Error late() { return fail(Errc::timeout, "the request's body comes too slowly"); }

  const httplib::Request& request_;
  const httplib::ContentReader* const content_;
  const std::size_t pieceSize_;
  const BodyTimes times_;
  bool isChunked_ = false;
  bool follows_ = false;
  std::optional<std::uint64_t> size_;
  mutable std::mutex mutex_;  // for all below
  std::uint64_t left_ = 0;    // of the body, or of the chunk
  std::uint64_t taken_ = 0;   // bytes, those that frame chunks included
  std::chrono::steady_clock::time_point until_;
  BodyPace pace_;  // of next()
  bool isEnded_ = false;
  bool isFinished_ = false;
  std::optional<Error> problem_;
};

}  // namespace ironjar::detail

// One request and its response over a Line, as libcurl calls for it. Whoever drives libcurl looks at it in between.
#pragma once

#include "curl/line.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <ironjar/http1.hpp>

namespace ironjar::detail {

// The next piece of a body that goes up: an empty one is its end, nothing means that there is none yet.
using NextPiece = std::function<Result<std::optional<std::string>>()>;

struct TransferOptions {
  bool isKept = false;    // its connection may serve another request
  NextPiece upload = {};  // in place of the request's body
  // Called when there is something new to look at, within libcurl: which must not be called then.
  std::function<void()> news = {};
  Deadline deadline = Deadline::max();
};

// The request must live until the response is there or, with streamsResponse, its head.
class Transfer {
 public:
  // Errc::malformed for what cannot be sent.
  [[nodiscard]] static std::optional<Error> check(const Request& request);

  Transfer(const Request& request, const HttpTarget& target, const TransportOptions& limits, TransferOptions options);
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  // Prepares a handle of that line; `peer` and its addresses are whom a new one connects to. False for want of memory.
  // May be called again, with another line, while hasBegun() is false.
  [[nodiscard]] bool attach(std::shared_ptr<Line> line, const HttpTarget& peer, const Addresses& addresses);
  // Gives the handle back, which must be in no multi handle.
  std::shared_ptr<Line> detach();
  [[nodiscard]] CURL* easy() const { return easy_.get(); }
  [[nodiscard]] const std::shared_ptr<Line>& line() const { return line_; }

  // Whether anything of the request may have been sent.
  [[nodiscard]] bool hasBegun() const { return hasBegun_; }
  // Whether the response has come to its end, by what it says of its length. On HTTP/1.1 libcurl may go on sending
  // then.
  [[nodiscard]] bool isComplete() const { return reader_.complete(); }
  [[nodiscard]] bool isUploading() const { return upload_ || !body_.empty(); }
  // Why it must be given up, if it must.
  [[nodiscard]] const std::optional<Error>& problem() const { return problem_; }

  // libcurl is done with it, or is made to be: what is wrong with the response, which is whole otherwise.
  [[nodiscard]] std::optional<Error> end(CURLcode code);
  // The deadline, which a streamed body moves on.
  [[nodiscard]] Deadline until() const { return deadline_.until(); }
  // The deadline has passed, or the response's next piece has not come in time.
  [[nodiscard]] Error late() const;
  // After the end: whether the connection may serve another request.
  [[nodiscard]] bool mayKeep() const;
  [[nodiscard]] Response take() { return reader_.take(); }

  // With streamsResponse: the head, once; and what has come of the body since. libcurl reads on when it was taken.
  [[nodiscard]] bool hasHead() const { return head_.has_value(); }
  [[nodiscard]] Response takeHead() { return std::move(head_).value_or(Response()); }
  [[nodiscard]] bool hasPiece() const { return !piece_.empty(); }
  [[nodiscard]] std::string takePiece();
  // After a connection to one address has failed.
  void tryNextAddress();
  // The upload has a piece.
  void resumeUpload();

 private:
  static std::size_t takeHeader(char* bytes, std::size_t, std::size_t size, void* self);
  static std::size_t takeBody(char* bytes, std::size_t, std::size_t size, void* self);
  static std::size_t giveBody(char* to, std::size_t, std::size_t size, void* self);
  static int countSent(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t sent);
  static int begin(void* self, char*, char*, int, int);

  void setRequest(Setting& set);
  void setFields(const Headers& headers);
  void addField(std::string_view name, std::string_view value);
  void read(std::string_view bytes);
  [[nodiscard]] bool countUpload();
  void resume(int paused);
  [[nodiscard]] bool hasUnreadAnswer();
  [[nodiscard]] bool sentNothing() const;

  const std::string method_;
  const std::string target_;
  const std::string ownBody_;  // when it must outlive the request
  const std::string_view body_;
  const bool streams_;
  const bool isKept_;
  const NextPiece upload_;
  std::optional<std::uint64_t> uploadLeft_;  // of one whose size is known
  RequestDeadline deadline_;
  curl_off_t uploaded_ = 0;  // bytes of the body that have left
  const std::function<void()> news_;
  std::shared_ptr<Line> line_;
  Easy easy_;
  Strings fields_;
  Strings addresses_;
  ResponseReader reader_;
  std::optional<Response> head_;
  std::string piece_;
  std::string sending_;  // of the upload
  std::size_t sent_ = 0;
  std::optional<Error> problem_;
  int paused_ = 0;  // CURLPAUSE_RECV, CURLPAUSE_SEND
  bool hasBegun_ = false;
  bool isHttp2_ = false;
  bool hasReceived_ = false;  // anything of a response
  bool hasBody_ = false;      // any of its bytes
};

}  // namespace ironjar::detail

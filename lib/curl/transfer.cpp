#include "curl/transfer.hpp"

#include "base/ascii.hpp"
#include "http/field.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>

namespace ironjar::detail {
namespace {

// RFC 9110 section 8.6: a method that means something by its body says that there is none.
bool expectsBody(std::string_view method) { return method == "POST" || method == "PUT" || method == "PATCH"; }

Strings append(Strings list, const std::string& line) {
  curl_slist* const longer = curl_slist_append(list.get(), line.c_str());
  if (longer == nullptr) throw std::bad_alloc();
  static_cast<void>(list.release());
  return Strings(longer);
}

// `api.example.com:443:192.0.2.1,[2001:db8::1]`
std::string resolved(const HttpTarget& peer, const Addresses& addresses) {
  std::string entry = peer.host + ':' + peer.port + ':';
  for (const std::string& address : addresses) {
    const bool isV6 = address.find(':') != std::string::npos;
    entry.append(isV6 ? "[" : "").append(address).append(isV6 ? "]," : ",");
  }
  entry.pop_back();
  return entry;
}

// A streamed body is never held: libcurl pauses while a piece of it is there.
ResponseLimits limitsOf(const Request& request, const TransportOptions& options) {
  const std::size_t body = request.streamsResponse ? std::numeric_limits<std::size_t>::max() : options.maxBodySize;
  return {options.maxHeadSize, body};
}

}  // namespace

std::optional<Error> Transfer::check(const Request& request) {
  if (!isSendable(request)) return fail(Errc::malformed, "the request's method or a header cannot be sent");
  const bool hasBody = request.openBody || request.openAsyncBody || !request.body.empty();
  if (request.method == "HEAD" && hasBody) return fail(Errc::malformed, "a HEAD with a body");
  const std::uint64_t largest = std::numeric_limits<curl_off_t>::max();
  if (request.bodySize.value_or(0) > largest) return fail(Errc::malformed, "bodySize is too large");
  return std::nullopt;
}

Transfer::Transfer(const Request& request, const HttpTarget& target, const TransportOptions& limits,
                   TransferOptions options)
    : method_(request.method),
      target_(target.target),
      ownBody_(request.streamsResponse && !options.upload ? request.body : std::string()),
      body_(options.upload            ? std::string_view()
            : request.streamsResponse ? ownBody_
                                      : request.body),
      streams_(request.streamsResponse),
      isKept_(options.isKept),
      upload_(std::move(options.upload)),
      uploadLeft_(upload_ ? request.bodySize : std::nullopt),
      deadline_(options.deadline, request),
      news_(std::move(options.news)),
      reader_(request.method, limitsOf(request, limits)) {
  setFields(request.headers);
}

bool Transfer::attach(std::shared_ptr<Line> line, const HttpTarget& peer, const Addresses& addresses) {
  line_ = std::move(line);
  ++line_->inUse;
  line_->onFailedAttempt = news_;
  easy_ = line_->take();
  if (!easy_) return false;
  Setting set(easy_.get());
  set(CURLOPT_PRIVATE, this);
  set(CURLOPT_PREREQFUNCTION, &Transfer::begin);
  set(CURLOPT_PREREQDATA, this);
  set(CURLOPT_HEADERFUNCTION, &Transfer::takeHeader);
  set(CURLOPT_HEADERDATA, this);
  set(CURLOPT_WRITEFUNCTION, &Transfer::takeBody);
  set(CURLOPT_WRITEDATA, this);
  try {
    addresses_ = line_->isNew() ? append(nullptr, resolved(peer, addresses)) : nullptr;
    set(CURLOPT_RESOLVE, addresses_.get());
    setRequest(set);
    return set.isDone();
  } catch (const std::bad_alloc&) {
    return false;
  }
}

std::shared_ptr<Line> Transfer::detach() {
  if (easy_) {
    line_->give(std::move(easy_));
  }
  if (line_) {
    --line_->inUse;
    line_->onFailedAttempt = nullptr;
  }
  return std::move(line_);
}

void Transfer::setRequest(Setting& set) {
  set(CURLOPT_HTTPGET, 1L);  // undoes what the last request with this handle was
  set(CURLOPT_NOPROGRESS, deadline_.moves() ? 0L : 1L);
  set(CURLOPT_XFERINFOFUNCTION, &Transfer::countSent);
  set(CURLOPT_XFERINFODATA, this);
  if (upload_) {
    set(CURLOPT_UPLOAD, 1L);
    set(CURLOPT_INFILESIZE_LARGE, uploadLeft_ ? static_cast<curl_off_t>(*uploadLeft_) : curl_off_t{-1});  // in chunks
    set(CURLOPT_READFUNCTION, &Transfer::giveBody);
    set(CURLOPT_READDATA, this);
  } else if (!body_.empty() || expectsBody(method_)) {
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body_.size()));
    set(CURLOPT_POSTFIELDS, body_.empty() ? "" : body_.data());
  } else if (method_ == "HEAD") {
    set(CURLOPT_NOBODY, 1L);
  }
  set(CURLOPT_CUSTOMREQUEST, method_ == "GET" && !upload_ && body_.empty() ? nullptr : method_.c_str());
  set(CURLOPT_REQUEST_TARGET, target_.c_str());
  set(CURLOPT_HTTPHEADER, fields_.get());
}

void Transfer::setFields(const Headers& headers) {
  for (const auto& [name, value] : headers) {
    if (!isTransportField(name)) addField(name, value);
  }
  if (!isKept_) addField("Connection", "close");  // left out on HTTP/2
  if (!isUploading() && !expectsBody(method_)) return;
  // What libcurl would say of a body by itself: a line without a value says that it must not.
  fields_ = append(std::move(fields_), "Expect:");
  if (!findHeader(headers, "Content-Type")) fields_ = append(std::move(fields_), "Content-Type:");
}

void Transfer::addField(std::string_view name, std::string_view value) {
  std::string line(name);
  if (trim(value).empty()) {
    line.append(";");  // how libcurl wants a field without a value
  } else {
    line.append(": ").append(value);
  }
  fields_ = append(std::move(fields_), line);
}

// libcurl repeats a request by itself when it finds that a connection has been closed: not here.
int Transfer::begin(void* self, char*, char*, int, int localPort) {
  auto& transfer = *static_cast<Transfer*>(self);
  if (transfer.hasBegun_) return CURL_PREREQFUNC_ABORT;
  transfer.hasBegun_ = true;
  transfer.deadline_.sent();  // the head leaves now
  transfer.line_->begin(transfer.easy_.get(), localPort);
  return CURL_PREREQFUNC_OK;
}

// Called each time that libcurl has written.
int Transfer::countSent(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t sent) {
  auto& transfer = *static_cast<Transfer*>(self);
  if (sent > std::exchange(transfer.uploaded_, sent)) transfer.deadline_.sent();
  return 0;
}

std::size_t Transfer::takeHeader(char* bytes, std::size_t, std::size_t size, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  transfer.hasReceived_ = true;
  if (transfer.reader_.hasHead()) return size;  // a trailer field, on HTTP/2
  constexpr std::string_view http2 = "HTTP/2 ";
  std::string_view line(bytes, size);
  if (line.starts_with(http2)) {
    transfer.isHttp2_ = transfer.line_->isHttp2 = true;
    if (transfer.news_) transfer.news_();
    transfer.read("HTTP/1.1 ");
    line.remove_prefix(http2.size());
  }
  transfer.read(line);
  return transfer.problem_ ? 0 : size;
}

std::size_t Transfer::takeBody(char* bytes, std::size_t, std::size_t size, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  if (transfer.streams_ && !transfer.piece_.empty()) {
    transfer.paused_ |= CURLPAUSE_RECV;
    return CURL_WRITEFUNC_PAUSE;
  }
  transfer.hasBody_ = true;
  transfer.read({bytes, size});
  return transfer.problem_ ? 0 : size;
}

void Transfer::read(std::string_view bytes) {
  try {
    const bool hadHead = reader_.hasHead();
    if (auto problem = reader_.read(bytes)) problem_ = std::move(problem);
    if (streams_ && reader_.hasHead()) {
      if (!hadHead) head_ = reader_.takeHead();
      piece_ += reader_.takeBody();
    }
  } catch (const std::bad_alloc&) {
    problem_ = fail(Errc::transport, "no memory for the response");
  }
  if (news_ && (reader_.complete() || streams_)) news_();
}

std::size_t Transfer::giveBody(char* to, std::size_t, std::size_t size, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  if (transfer.sent_ == transfer.sending_.size()) {
    Result<std::optional<std::string>> next = transfer.upload_();
    if (!next) {
      transfer.problem_ = std::move(next).error();
      return CURL_READFUNC_ABORT;
    }
    if (!*next) {
      transfer.paused_ |= CURLPAUSE_SEND;
      return CURL_READFUNC_PAUSE;
    }
    transfer.sending_ = **std::move(next);
    transfer.sent_ = 0;
    if (!transfer.countUpload()) return CURL_READFUNC_ABORT;
  }
  const std::size_t piece = std::min(size, transfer.sending_.size() - transfer.sent_);
  std::memcpy(to, transfer.sending_.data() + transfer.sent_, piece);
  transfer.sent_ += piece;
  return piece;
}

// libcurl sends as many bytes as it was told, and takes an end before that for good.
bool Transfer::countUpload() {
  if (!uploadLeft_) return true;
  const bool isShort = sending_.empty() && *uploadLeft_ > 0;
  if (isShort || sending_.size() > *uploadLeft_) {
    problem_ =
        fail(Errc::malformed, isShort ? "the body has ended before its bodySize" : "the body goes beyond its bodySize");
    return false;
  }
  *uploadLeft_ -= sending_.size();
  return true;
}

std::string Transfer::takePiece() {
  std::string piece = std::exchange(piece_, {});
  resume(CURLPAUSE_RECV);
  return piece;
}

void Transfer::resumeUpload() { resume(CURLPAUSE_SEND); }

// libcurl 7.88 does not always see to it that it is called again when it is to try the next address.
void Transfer::tryNextAddress() {
  if (hasBegun_ || !easy_) return;
  static_cast<void>(curl_easy_pause(easy_.get(), CURLPAUSE_RECV));
  static_cast<void>(curl_easy_pause(easy_.get(), CURLPAUSE_CONT));
}

// May call takeBody() or giveBody(), which may pause again.
void Transfer::resume(int paused) {
  if ((paused_ & paused) == 0 || !easy_) return;
  paused_ &= ~paused;
  if (curl_easy_pause(easy_.get(), paused_) != CURLE_OK && !problem_) {
    problem_ = fail(Errc::transport, "libcurl cannot go on");
  }
}

std::optional<Error> Transfer::end(CURLcode code) {
  if (problem_) return problem_;
  if (reader_.complete()) return std::nullopt;
  if (code == CURLE_OK) return reader_.end();
  if (code == CURLE_SEND_ERROR && hasUnreadAnswer()) return std::nullopt;
  if (!hasBegun_ || sentNothing()) return fail(Errc::unreachable, curl_easy_strerror(code));
  return fail(Errc::transport, curl_easy_strerror(code));
}

// A server that closes with a part of the request unread breaks the connection behind its answer, which can be read all
// the same.
bool Transfer::hasUnreadAnswer() {
  if (hasReceived_ || !line_ || !line_->unread().starts_with("HTTP/")) return false;
  read(line_->unread());
  return !problem_ && reader_.complete();
}

// With TLS 1.3 a peer may refuse our certificate when the request has left already: it has not been read.
bool Transfer::sentNothing() const {
  if (reader_.hasHead() || !line_) return false;
  if (line_->target().https) return line_->isRefused();
  long sent = 0;
  return curl_easy_getinfo(easy_.get(), CURLINFO_REQUEST_SIZE, &sent) == CURLE_OK && sent == 0;
}

Error Transfer::late() const {
  if (!hasBegun_) return fail(Errc::unreachable, "the deadline passed while connecting");
  return fail(Errc::timeout, "no complete response by the deadline");
}

// libcurl does not tell what comes behind a head of HTTP/1.1 that has no body.
bool Transfer::mayKeep() const {
  return isKept_ && line_ && line_->isOpen() && (isHttp2_ || (hasBody_ && reader_.mayKeep()));
}

}  // namespace ironjar::detail

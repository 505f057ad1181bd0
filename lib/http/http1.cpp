#include "base/ascii.hpp"
#include "base/http_date.hpp"
#include "base/number.hpp"
#include "base/url.hpp"
#include "http/field.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>

#include <ironjar/http1.hpp>

namespace ironjar {
namespace {

// Of the fields as lines.
std::size_t sizeOf(const Headers& headers) {
  std::size_t size = 0;
  for (const auto& [name, value] : headers) size += name.size() + value.size() + 4;
  return size;
}

Error broken(std::string what) { return fail(Errc::transport, std::move(what)); }

// Calls `take` with each member of every list field of that name (RFC 9110 section 5.6.1). Returns how many fields.
template <class Take>
std::size_t forEachMember(const Headers& headers, std::string_view name, Take take) {
  std::size_t fields = 0;
  for (const auto& [key, value] : headers) {
    if (!detail::equalIgnoringCase(key, name)) continue;
    ++fields;
    std::string_view left = value;
    while (true) {
      const std::size_t comma = left.find(',');
      take(detail::trim(left.substr(0, comma)));
      if (comma == std::string_view::npos) break;
      left.remove_prefix(comma + 1);
    }
  }
  return fields;
}

}  // namespace

Result<HttpTarget> readTarget(std::string_view url) {
  Result<detail::Url> read = detail::parseUrl(url);
  if (!read) return std::move(read).error();
  HttpTarget target;
  target.https = read->https;
  target.target = std::move(read->target);
  target.authority = read->origin.substr(read->https ? 8 : 7);
  target.port = target.authority.size() > read->host.size() ? target.authority.substr(read->host.size() + 1)
                : read->https                               ? "443"
                                                            : "80";
  const bool bracketed = read->host.starts_with('[');
  target.host = bracketed ? read->host.substr(1, read->host.size() - 2) : std::move(read->host);
  target.origin = std::move(read->origin);
  return target;
}

Result<std::string> requestHead(const Request& request, const HttpTarget& target, AfterResponse after) {
  const bool isNamed = after != AfterResponse::switchProtocols || detail::isToken(request.upgrade);
  if (!detail::isSendable(request) || !isNamed)
    return fail(Errc::malformed, "the request's method or a header cannot be sent");
  std::string head;
  head.reserve(sizeOf(request.headers) + target.target.size() + 256);
  head.append(request.method).append(" ").append(target.target).append(" HTTP/1.1\r\n");
  const auto add = [&head](std::string_view name, std::string_view value) {
    head.append(name).append(": ").append(value).append("\r\n");
  };
  add("Host", target.authority);
  for (const auto& [name, value] : request.headers) {
    if (!isTransportField(name)) add(name, value);
  }
  if (!findHeader(request.headers, "User-Agent")) add("User-Agent", "ironjar");  // GitHub's API refuses to do without
  if (!findHeader(request.headers, "Accept")) add("Accept", "*/*");
  if (after == AfterResponse::closeConnection) add("Connection", "close");
  if (after == AfterResponse::switchProtocols) {
    add("Connection", "Upgrade");
    add("Upgrade", request.upgrade);
  }
  // RFC 9110 section 8.6: a method that means something by its body says that there is none.
  const bool expectsBody = request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
  if (hasStreamedBody(request) && request.bodySize) {
    add("Content-Length", std::to_string(*request.bodySize));
  } else if (hasStreamedBody(request)) {
    add("Transfer-Encoding", "chunked");
  } else if (expectsBody || !request.body.empty()) {
    add("Content-Length", std::to_string(request.body.size()));
  }
  return head.append("\r\n");
}

Result<ResponseHead> responseHead(const Response& response, const AnsweredRequest& request, std::string_view reason) {
  const bool isSwitch = response.status == 101 && response.upgraded && detail::isToken(response.upgraded->protocol) &&
                        request.after == AfterResponse::switchProtocols;
  const bool isStatus = isSwitch || (response.status >= 200 && response.status <= 999);
  if (!isStatus || !detail::isSendable(response.headers) || !detail::isFieldValue(reason))
    return fail(Errc::malformed, "the response's status or a header cannot be sent");
  const bool streams = response.bodyReader || response.asyncBodyReader;
  const bool isBare = isSwitch || response.status == 204 || response.status == 304;
  ResponseHead head;
  if (!isBare && request.method != "HEAD") {
    head.framing = !streams ? BodyFraming::length : request.isHttp11 ? BodyFraming::chunked : BodyFraming::untilClose;
  }
  std::string& text = head.text;
  const auto add = [&text](std::string_view name, std::string_view value) {
    text.append(name).append(": ").append(value).append("\r\n");
  };
  text.append("HTTP/1.1 ").append(std::to_string(response.status)).append(" ").append(reason).append("\r\n");
  for (const auto& [name, value] : response.headers) {
    if (!isTransportField(name)) add(name, value);
  }
  if (!findHeader(response.headers, "Date")) add("Date", detail::httpDate(std::chrono::system_clock::now()));
  if (head.framing == BodyFraming::chunked) add("Transfer-Encoding", "chunked");
  // A HEAD's answer may say how long a GET's would be (RFC 9110 section 8.6).
  const bool tellsLength = !isBare && !streams && !response.body.empty();
  if (head.framing == BodyFraming::length || tellsLength) add("Content-Length", std::to_string(response.body.size()));
  if (isSwitch) {
    add("Connection", "Upgrade");
    add("Upgrade", response.upgraded->protocol);
  } else if (request.after != AfterResponse::keepConnection || head.framing == BodyFraming::untilClose) {
    add("Connection", "close");
  } else if (!request.isHttp11) {
    add("Connection", "keep-alive");
  }
  text.append("\r\n");
  return head;
}

std::string chunkOf(std::string_view piece) {
  std::string chunk = chunkHead(piece.size());
  chunk.reserve(chunk.size() + piece.size() + chunkTail.size());
  chunk.append(piece).append(chunkTail);
  return chunk;
}

std::string chunkHead(std::size_t size) {
  std::array<char, 2 * sizeof(std::size_t)> digits{};
  std::string head(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), size, 16).ptr);
  head.append("\r\n");
  return head;
}

Result<std::string> BodyFramer::frame(std::string piece) {
  if (!left_) return chunkOf(piece);
  if (piece.empty() && *left_ > 0) return fail(Errc::malformed, "the body has ended before its bodySize");
  if (piece.size() > *left_) return fail(Errc::malformed, "the body goes beyond its bodySize");
  *left_ -= piece.size();
  return piece;
}

std::optional<std::uint64_t> chunkSizeIn(std::string_view line) {
  return detail::parseNumber<std::uint64_t>(detail::trim(line.substr(0, line.find(';'))), 16);
}

std::optional<std::uint64_t> contentLengthIn(std::string_view value) {
  constexpr std::size_t mostDigits = 18;
  return value.size() <= mostDigits ? detail::parseDecimal<std::uint64_t>(value) : std::nullopt;
}

ResponseReader::ResponseReader(std::string_view method, const ResponseLimits& limits, std::string_view upgrade)
    : limits_(limits), isHead_(method == "HEAD"), upgrade_(upgrade) {}

std::optional<Error> ResponseReader::read(std::string_view bytes) {
  while (!bytes.empty() && state_ != State::done) {
    Problem problem;
    if (state_ == State::body || state_ == State::rest || state_ == State::chunk) {
      problem = takeData(bytes);
    } else {
      const std::size_t end = bytes.find('\n');
      const std::size_t size = end == std::string_view::npos ? bytes.size() : end + 1;
      overhead_ += size;
      if (overhead_ > limits_.maxHeadSize) return broken("the response's head or framing is over maxHeadSize");
      line_.append(bytes.substr(0, size));
      bytes.remove_prefix(size);
      if (end == std::string_view::npos) return std::nullopt;
      // RFC 9112 section 2.2: a lone LF may be taken for the end of a line.
      line_.resize(line_.size() - (line_.ends_with("\r\n") ? 2 : 1));
      problem = takeLine(line_);
      line_.clear();
    }
    if (problem) return problem;
  }
  surplus_ = surplus_ || !bytes.empty();
  return std::nullopt;
}

std::optional<Error> ResponseReader::end() {
  if (state_ == State::rest) state_ = State::done;
  return complete() ? std::nullopt : Problem(broken("the peer closed before the response was complete"));
}

std::optional<Error> ResponseReader::takeLine(std::string_view line) {
  if (state_ == State::status) return takeStatus(line);
  if (state_ == State::chunkSize) return takeChunkSize(line);
  if (state_ == State::chunkEnd) {
    if (!line.empty()) return broken("a chunk does not end where its size says");
    state_ = State::chunkSize;
  } else if (state_ == State::trailers) {
    if (line.empty()) state_ = State::done;
  } else if (line.empty()) {
    return beginBody();
  } else {
    takeField(line);
  }
  return std::nullopt;
}

// RFC 9112 section 4: `HTTP/1.1 200 OK`. The reason phrase is of no use.
std::optional<Error> ResponseReader::takeStatus(std::string_view line) {
  const bool version = line.starts_with("HTTP/1.") && line.size() >= 12 && detail::isDigit(line[7]) && line[8] == ' ';
  const auto status = version ? detail::parseDecimal<int>(line.substr(9, 3)) : std::nullopt;
  if (!status || *status < 100 || (line.size() > 12 && line[12] != ' ')) {
    return broken("what came begins with no HTTP/1.1 status line");
  }
  response_.status = static_cast<int>(*status);
  keeps_ = line[7] != '0';
  state_ = State::fields;
  return std::nullopt;
}

void ResponseReader::takeField(std::string_view line) {
  Headers& headers = response_.headers;
  const bool continues = line.front() == ' ' || line.front() == '\t';  // RFC 9112 section 5.2
  if (continues) {
    const std::string_view more = detail::trim(line);
    if (folds_ && detail::isFieldValue(more)) {
      headers.back().second.append(" ").append(more);
    } else if (folds_) {
      headers.pop_back();
      folds_ = false;
    }
    return;
  }
  const std::size_t colon = line.find(':');
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = colon == std::string_view::npos ? "" : detail::trim(line.substr(colon + 1));
  folds_ = colon != std::string_view::npos && detail::isToken(name) && detail::isFieldValue(value);
  if (folds_) headers.emplace_back(name, value);
}

std::optional<Error> ResponseReader::beginBody() {
  if (response_.status == 101) {
    if (!isUpgraded()) return broken("the peer switched protocols unasked");
    overhead_ = 0;
    keeps_ = false;
    state_ = State::rest;
    return std::nullopt;
  }
  if (response_.status < 200) {  // RFC 9110 section 15.2; a flood of them is bounded as one head is
    response_ = {};
    folds_ = false;
    state_ = State::status;
    return std::nullopt;
  }
  overhead_ = 0;
  forEachMember(response_.headers, "Connection", [this](std::string_view option) {
    if (detail::equalIgnoringCase(option, "close")) keeps_ = false;
  });
  if (!isHead_ && response_.status != 204 && response_.status != 304) return takeLength();
  keeps_ = false;  // a peer that sends a body in spite of it cannot be told from one that does not
  state_ = State::done;
  return std::nullopt;
}

// RFC 9110 section 7.8.
bool ResponseReader::isUpgraded() const {
  std::size_t protocols = 0;
  bool isOurs = false;
  forEachMember(response_.headers, "Upgrade", [&](std::string_view protocol) {
    ++protocols;
    isOurs = detail::equalIgnoringCase(protocol, upgrade_);
  });
  bool isOption = false;
  forEachMember(response_.headers, "Connection",
                [&](std::string_view option) { isOption = isOption || detail::equalIgnoringCase(option, "Upgrade"); });
  return !upgrade_.empty() && protocols == 1 && isOurs && isOption;
}

// RFC 9112 section 6.3.
std::optional<Error> ResponseReader::takeLength() {
  std::size_t codings = 0;
  bool chunked = false;
  const std::size_t codingFields = forEachMember(response_.headers, "Transfer-Encoding", [&](std::string_view coding) {
    ++codings;
    chunked = detail::equalIgnoringCase(coding, "chunked");
  });
  std::optional<std::size_t> length;
  bool contradicts = false;
  const std::size_t lengthFields = forEachMember(response_.headers, "Content-Length", [&](std::string_view text) {
    const auto said = detail::parseDecimal<std::size_t>(text);
    contradicts = contradicts || !said || (length && *length != *said);
    length = said;
  });
  if (codingFields + lengthFields > 1) keeps_ = false;
  if (codingFields > 0) {
    if (codings != 1 || !chunked) return broken("a transfer coding other than chunked, which nobody asked for");
    state_ = State::chunkSize;
    return std::nullopt;
  }
  if (contradicts) return broken("Content-Length is no number, or says two");
  if (length && *length > limits_.maxBodySize) return fail(Errc::tooLarge, "the response's body is over maxBodySize");
  if (!length) keeps_ = false;
  left_ = length.value_or(0);
  state_ = !length ? State::rest : left_ > 0 ? State::body : State::done;
  return std::nullopt;
}

std::optional<Error> ResponseReader::takeChunkSize(std::string_view line) {
  const auto size = chunkSizeIn(line);
  if (!size) return broken("a chunk's size is no number");
  if (*size > limits_.maxBodySize - response_.body.size()) {
    return fail(Errc::tooLarge, "the response's body is over maxBodySize");
  }
  left_ = *size;
  state_ = left_ > 0 ? State::chunk : State::trailers;
  return std::nullopt;
}

std::optional<Error> ResponseReader::takeData(std::string_view& bytes) {
  const std::size_t size = state_ == State::rest ? bytes.size() : std::min(left_, bytes.size());
  if (size > limits_.maxBodySize - response_.body.size()) {
    return fail(Errc::tooLarge, "the response's body is over maxBodySize");
  }
  response_.body.append(bytes.substr(0, size));
  bytes.remove_prefix(size);
  overhead_ = 0;
  if (state_ == State::rest) return std::nullopt;
  left_ -= size;
  if (left_ == 0) state_ = state_ == State::chunk ? State::chunkEnd : State::done;
  return std::nullopt;
}

}  // namespace ironjar

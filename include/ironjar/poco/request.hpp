// A request to a Poco server, read from the bytes that came, and the answer to it. Part of <ironjar/poco.hpp>.
#pragma once

#include <Poco/AutoPtr.h>
#include <Poco/Exception.h>
#include <Poco/Net/HTTPServerParams.h>
#include <Poco/Net/HTTPServerRequestImpl.h>
#include <Poco/Net/HTTPServerResponse.h>
#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/ServerSocketImpl.h>
#include <Poco/Net/StreamSocketImpl.h>
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <exception>
#include <fcntl.h>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>

#include <ironjar/http1.hpp>
#include <ironjar/web.hpp>

namespace ironjar {
namespace detail {

// Keeps what came until a request takes it; nothing when that is more than Poco lets a head be.
struct PocoSocket final : Poco::Net::StreamSocketImpl {
  static constexpr std::size_t mostReceived = 1024 * 1024;
  using StreamSocketImpl::receiveBytes;
  using StreamSocketImpl::StreamSocketImpl;
  int receiveBytes(void* buffer, int length, int flags) override {
    const int size = StreamSocketImpl::receiveBytes(buffer, length, flags);
    if (size > 0 && received && (flags & MSG_PEEK) == 0)
      received->append(static_cast<const char*>(buffer), static_cast<std::size_t>(size));
    if (received && received->size() > mostReceived) received.reset();
    return size;
  }
  std::optional<std::string> received = std::string();
};

struct PocoListener final : Poco::Net::ServerSocketImpl {
  Poco::Net::SocketImpl* acceptConnection(Poco::Net::SocketAddress& peer) override {
    const Poco::AutoPtr<Poco::Net::SocketImpl> plain(ServerSocketImpl::acceptConnection(peer));
    const int own = ::fcntl(plain->sockfd(), F_DUPFD_CLOEXEC, 0);
    if (own < 0) throw Poco::IOException("ironjar: no descriptor for a connection");
    return new PocoSocket(own);
  }
};

}  // namespace detail

// Listens, as Poco's own does. Throws Poco::Exception when it cannot.
struct PocoServerSocket : Poco::Net::ServerSocket {
  explicit PocoServerSocket(const Poco::Net::SocketAddress& address, int backlog = 64)
      : ServerSocket(new detail::PocoListener, true) {
    bind(address, true);
    listen(backlog);
  }
};

struct PocoOptions {
  std::size_t maxBodySize = 1024 * 1024;  // of a request; larger: 413
  std::size_t maxPathSize = 0;            // longer targets get 414; 0: no limit but Poco's
  // Told of what a handler has thrown, and of an answer that cannot be sent. Called from many threads. Must not throw.
  std::function<void(std::exception_ptr)> onException = {};
};

// A request, read whole, which blocks; before anything else reads its body. For one thread. Poco's request must outlive
// it.
class PocoRequest {
 public:
  PocoRequest(const PocoRequest&) = delete;
  PocoRequest& operator=(const PocoRequest&) = delete;
  explicit PocoRequest(Poco::Net::HTTPServerRequest& request, const PocoOptions& options = {})
      : options_(options), socket_(dynamic_cast<Poco::Net::HTTPServerRequestImpl&>(request).socket()) {
    web_.method = request.getMethod();
    web_.target = request.getURI();
    auto* const own = dynamic_cast<detail::PocoSocket*>(socket_.impl());
    const bool isHardened = own != nullptr && !request.serverParams().getKeepAlive();
    if (isHardened) received_ = std::exchange(own->received, std::nullopt).value_or("");
    const std::string& version = request.getVersion();
    isHttp11_ = version == "HTTP/1.1";
    const std::string line = request.getMethod() + ' ' + request.getURI() + ' ' + version + "\r\n";
    const std::string_view head = std::string_view(received_).substr(0, received_.find("\r\n\r\n") + 2);
    const bool isPlain = (isHttp11_ || version == "HTTP/1.0") && head.starts_with(line) && hasPlainLines(head);
    if (isPlain) readFields(head.substr(line.size()));
    std::optional<Refusal> refusal =
        refusalOf({.method = web_.method, .version = version, .path = web_.target, .fields = web_.fields},
                  {.maxPathSize = options.maxPathSize, .boundsEveryBody = true});
    if (!isPlain) refusal = {400, "malformed_request"};
    if (!isHardened) refusal = {500, "server_not_hardened"};
    if (refusal) {
      refusal_ = refusalAnswer(*refusal);
    } else if (const auto problem = readBody(std::string_view(received_).substr(head.size() + 2))) {
      refusal_ = answerForBody(*problem);
    }
  }

  [[nodiscard]] const WebRequest& web() const { return web_; }  // for the functions of <ironjar/web.hpp>
  // What to send in place of serving it.
  [[nodiscard]] const std::optional<Response>& refusal() const { return refusal_; }

  // Sends the answer; the connection is closed when Poco's handler returns. Throws Poco::Exception when the peer is
  // gone or takes nothing.
  void send(Poco::Net::HTTPServerResponse& response, Response answer) {
    response.setKeepAlive(false);
    const AnsweredRequest to{.method = web_.method, .isHttp11 = isHttp11_, .after = AfterResponse::closeConnection};
    auto head = responseHead(answer, to);
    if (!head || answer.bodyReader || answer.asyncBodyReader) {
      report(std::make_exception_ptr(std::runtime_error("ironjar: an answer that cannot be sent")));
      answer = internalErrorAnswer(answer);
      head = responseHead(answer, to);
    }
    response.setStatusAndReason(static_cast<Poco::Net::HTTPResponse::HTTPStatus>(answer.status));
    std::string text = std::move(head->text);
    if (head->framing == BodyFraming::length) text += answer.body;
    socket_.setSendTimeout(socket_.getReceiveTimeout());
    for (std::size_t at = 0; at < text.size(); at += bufferSize)
      socket_.sendBytes(&text[at], static_cast<int>(std::min<std::size_t>(text.size() - at, bufferSize)));
    if (refusal_ || socket_.available() > 0) drain();
  }
  void report(std::exception_ptr thrown) const {
    if (options_.onException) options_.onException(std::move(thrown));
  }

 private:
  void readFields(std::string_view lines) {
    for (; !lines.empty(); lines.remove_prefix(lines.find('\n') + 1)) {
      const std::string_view line = lines.substr(0, lines.find('\r'));
      const std::size_t colon = line.find(':');  // none: no name, which is refused
      std::string_view value = line.substr(colon == line.npos ? line.size() : colon + 1);
      value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
      value = value.substr(0, value.find_last_not_of(" \t") + 1);
      web_.fields.emplace_back(line.substr(0, colon == line.npos ? 0 : colon), value);
    }
  }
  // `bytes` came with the head. A response's body has the same rules, when it has a length or chunks.
  [[nodiscard]] std::optional<Error> readBody(std::string_view bytes) try {
    const Headers fields(web_.fields.begin(), web_.fields.end());
    const auto length = findHeader(fields, "Content-Length");
    if (!length && !findHeader(fields, "Transfer-Encoding")) return std::nullopt;
    ResponseReader reader("GET", {.maxBodySize = options_.maxBodySize});
    const std::string framing = length ? "Content-Length: " + std::string(*length) : "Transfer-Encoding: chunked";
    auto problem = reader.read("HTTP/1.1 200 OK\r\n" + framing + "\r\n\r\n");
    if (!problem) problem = reader.read(bytes);
    std::array<char, bufferSize> buffer;
    while (!problem && !reader.complete()) {
      const int size = socket_.receiveBytes(buffer.data(), bufferSize);
      if (size <= 0) return fail(Errc::transport, "the request's body was cut off");
      problem = reader.read({buffer.data(), static_cast<std::size_t>(size)});
    }
    if (!problem) web_.body = body_ = reader.take().body;
    return problem;
  } catch (const Poco::TimeoutException&) {
    return fail(Errc::timeout, "the request's body did not come in time");
  } catch (const Poco::Exception&) {
    return fail(Errc::transport, "the request's body was cut off");
  }

  // A connection that is closed with something unread breaks, and takes the answer along (RFC 9112 section 9.6).
  void drain() try {
    socket_.shutdownSend();
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{2};
    socket_.setReceiveTimeout(Poco::Timespan(1, 0));
    std::array<char, bufferSize> rest;
    while (std::chrono::steady_clock::now() < end && socket_.receiveBytes(rest.data(), bufferSize) > 0) continue;
  } catch (const Poco::Exception&) {  // it is broken, or silent
  }

  static constexpr int bufferSize = 16 * 1024;
  const PocoOptions options_;
  Poco::Net::StreamSocket socket_;
  std::string received_;
  std::string body_;
  WebRequest web_;
  bool isHttp11_ = true;
  std::optional<Response> refusal_;
};

}  // namespace ironjar

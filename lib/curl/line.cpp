#include "curl/line.hpp"

#include "base/descriptor.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <limits>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace ironjar::detail {
namespace {

constexpr std::size_t maxUnread = 128 * 1024;

int portOf(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return -1;
  if (address.ss_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
  if (address.ss_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port);
  return -1;
}

bool isTls(const HttpTarget& target) { return target.https; }

Strings proxyFieldsOf(const TransportOptions& options) {
  Strings fields;
  const auto add = [&fields](const std::string& line) {
    curl_slist* const longer = curl_slist_append(fields.get(), line.c_str());
    if (longer == nullptr) return false;
    static_cast<void>(fields.release());
    fields.reset(longer);
    return true;
  };
  // libcurl's own, which say nothing to a tunnel, are left out.
  const bool isDone = add("Proxy-Connection:") && add("User-Agent:") &&
                      (options.proxyAuthorization.empty() || add("Proxy-Authorization: " + options.proxyAuthorization));
  return isDone ? std::move(fields) : nullptr;
}

// Nothing comes from anywhere but this program, and nothing is done that it has not asked for.
void setManners(Setting& set) {
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_NOPROXY, "");
  set(CURLOPT_USERAGENT, "ironjar");  // unless the request has one; GitHub's API refuses to do without
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_HTTP09_ALLOWED, 0L);
  set(CURLOPT_HTTP_CONTENT_DECODING, 0L);
  set(CURLOPT_HTTP_TRANSFER_DECODING, 0L);  // chunks are read here, with what comes behind the last one
  set(CURLOPT_PATH_AS_IS, 1L);
  set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  set(CURLOPT_MAXAGE_CONN, static_cast<long>(std::numeric_limits<std::int32_t>::max() / 1000));
}

void setTls(Setting& set, bool http2) {
  set(CURLOPT_HTTP_VERSION, static_cast<long>(http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(CURLOPT_SSL_VERIFYPEER, 1L);
  set(CURLOPT_SSL_VERIFYHOST, 2L);
  set(CURLOPT_SSL_SESSIONID_CACHE, 0L);
  set(CURLOPT_CAINFO, static_cast<const char*>(nullptr));  // the authorities are read once, and set by startTls
  set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
}

}  // namespace

Line::Line(std::shared_ptr<const Setup> setup, HttpTarget target, std::string key)
    : setup_(std::move(setup)), target_(std::move(target)), key_(std::move(key)), cache_(curl_share_init()) {
  if (target_.https && setup_->proxy) proxyFields_ = proxyFieldsOf(setup_->options);
  if (cache_ && curl_share_setopt(cache_.get(), CURLSHOPT_SHARE, CURL_LOCK_DATA_CONNECT) != CURLSHE_OK) cache_.reset();
}

Line::~Line() {
  easies_.clear();
  cache_.reset();  // closes the connection, and calls close()
}

Easy Line::take() {
  if (easies_.empty()) return make();
  Easy easy = std::move(easies_.back());
  easies_.pop_back();
  return easy;
}

Easy Line::make() {
  Easy easy(cache_ ? curl_easy_init() : nullptr);
  if (!easy) return nullptr;
  Setting set(easy.get());
  setManners(set);
  const std::string url = target_.origin + '/';
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_SHARE, cache_.get());
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(2 * setup_->options.connectTimeout.count()));
  set(CURLOPT_OPENSOCKETFUNCTION, &Line::connect);
  set(CURLOPT_OPENSOCKETDATA, this);
  set(CURLOPT_CLOSESOCKETFUNCTION, &Line::close);
  set(CURLOPT_CLOSESOCKETDATA, this);
  const bool isProxied = target_.https && setup_->proxy;
  set(CURLOPT_PROXY, isProxied ? setup_->proxy->origin.c_str() : "");  // empty: nor one of the environment's
  if (isProxied) {
    set(CURLOPT_HTTPPROXYTUNNEL, 1L);
    set(CURLOPT_PROXYHEADER, proxyFields_.get());
    if (!proxyFields_) return nullptr;
  }
  if (isTls(target_)) {
    setTls(set, setup_->options.http2);
    set(CURLOPT_SSL_CTX_FUNCTION, &Line::startTls);
    set(CURLOPT_SSL_CTX_DATA, this);
  } else {
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  }
  return set.isDone() ? std::move(easy) : nullptr;
}

curl_socket_t Line::connect(void* self, curlsocktype, curl_sockaddr* address) {
  auto& line = *static_cast<Line*>(self);
  if (!line.mayConnect_) return CURL_SOCKET_BAD;  // a request is sent once, and over this connection
  const int socket = ::socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->protocol);
  return socket < 0 ? CURL_SOCKET_BAD : line.add(socket);
}

// libcurl does not have a socket watched anew that has the number of one which it has closed without a word.
curl_socket_t Line::add(curl_socket_t socket) {
  std::vector<Descriptor> used;
  while (socket >= 0 && std::find(sockets_.begin(), sockets_.end(), socket) != sockets_.end()) {
    used.emplace_back(socket);
    socket = ::fcntl(socket, F_DUPFD_CLOEXEC, 0);
  }
  if (socket < 0) return CURL_SOCKET_BAD;
  sockets_.push_back(socket);
  return socket;
}

int Line::close(void* self, curl_socket_t socket) {
  auto& line = *static_cast<Line*>(self);
  std::erase(line.sockets_, socket);
  if (line.sockets_.empty()) line.ssl_ = nullptr;
  if (line.mayConnect_ && line.onFailedAttempt) line.onFailedAttempt();
  if (line.inUse > 0 && !line.mayConnect_ && !isTls(line.target_)) line.saveUnread(socket);
  return ::close(socket);
}

void Line::saveUnread(curl_socket_t socket) {
  std::array<char, 16 * 1024> buffer{};
  while (unread_.size() < maxUnread) {
    const ssize_t size = ::recv(socket, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size <= 0) return;
    unread_.append(buffer.data(), static_cast<std::size_t>(size));
  }
}

CURLcode Line::startTls(CURL*, void* context, void* self) {
  auto& line = *static_cast<Line*>(self);
  return line.setup_->tls.prepare(context, line.target_.host, line.alert_) ? CURLE_OK : CURLE_SSL_CERTPROBLEM;
}

void Line::begin(CURL* easy, int localPort) {
  mayConnect_ = false;
  if (sockets_.size() > 1) std::erase_if(sockets_, [localPort](int socket) { return portOf(socket) != localPort; });
  if (!isTls(target_) || ssl_ != nullptr) return;
  const curl_tlssessioninfo* info = nullptr;
  if (curl_easy_getinfo(easy, CURLINFO_TLS_SSL_PTR, &info) != CURLE_OK || info == nullptr) return;
  if (info->backend != CURLSSLBACKEND_OPENSSL || info->internals == nullptr) return;
  ssl_ = info->internals;
  readOnAfterBrokenWrites(ssl_, isBroken_);
}

bool Line::isQuiet() const {
  if (!isOpen()) return false;
  if (isHttp2) return true;  // an answer says to which request it belongs
  if (isTls(target_) && (ssl_ == nullptr || hasPendingBytes(ssl_))) return false;
  char byte = 0;
  return ::recv(sockets_.front(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

bool Line::isRefused() const { return refusesCertificate(alert_); }

}  // namespace ironjar::detail

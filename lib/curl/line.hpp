// One connection of libcurl's.
#pragma once

#include "base/handle.hpp"
#include "curl/setup.hpp"

#include <curl/curl.h>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace ironjar::detail {

using Easy = Handle<CURL, curl_easy_cleanup>;
using Multi = Handle<CURLM, curl_multi_cleanup>;
using Strings = Handle<curl_slist, curl_slist_free_all>;

// Sets libcurl's options, and remembers whether one was refused: for want of memory, or by a libcurl without it.
class Setting {
 public:
  explicit Setting(CURL* easy) : easy_(easy) {}
  template <class T>
  void operator()(CURLoption option, T value) {
    isDone_ = curl_easy_setopt(easy_, option, value) == CURLE_OK && isDone_;
  }
  [[nodiscard]] bool isDone() const { return isDone_; }

 private:
  CURL* easy_;
  bool isDone_ = true;
};

// A connection to one target in a cache of its own (CURLSH), in which nothing else is: so libcurl cannot give it to
// anybody else, it can be closed while nobody uses it, and what its peer has left in it can be looked at. One thread at
// a time. Handles that were taken must have been given back, and be in no multi handle, before it goes.
class Line {
 public:
  Line(std::shared_ptr<const Setup> setup, HttpTarget target, std::string key);
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;
  ~Line();

  // A handle for one request over this connection, whose options are those of all requests. Null: no memory.
  [[nodiscard]] Easy take();
  void give(Easy easy) { easies_.push_back(std::move(easy)); }

  // A request is about to be sent, from that port of ours: from now on no other connection is made.
  void begin(CURL* easy, int localPort);
  [[nodiscard]] bool isNew() const { return mayConnect_; }
  [[nodiscard]] bool isOpen() const { return !mayConnect_ && !isBroken_ && sockets_.size() == 1; }
  // Whether another request may follow: the connection is open, and on HTTP/1.1 nothing has come since the last
  // response. What was in OpenSSL's buffers then is there still.
  [[nodiscard]] bool isQuiet() const;
  // Whether the peer has refused our certificate, or that there is none.
  [[nodiscard]] bool isRefused() const;

  // What libcurl had not read when it closed the connection: after a write that failed there may be an answer. Without
  // TLS only, since with TLS it reads on.
  [[nodiscard]] const std::string& unread() const { return unread_; }

  [[nodiscard]] const std::string& key() const { return key_; }
  [[nodiscard]] const HttpTarget& target() const { return target_; }

  // Called within libcurl when an address has not answered.
  std::function<void()> onFailedAttempt = {};
  bool isHttp2 = false;   // as its responses show
  std::size_t inUse = 0;  // requests at a time

 private:
  static curl_socket_t connect(void* self, curlsocktype purpose, curl_sockaddr* address);
  static int close(void* self, curl_socket_t socket);
  static CURLcode startTls(CURL* easy, void* context, void* self);
  [[nodiscard]] Easy make();
  [[nodiscard]] curl_socket_t add(curl_socket_t socket);
  void saveUnread(curl_socket_t socket);

  const std::shared_ptr<const Setup> setup_;
  const HttpTarget target_;
  const std::string key_;
  Strings proxyFields_;
  bool mayConnect_ = true;
  // Several while the first address to answer is looked for. libcurl closes the others without a word.
  std::vector<curl_socket_t> sockets_;
  std::string unread_;
  bool isBroken_ = false;  // a write has failed
  void* ssl_ = nullptr;    // OpenSSL's handle of the connection
  int alert_ = -1;
  Handle<CURLSH, curl_share_cleanup> cache_;
  std::vector<Easy> easies_;  // before the cache that they refer to
};

}  // namespace ironjar::detail

// A Transport on httplib::Client: kept connections, verified TLS, one deadline for everything, a limit on the body.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <httplib.h>
#include <ironjar/transport.hpp>

namespace ironjar {

struct HttplibTransportOptions {
  std::chrono::milliseconds connectTimeout{2000};
  std::size_t maxBodySize = 8 * 1024 * 1024;    // of a response
  std::size_t maxIdle = 32;                     // kept connections, per origin
  std::chrono::milliseconds idleTimeout{4000};  // below the 5 s after which many servers close theirs
  std::string caCertFile = {};                  // PEM; empty: the system's authorities
};

namespace detail {

// Where a character may stand: RFC 9110 section 5.6.2 has visible ASCII without delimiters in a field's name; in its
// value, controls would break out of it.
inline constexpr unsigned char inFieldName = 1;
inline constexpr unsigned char inFieldValue = 2;
inline constexpr auto fieldCharacters = [] {
  std::array<unsigned char, 256> may{};
  for (std::size_t c = 0; c != may.size(); ++c) {
    const bool visible = c > ' ' && c < 0x7f;
    const bool delimits = std::string_view("\"(),/:;<=>?@[\\]{}").find(static_cast<char>(c)) != std::string_view::npos;
    if (visible && !delimits) may[c] |= inFieldName;
    if ((c >= ' ' && c != 0x7f) || c == '\t') may[c] |= inFieldValue;
  }
  return may;
}();
inline bool isAll(unsigned char kind, std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [kind](char c) { return (fieldCharacters[static_cast<unsigned char>(c)] & kind) != 0; });
}
inline bool isFieldName(std::string_view name) { return !name.empty() && isAll(inFieldName, name); }
inline bool hasControls(std::string_view value) { return !isAll(inFieldValue, value); }

// A reader that throws must not unwind through httplib.
inline Result<std::string> read(const BodyReader& next) {
  try {
    return next();
  } catch (...) {
    return fail(Errc::malformed, "the body's reader threw an exception");
  }
}

// One connection. Its socket is also held as a duplicate, so that the watchdog can cut it whatever httplib does with
// its own descriptor meanwhile: Client::stop() would wait for a lock that is held while connecting.
class HttplibConnection {
 public:
  HttplibConnection(const std::string& origin, const HttplibTransportOptions& options) : client_(origin) {
    client_.set_follow_location(false);
    client_.set_decompress(false);
    client_.set_tcp_nodelay(true);  // head and body leave in two writes: Nagle would hold the second for 40 ms
    verbatimPath(client_);
    client_.set_socket_options([this](socket_t socket) { hold(socket); });
#ifdef CPPHTTPLIB_OPENSSL_SUPPORT
    client_.enable_server_certificate_verification(true);
    if (!options.caCertFile.empty()) client_.set_ca_cert_path(options.caCertFile);
#else
    static_cast<void>(options);
#endif
  }
  HttplibConnection(const HttplibConnection&) = delete;
  HttplibConnection& operator=(const HttplibConnection&) = delete;
  ~HttplibConnection() {
    if (held_ >= 0) ::close(held_);
  }

  httplib::Client& client() { return client_; }

  void cut() {
    const std::lock_guard lock(mutex_);
    cut_ = true;
    if (held_ >= 0) ::shutdown(held_, SHUT_RDWR);
  }
  [[nodiscard]] bool wasCut() const { return cut_; }

  // Between requests nothing is to be read: what is there would be taken for the next one's answer.
  [[nodiscard]] bool isQuiet() const {
    char byte = 0;
    return held_ >= 0 && ::recv(held_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
           (errno == EAGAIN || errno == EWOULDBLOCK);
  }

  std::chrono::steady_clock::time_point idleSince{};

 private:
  // The path is sent as it is: it was validated, and encoding it again would change it.
  template <class Client>
  static void verbatimPath(Client& client) {
    if constexpr (requires { client.set_path_encode(false); }) {
      client.set_path_encode(false);
    } else {
      client.set_url_encode(false);
    }
  }

  void hold(socket_t socket) {
    const std::lock_guard lock(mutex_);
    if (held_ >= 0) ::close(held_);
    held_ = ::dup(socket);
    if (cut_ && held_ >= 0) ::shutdown(held_, SHUT_RDWR);
  }

  httplib::Client client_;
  std::mutex mutex_;  // keeps cut(), which the watchdog's thread calls, from a socket that hold() is closing
  int held_ = -1;
  std::atomic<bool> cut_ = false;
};

// Cuts connections whose deadline has passed. httplib's own time-outs count per read, so a peer that sends a byte now
// and then could hold a request for ever.
class HttplibWatchdog {
  struct Entry {
    Deadline deadline;
    HttplibConnection* connection;
  };
  using Entries = std::list<Entry>;

 public:
  HttplibWatchdog() : thread_([this] { run(); }) {}
  HttplibWatchdog(const HttplibWatchdog&) = delete;
  HttplibWatchdog& operator=(const HttplibWatchdog&) = delete;
  ~HttplibWatchdog() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }

  // Watches one connection for as long as it lives.
  class Watch {
   public:
    Watch(HttplibWatchdog& dog, HttplibConnection& watched, Deadline deadline) : dog_(dog) {
      own_.push_back({deadline, &watched});
      entry_ = own_.begin();
      const std::lock_guard lock(dog_.mutex_);
      dog_.watched_.splice(dog_.watched_.end(), own_);
      if (deadline < dog_.wakesAt_) dog_.changed_.notify_one();
    }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    ~Watch() {
      const std::lock_guard lock(dog_.mutex_);
      own_.splice(own_.end(), dog_.watched_, entry_);
    }

   private:
    HttplibWatchdog& dog_;
    Entries own_;  // made and freed here, outside the lock; among the dog's meanwhile
    Entries::iterator entry_;
  };

 private:
  void run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      wakesAt_ = cutLate();
      if (wakesAt_ == Deadline::max()) {
        changed_.wait(lock);
      } else {
        changed_.wait_until(lock, Deadline(wakesAt_));
      }
    }
  }

  // Returns the next deadline. What was cut has none any more: its request may take a while to notice.
  Deadline cutLate() {
    const auto now = std::chrono::steady_clock::now();
    Deadline next = Deadline::max();
    for (Entry& entry : watched_) {
      if (entry.deadline <= now) {
        entry.connection->cut();
        entry.deadline = Deadline::max();
      }
      next = std::min(next, entry.deadline);
    }
    return next;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  Entries watched_;
  Deadline wakesAt_ = Deadline::max();  // unless notified: a request that ends later needs no waking, and costs none
  bool stopping_ = false;
  std::thread thread_;
};

// What comes back of one request, as httplib hands it over.
struct HttplibAnswer {
  std::size_t maxBodySize;
  Response response = {};
  bool tooLarge = false;
  bool complete = false;  // without a body: httplib would wait for one after a 304

  // httplib before 0.44 percent-decodes field values: one that holds a line break would split whatever it is passed on
  // in. So would a name that begins with a bare CR, which it takes for a part of the name.
  void takeHead(const httplib::Response& head) {
    response.status = head.status;
    response.headers.reserve(head.headers.size());
    for (const auto& [name, value] : head.headers) {
      if (isFieldName(name) && !hasControls(value)) response.headers.emplace_back(name, value);
    }
    complete = head.status == 304;
  }

  bool takeBody(const char* data, std::size_t size) {
    tooLarge = response.body.size() + size > maxBodySize;
    if (!tooLarge) response.body.append(data, size);
    return !tooLarge;
  }
};

class HttplibPool {
 public:
  // A connection may be cut while it is written to: that must be an error, not the end of the process. httplib's own
  // Server does the same.
  explicit HttplibPool(HttplibTransportOptions options) : options_(std::move(options)) {
    struct sigaction action {};
    if (::sigaction(SIGPIPE, nullptr, &action) == 0 && action.sa_handler == SIG_DFL)
      static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
  }

  Result<Response> send(const Request& request, Deadline deadline) {
    const std::string_view origin = originOf(request.url);
#ifndef CPPHTTPLIB_OPENSSL_SUPPORT
    if (origin.starts_with("https")) return fail(Errc::unsupported, "httplib was compiled without TLS");
#endif
    std::unique_ptr<HttplibConnection> connection = request.freshConnection ? nullptr : take(origin);
    if (!connection) connection = std::make_unique<HttplibConnection>(std::string(origin), options_);
    const std::string_view target = std::string_view(request.url).substr(origin.size());
    Result<Response> response = exchange(*connection, request, target, deadline);
    // Only where a body was read to its end is the connection certainly free of remains.
    const bool hasBody = response && response->status != 204 && response->status != 304 && request.method != "HEAD";
    if (hasBody && !request.freshConnection && !connection->wasCut()) give(origin, std::move(connection));
    return response;
  }

 private:
  using Idle = std::vector<std::unique_ptr<HttplibConnection>>;

  // All up to the path. performFetch has validated the URL.
  static std::string_view originOf(std::string_view url) {
    const std::size_t scheme = url.find("://");
    const auto host = url.begin() + static_cast<std::ptrdiff_t>(scheme == std::string_view::npos ? 0 : scheme + 3);
    const auto end = std::find_if(host, url.end(), [](char c) { return c == '/' || c == '?'; });
    return {url.begin(), end};
  }

  Result<Response> exchange(HttplibConnection& connection, const Request& request, std::string_view target,
                            Deadline deadline) {
    const auto left = deadline - std::chrono::steady_clock::now();
    if (left <= left.zero()) return fail(Errc::timeout, "no time left to send the request");
    httplib::Client& client = connection.client();
    client.set_keep_alive(!request.freshConnection);
    client.set_connection_timeout(std::min<std::chrono::nanoseconds>(left, options_.connectTimeout));
    // The watchdog ends what takes too long; httplib's own limits are only there should a cut go unnoticed.
    client.set_read_timeout(left + std::chrono::seconds{1});
    client.set_write_timeout(left + std::chrono::seconds{1});

    HttplibAnswer answer{.maxBodySize = options_.maxBodySize};
    std::optional<Error> unreadable;  // what the body's reader said
    httplib::Request out;
    out.method = request.method;
    out.path.append(target.starts_with('/') ? "" : "/").append(target);
    for (const auto& [name, value] : request.headers) out.headers.emplace(name, value);
    out.body = request.body;
    if (request.openBody) sendInChunks(out, request.openBody(), unreadable);
    out.content_receiver = [&answer](const char* data, std::size_t size, auto, auto) {
      return answer.takeBody(data, size);
    };
    out.response_handler = [&answer](const httplib::Response& head) {
      answer.takeHead(head);
      return head.status >= 200 && !answer.complete;
    };
    const HttplibWatchdog::Watch watch(watchdog_, connection, deadline);
    httplib::Response in;
    httplib::Error problem = httplib::Error::Success;
    const bool good = client.send(out, in, problem);
    if (unreadable) return *unreadable;
    if (answer.tooLarge) return fail(Errc::tooLarge, "the response's body is over maxBodySize");
    if (answer.complete) return std::move(answer.response);
    // A cut looks like the end of a body that has no length.
    if (connection.wasCut() || std::chrono::steady_clock::now() >= deadline) {
      return fail(Errc::timeout, "no complete response by the deadline");
    }
    // The handler is not called where no body may follow: HEAD, 204.
    if (good && answer.response.status == 0) answer.takeHead(in);
    if (good && answer.response.status >= 200) return std::move(answer.response);
    return fail(isBeforeSending(problem) ? Errc::unreachable : Errc::transport,
                good ? "the answer is none but an interim one" : "httplib: " + httplib::to_string(problem));
  }

  // As httplib's own Post() with a provider does, which has no room for a receiver.
  static void sendInChunks(httplib::Request& out, BodyReader next, std::optional<Error>& problem) {
    out.headers.erase("Content-Length");
    out.headers.emplace("Transfer-Encoding", "chunked");
    out.is_chunked_content_provider_ = true;
    out.content_provider_ = [next = std::move(next), &problem, begun = false](std::size_t offset, std::size_t,
                                                                              httplib::DataSink& sink) mutable {
      const bool again = begun && offset == 0;  // httplib would send what is left of it as the whole
      begun = true;
      Result<std::string> piece =
          next && !again ? detail::read(next) : fail(Errc::malformed, "the body cannot be read again");
      if (!piece) problem = piece.error();
      if (problem) return false;
      if (piece->empty()) return sink.done(), true;
      return sink.write(piece->data(), piece->size());
    };
  }

  static bool isBeforeSending(httplib::Error error) {
    return error == httplib::Error::Connection || error == httplib::Error::ConnectionTimeout ||
           error == httplib::Error::BindIPAddress || error == httplib::Error::SSLConnection ||
           error == httplib::Error::SSLLoadingCerts || error == httplib::Error::SSLServerVerification;
  }

  std::unique_ptr<HttplibConnection> take(std::string_view origin) {
    while (true) {
      std::unique_ptr<HttplibConnection> connection = newest(origin);
      if (!connection || connection->isQuiet()) return connection;
    }
  }

  std::unique_ptr<HttplibConnection> newest(std::string_view origin) {
    Idle stale;  // closed after the lock is gone
    const std::lock_guard lock(mutex_);
    const auto found = idle_.find(origin);
    if (found == idle_.end() || found->second.empty()) return nullptr;
    Idle& idle = found->second;
    if (std::chrono::steady_clock::now() - idle.back()->idleSince > options_.idleTimeout) {
      stale.swap(idle);
      return nullptr;
    }
    std::unique_ptr<HttplibConnection> connection = std::move(idle.back());
    idle.pop_back();
    return connection;
  }

  void give(std::string_view origin, std::unique_ptr<HttplibConnection> connection) {
    connection->idleSince = std::chrono::steady_clock::now();
    const std::lock_guard lock(mutex_);
    auto found = idle_.find(origin);
    if (found == idle_.end()) found = idle_.emplace(origin, Idle()).first;
    if (found->second.size() < options_.maxIdle) found->second.push_back(std::move(connection));
  }

  const HttplibTransportOptions options_;
  HttplibWatchdog watchdog_;
  std::mutex mutex_;
  std::map<std::string, Idle, std::less<>> idle_;  // by origin; the one used last is at the back
};

}  // namespace detail

// Thread-safe; copies share the connections. Resolving a host name is the one step that a deadline cannot cut short,
// and a response's head is bounded by the deadline alone. Ignores SIGPIPE for the process if nobody handles it. The URL
// must be one that performFetch accepts. Response fields that hold control characters, or whose name is none, are
// dropped. A peer that answers and closes before it has read a body that comes in chunks is Errc::transport: its answer
// cannot be read.
[[nodiscard]] inline Transport httplibTransport(HttplibTransportOptions options = {}) {
  return [pool = std::make_shared<detail::HttplibPool>(std::move(options))](const Request& request, Deadline deadline) {
    return pool->send(request, deadline);
  };
}

}  // namespace ironjar

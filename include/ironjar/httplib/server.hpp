// What every httplib server needs before it may stand on a network.
//
// Example:
//   const ironjar::HardenedServer hardened(server, {.maxBodySize = 64 * 1024});
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <pthread.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <thread>
#include <utility>
#include <vector>

#include <httplib.h>
#include <ironjar/web/request_framing.hpp>

namespace ironjar {

namespace detail {

// 0.11.4 is 11'004.
constexpr int versionNumber(std::string_view text) {
  int parts[3] = {};
  int part = 0;
  for (const char c : text) {
    if (c == '.' && ++part == 3) break;
    if (c >= '0' && c <= '9') parts[part] = parts[part] * 10 + (c - '0');
  }
  return parts[0] * 1'000'000 + parts[1] * 1000 + parts[2];
}
inline constexpr int httplibVersion = versionNumber(CPPHTTPLIB_VERSION);

}  // namespace detail

// IRONJAR_ACCEPT_HTTPLIB_BEFORE_0_44: define it before the first include of ironjar, in every file, to compile with an
// older cpp-httplib than 0.44, such as Debian 12's 0.11.4. What it costs, whatever HardenedServer does:
// - Field values are percent-decoded: another cookie's `%3B` turns into several cookies, and a sister domain of yours
//   can so lock a visitor out.
// - A request's head has no limit in all: a client can fill the memory. A reverse proxy in front has such a limit.
// - Chunked and compressed bodies are not served (411, 415) but by proxy(): in some of them their size has no limit.
#ifndef IRONJAR_ACCEPT_HTTPLIB_BEFORE_0_44
static_assert(detail::httplibVersion >= 44'000,
              "ironjar: cpp-httplib before 0.44 decodes field values and reads heads without a limit. Use a newer one, "
              "or define IRONJAR_ACCEPT_HTTPLIB_BEFORE_0_44: see <ironjar/httplib/server.hpp>");
#endif

struct HardenedServerOptions {
  // Of a request, decompressed; larger: 413. What a proxy passes on has the API's limits.
  std::size_t maxBodySize = 1024 * 1024;
  // Longer paths get 414. An older httplib matches each route by a std::regex, which takes up to 1 KiB of stack for
  // each character of the path; the newest ones have the same limit for those. Raise it where all patterns are plain.
  // Paths below a proxied prefix have no limit but httplib's own, 8,190 bytes.
  std::size_t maxPathSize = 256;
  std::size_t threads = 64;  // a handler that waits for an API holds one
  // Your own. They run after ours: the first for requests that were not refused, the second when the response is a 500
  // already. Do not set them at the server: it has one of each, and a session is not opened without ours.
  httplib::Server::HandlerWithResponse preRouting = {};
  httplib::Server::ExceptionHandler onException = {};
};

namespace detail {

// httplib's ThreadPool with stacks of a known size. The system's default may be 128 KiB (musl) or 2 MiB (glibc under
// `ulimit -s unlimited`), and httplib 0.11.4 matches a Range field of 8,190 bytes, before any handler, with a
// std::regex that takes 2.9 MiB; before 0.37 likewise the header of a part of a multipart body.
class WorkerThreads final : public httplib::TaskQueue {
  static constexpr std::size_t stackSize = 8 * 1024 * 1024;  // of address space; what is not used is not there
  using Enqueued = decltype(std::declval<httplib::TaskQueue&>().enqueue({}));  // void, or since 0.12 bool

 public:
  explicit WorkerThreads(std::size_t count) {
    pthread_attr_t attributes;
    if (::pthread_attr_init(&attributes) != 0) throw std::runtime_error("ironjar: no attributes of a thread");
    bool good = ::pthread_attr_setstacksize(&attributes, stackSize) == 0;
    for (threads_.reserve(count); good && threads_.size() < count;) {
      pthread_t thread{};
      good = ::pthread_create(&thread, &attributes, &WorkerThreads::run, this) == 0;
      if (good) threads_.push_back(thread);
    }
    ::pthread_attr_destroy(&attributes);
    if (good) return;
    shutdown();
    throw std::runtime_error("ironjar: a thread could not be started");
  }
  WorkerThreads(const WorkerThreads&) = delete;
  WorkerThreads& operator=(const WorkerThreads&) = delete;
  ~WorkerThreads() override { shutdown(); }

  Enqueued enqueue(std::function<void()> task) override {
    {
      const std::lock_guard lock(mutex_);
      tasks_.push_back(std::move(task));
    }
    changed_.notify_one();
    return static_cast<Enqueued>(true);
  }
  // Ends when all tasks have been done.
  void shutdown() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    for (const pthread_t thread : threads_) ::pthread_join(thread, nullptr);
    threads_.clear();
  }

 private:
  static void* run(void* self) {
    static_cast<WorkerThreads*>(self)->work();
    return nullptr;
  }
  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return !tasks_.empty() || stopping_; });
      if (tasks_.empty()) return;
      const std::function<void()> task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  bool stopping_ = false;
  std::vector<pthread_t> threads_;
};

// httplib lets five connections wait to be accepted; of more that come at once, Linux has some try again after seconds.
inline void listenLonger(httplib::Server& server) {
  struct Listening : httplib::Server {
    using httplib::Server::svr_sock_;
  };
  ::listen((server.*(&Listening::svr_sock_)).load(), SOMAXCONN);
}

// Takes off a response's body, be it a text, a provider or a file, so that another can take its place.
inline void dropBody(httplib::Response& response) {
  httplib::Response bare;
  bare.version = response.version;
  bare.status = response.status;
  bare.headers = response.headers;
  bare.headers.erase("Content-Type");
  std::swap(response, bare);
}

// httplib hands its own, non-const, request to its handlers as const.
inline httplib::Request& mutableRequest(const httplib::Request& request) {
  return const_cast<httplib::Request&>(request);  // NOLINT(cppcoreguidelines-pro-type-const-cast)
}

// What follows on the connection is no request. httplib closes it when a provider says that it cannot go on; not at
// once where `lingering` says so, since that breaks it, with what has come unread, and may take the answer along.
inline void closeBehind(const httplib::Request& request, httplib::Response& response, std::chrono::seconds lingering) {
  const std::string type = response.get_header_value("Content-Type");
  std::string body = std::exchange(response.body, {});
  if (request.method == "HEAD") {
    body.clear();
    mutableRequest(request).method = "GET";  // httplib never asks a provider for a HEAD's answer
  }
  const auto send = [body, lingering](httplib::DataSink& sink) {
    if (!body.empty() && !sink.write(body.data(), body.size())) return false;
    const auto end = std::chrono::steady_clock::now() + lingering;
    while (sink.is_writable() && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
    return false;
  };
  if (body.empty()) {
    response.set_content_provider("", [send](std::size_t, httplib::DataSink& sink) { return send(sink); });
  } else {
    response.set_content_provider(body.size(), "",
                                  [send](std::size_t, std::size_t, httplib::DataSink& sink) { return send(sink); });
  }
  response.headers.erase("Content-Type");
  if (!type.empty()) response.set_header("Content-Type", type);
}

}  // namespace detail

// Makes an httplib::Server fit to stand on a network; whatever opens a session takes it, as a sign that this was done.
// Once for a server, before its routes and before it listens; the server must outlive it. Sets the server's number of
// requests a connection, its limit on bodies, its task queue, its pre-routing and its exception handler: leave those
// alone.
//
//   httplib::Server server;
//   const ironjar::HardenedServer site(server);
//   server.Get("/me", ironjar::withSession(site, jar, handler));
//
// - One request a connection. No httplib, 0.53.1 among them, closes the connection after a head that it cannot read (a
//   line over 8,192 bytes, a method that it does not know): what follows of the body runs as the next request, and
//   behind a reverse proxy that keeps its connections that is another visitor's. Before 0.44 likewise the body of any
//   request that is answered without reading it, but a GET's or HEAD's: with a body those are refused, 400, and their
//   connection is closed. Where each connection is one browser's, and only there, you may allow more afterwards:
//   server.set_keep_alive_max_count().
// - Requests that two parsers may read differently are refused, and what costs more than it says (refusalOf in
//   <ironjar/web/request_framing.hpp>): {"reason": …} with the status.
// - A handler's exception is a 500 {"reason": "internal_error"}, without the exception's text.
class HardenedServer {
 public:
  explicit HardenedServer(httplib::Server& server, const HardenedServerOptions& options = {})
      : server_(&server),
        maxBodySize_(options.maxBodySize),
        prefixes_(std::make_shared<std::vector<std::string>>()),
        onException_(options.onException) {
    if (options.maxBodySize == 0 || options.maxPathSize == 0 || options.threads == 0)
      throw std::invalid_argument("ironjar: HardenedServerOptions: a limit is 0, so that nothing would be served");
    server.set_keep_alive_max_count(1);
    server.set_payload_max_length(options.maxBodySize);
    // Called when the server begins to accept connections.
    server.new_task_queue = [&server, count = options.threads] {
      detail::listenLonger(server);
      return new detail::WorkerThreads(count);
    };
    server.set_pre_routing_handler([prefixes = prefixes_, maxPathSize = options.maxPathSize, own = options.preRouting](
                                       const httplib::Request& request, httplib::Response& response) {
      return route(request, response, *prefixes, maxPathSize, own);
    });
    server.set_exception_handler([own = options.onException](const httplib::Request& request,
                                                             httplib::Response& response, std::exception_ptr thrown) {
      answerThrown(request, response, std::move(thrown), own);
    });
  }

  // Makes the response what it is for a handler that throws this.
  void answerThrown(const httplib::Request& request, httplib::Response& response, std::exception_ptr thrown) const {
    answerThrown(request, response, std::move(thrown), onException_);
  }

  [[nodiscard]] httplib::Server& server() const { return *server_; }
  [[nodiscard]] std::size_t maxBodySize() const { return maxBodySize_; }

  // Has httplib send the whole response, whatever ranges are asked for: it cuts them out of any body. A Range may be
  // ignored (RFC 9110 section 14.2).
  static void ignoreRanges(const httplib::Request& request) {
    detail::mutableRequest(request).ranges.clear();
    detail::mutableRequest(request).headers.erase("Range");
  }

  // Has a route for just `prefix` get whatever is below it, so that no std::regex meets what a client sends there;
  // `target` stays as it was sent. Not while the server runs.
  void routeAllBelow(const std::string& prefix) const { prefixes_->push_back(prefix); }

  // Whether a pre-routing handler of a HardenedServer has let this request pass.
  [[nodiscard]] static bool admitted(const httplib::Request& request) { return current() == &request; }
  static void refuse(const httplib::Request& request, httplib::Response& response) {
    answer(request, response, {500, "server_not_hardened"});
  }

 private:
  using Outcome = httplib::Server::HandlerResponse;

  // The request that this thread is serving; httplib calls all its handlers on one thread.
  static const httplib::Request*& current() {
    thread_local const httplib::Request* request = nullptr;
    return request;
  }

  static void answer(const httplib::Request& request, httplib::Response& response, const Refusal& refusal) {
    ignoreRanges(request);
    detail::dropBody(response);
    response.status = refusal.status;
    response.headers.erase("Location");
    response.set_header("Cache-Control", "no-store");
    response.set_content(R"({"reason":")" + std::string(refusal.reason) + R"("})", "application/json");
  }

  static void answerThrown(const httplib::Request& request, httplib::Response& response, std::exception_ptr thrown,
                           const httplib::Server::ExceptionHandler& own) {
    answer(request, response, {500, "internal_error"});
    if (own) own(request, response, std::move(thrown));
  }

  // Of a GET or HEAD, which httplib before 0.44 leaves unread.
  static bool hasUnreadBody(const httplib::Request& request) {
    if (detail::httplibVersion >= 44'000 || (request.method != "GET" && request.method != "HEAD")) return false;
    if (request.has_header("Transfer-Encoding")) return true;
    return request.get_header_value("Content-Length").find_first_not_of('0') != std::string::npos;
  }

  static Outcome route(const httplib::Request& request, httplib::Response& response,
                       const std::vector<std::string>& prefixes, std::size_t maxPathSize,
                       const httplib::Server::HandlerWithResponse& own) {
    const auto prefix = std::find_if(prefixes.begin(), prefixes.end(),
                                     [&](const std::string& candidate) { return isBelow(request.target, candidate); });
    const bool isProxied = prefix != prefixes.end();
    std::vector<FieldView> fields;
    for (const auto& [name, value] : request.headers) fields.push_back({name, value});
    // From 0.44 on httplib counts the bytes of chunked bodies, and what comes out of compressed ones. Of what a proxy
    // passes on it reads just the pieces that it is asked for.
    const FramingRules rules = {.maxPathSize = isProxied ? 0 : maxPathSize,
                                .boundsEveryBody = isProxied || detail::httplibVersion >= 44'000};
    auto refusal = refusalOf(
        {.method = request.method, .version = request.version, .path = request.path, .fields = fields}, rules);
    const bool leavesBody = hasUnreadBody(request);
    if (!refusal && leavesBody) refusal = Refusal{400, "unexpected_body"};
    if (refusal) {
      answer(request, response, *refusal);
      if (leavesBody) detail::closeBehind(request, response, std::chrono::seconds{0});
      return Outcome::Handled;
    }
    if (detail::httplibVersion < 44'000) ignoreRanges(request);  // it asks a content provider for what it does not have
    if (own && own(request, response) == Outcome::Handled) return Outcome::Handled;
    if (isProxied) detail::mutableRequest(request).path = *prefix;
    current() = &request;
    return Outcome::Unhandled;
  }

  httplib::Server* server_;
  std::size_t maxBodySize_;
  std::shared_ptr<std::vector<std::string>> prefixes_;
  httplib::Server::ExceptionHandler onException_;
};

}  // namespace ironjar

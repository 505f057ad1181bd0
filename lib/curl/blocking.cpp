// curlTransport: each request is sent on its caller's thread.
#include "base/timer.hpp"
#include "curl/line_pool.hpp"
#include "curl/transfer.hpp"

#include <algorithm>
#include <atomic>

namespace ironjar {
namespace detail {
namespace {

Error unreachable(std::string what) { return fail(Errc::unreachable, std::move(what)); }

// What the copies of one transport share.
class Shared {
 public:
  explicit Shared(TransportOptions options, Lookup lookup)
      : setup(std::make_shared<Setup>(std::move(options), std::move(lookup))),
        pool_(setup->options.maxIdle, maxIdlePerKey(setup->options), setup->options.idleTimeout) {}

  [[nodiscard]] Multi takeMulti() {
    const std::lock_guard lock(mutex_);
    if (multis_.empty()) return Multi(curl_multi_init());
    Multi multi = std::move(multis_.back());
    multis_.pop_back();
    return multi;
  }
  void giveMulti(Multi multi) {
    const std::lock_guard lock(mutex_);
    if (multis_.size() < maxMultis) multis_.push_back(std::move(multi));
  }

  [[nodiscard]] std::shared_ptr<Line> takeLine(const std::string& key) {
    return key.empty() ? nullptr : pool_.take(key);
  }
  void giveLine(std::shared_ptr<Line> line) {
    pool_.give(std::move(line));
    if (!sweeps_.exchange(true)) sweepAt(std::chrono::steady_clock::now() + setup->options.idleTimeout);
  }

  const std::shared_ptr<const Setup> setup;

 private:
  static constexpr std::size_t maxMultis = 64;  // that nobody uses; each has two descriptors

  void sweepAt(Deadline when) {
    if (!timer_.at(when, [this] { sweep(); })) sweeps_ = false;
  }
  void sweep() {
    sweeps_ = false;  // before the look: whoever gives a connection after it begins anew
    if (const auto next = pool_.sweep(); next && !sweeps_.exchange(true)) sweepAt(*next);
  }

  std::mutex mutex_;
  std::vector<Multi> multis_;
  LinePool pool_;
  std::atomic<bool> sweeps_ = false;
  Timer timer_;  // last: its thread uses the above
};

// One request, and its response up to its end.
class Call {
 public:
  Call(std::shared_ptr<Shared> shared, const Request& request, HttpTarget target, BodyReader body, Deadline deadline)
      : shared_(std::move(shared)),
        target_(std::move(target)),
        key_(connectionKey(shared_->setup->options, request, target_)),
        deadline_(deadline),
        transfer_(request, target_, shared_->setup->options,
                  {.isKept = !key_.empty(),
                   .upload = pieces(body),
                   .news = [this] { hasNews_ = true; },
                   .deadline = deadline}) {}
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  ~Call() { leave(); }

  // Up to the response or, when it is streamed, to its head.
  [[nodiscard]] Result<Response> send(bool streams) {
    while (true) {
      std::shared_ptr<Line> line = shared_->takeLine(key_);
      const bool isReused = line != nullptr;
      Addresses addresses;
      if (!isReused) {
        if (auto problem = resolve(addresses)) return *std::move(problem);
        line = std::make_shared<Line>(shared_->setup, target_, key_);
      }
      if (!enter(std::move(line), addresses)) return unreachable("no memory for a connection");
      if (!drive([this] { return transfer_.until(); }, [&] { return streams && transfer_.hasHead(); })) return giveUp();
      if (streams && transfer_.hasHead()) return transfer_.takeHead();
      if (isReused && !transfer_.hasBegun()) {  // it had been closed
        leave();
        continue;
      }
      const auto problem = finish();
      if (problem) return *problem;
      return streams ? transfer_.takeHead() : transfer_.take();
    }
  }

  // After the head; an empty piece is the end.
  [[nodiscard]] Result<std::string> next() {
    if (!transfer_.hasPiece() && !hasFinished_) {
      const Deadline idle = std::chrono::steady_clock::now() + shared_->setup->options.streamIdle;
      if (!drive([idle] { return idle; }, [this] { return transfer_.hasPiece(); })) end_ = giveUp();
    }
    if (transfer_.hasPiece()) return transfer_.takePiece();
    if (!hasFinished_) end_ = finish();
    if (end_) return *end_;
    return std::string();
  }

 private:
  [[nodiscard]] NextPiece pieces(const BodyReader& body) const {
    if (!body) return nullptr;
    return [this, body]() -> Result<std::optional<std::string>> {
      try {
        Result<std::string> piece = body();
        if (!piece) return std::move(piece).error();
        if (!isStreaming_ && std::chrono::steady_clock::now() >= transfer_.until()) {
          return fail(Errc::timeout, "the request was not sent by the deadline");
        }
        return std::optional(*std::move(piece));
      } catch (...) {
        return fail(Errc::malformed, "the body's reader threw an exception");
      }
    };
  }

  [[nodiscard]] std::optional<Error> resolve(Addresses& addresses) const {
    auto found = shared_->setup->resolver.resolve(shared_->setup->peerOf(target_).host, deadline_);
    if (!found) return unreachable("the deadline passed while the host's name was resolved");
    if (found->empty()) return unreachable("the host's name has no address");
    addresses = *std::move(found);
    return std::nullopt;
  }

  [[nodiscard]] bool enter(std::shared_ptr<Line> line, const Addresses& addresses) {
    code_.reset();
    if (!multi_) multi_ = shared_->takeMulti();
    const HttpTarget& peer = shared_->setup->peerOf(target_);
    if (!multi_ || !transfer_.attach(std::move(line), peer, addresses)) return false;
    isIn_ = curl_multi_add_handle(multi_.get(), transfer_.easy()) == CURLM_OK;
    return isIn_;
  }
  // Closes the connection, unless all has been read from it.
  std::shared_ptr<Line> leave() {
    if (isIn_) curl_multi_remove_handle(multi_.get(), transfer_.easy());
    isIn_ = false;
    if (multi_) shared_->giveMulti(std::move(multi_));
    return transfer_.detach();
  }

  // Drives libcurl until it is done, or there is enough. False: neither by `until()`, which may move, or the transfer
  // cannot go on.
  template <class Until, class Enough>
  [[nodiscard]] bool drive(Until until, Enough isEnough) {
    while (!isEnough() && !code_) {
      if (transfer_.problem()) return false;
      int running = 0;
      if (curl_multi_perform(multi_.get(), &running) != CURLM_OK) return false;
      int left = 0;
      if (const CURLMsg* const message = curl_multi_info_read(multi_.get(), &left)) {
        code_ = message->data.result;
        return true;
      }
      if (isEnough() || isOver()) return true;
      if (std::exchange(hasNews_, false)) transfer_.tryNextAddress();
      const auto wait = std::chrono::ceil<std::chrono::milliseconds>(until() - std::chrono::steady_clock::now());
      if (wait.count() <= 0) return false;
      const int time = static_cast<int>(std::min<std::chrono::milliseconds::rep>(wait.count(), 60'000));
      if (curl_multi_poll(multi_.get(), nullptr, 0, time, nullptr) != CURLM_OK) return false;
    }
    return true;
  }
  // The response is there, though the request is still being sent.
  [[nodiscard]] bool isOver() const {
    return transfer_.isComplete() && (transfer_.isUploading() || !transfer_.line()->isHttp2);
  }

  Error giveUp() {
    hasFinished_ = true;
    const Error error = transfer_.problem() ? transfer_.problem().value() : transfer_.late();
    leave();
    return error;
  }
  [[nodiscard]] std::optional<Error> finish() {
    hasFinished_ = true;
    auto problem = transfer_.end(code_.value_or(CURLE_OK));
    const bool mayKeep = !problem && transfer_.mayKeep();
    auto line = leave();  // closes a connection of HTTP/1.1 that libcurl is not done with
    if (mayKeep && line->isOpen()) shared_->giveLine(std::move(line));
    return problem;
  }

  const std::shared_ptr<Shared> shared_;
  const HttpTarget target_;
  const std::string key_;
  const Deadline deadline_;
  Multi multi_;
  std::optional<CURLcode> code_;  // libcurl's, once it is done
  bool isIn_ = false;             // the handle is in multi_
  bool hasFinished_ = false;
  bool hasNews_ = false;
  bool isStreaming_ = false;
  std::optional<Error> end_;  // of the streamed body; nothing: a good one
  Transfer transfer_;

  friend Result<Response> stream(const std::shared_ptr<Call>& call);
};

Result<Response> stream(const std::shared_ptr<Call>& call) {
  Result<Response> response = call->send(true);
  call->isStreaming_ = true;
  if (response) response->bodyReader = [call] { return call->next(); };
  return response;
}

Result<Response> send(const std::shared_ptr<Shared>& shared, const Request& request, Deadline deadline) {
  Result<HttpTarget> target = readTarget(request.url);
  if (!target) return std::move(target).error();
  if (auto problem = Transfer::check(request)) return *std::move(problem);
  BodyReader body;
  try {
    if (hasStreamedBody(request)) body = openBodyOf(request);
  } catch (...) {  // NOLINT(bugprone-empty-catch): there is no body then
  }
  if (hasStreamedBody(request) && !body) return fail(Errc::malformed, "the body cannot be read again");
  if (std::chrono::steady_clock::now() >= deadline) return unreachable("no time left to send the request");
  if (!request.streamsResponse) return Call(shared, request, *std::move(target), body, deadline).send(false);
  return stream(std::make_shared<Call>(shared, request, *std::move(target), body, deadline));
}

}  // namespace

Transport makeCurlTransport(TransportOptions options, Lookup lookup) {
  const auto shared = std::make_shared<Shared>(std::move(options), std::move(lookup));
  return [shared](const Request& request, Deadline deadline) { return send(shared, request, deadline); };
}

}  // namespace detail

Transport curlTransport(TransportOptions options) {
  return detail::makeCurlTransport(std::move(options), detail::systemLookup);
}

}  // namespace ironjar

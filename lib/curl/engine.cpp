#include "curl/engine.hpp"

#include <new>

namespace ironjar::detail {
namespace {

constexpr std::size_t readerThreads = 8;
constexpr std::size_t maxReaders = 10'000;  // that wait for one

}  // namespace

Job::Job(const Request& request, HttpTarget to, const Setup& setup, Deadline until, std::stop_token stopped,
         ResponseHandler handler, AsyncBodyReader body)
    : target(std::move(to)),
      key(connectionKey(setup.options, request, target)),
      streams(request.streamsResponse),
      upload(std::move(body)),
      stop(std::move(stopped)),
      done(std::move(handler)),
      transfer(request, target, setup.options,
               {.isKept = !key.empty(),
                .upload = upload ? NextPiece([this] { return nextPiece(); }) : nullptr,
                .news = [this] { engine->touch(*this); },
                .deadline = until}) {}

// Called within libcurl, where the body's reader must not be.
Result<std::optional<std::string>> Job::nextPiece() {
  if (uploading == Upload::there) {
    uploading = Upload::none;
    if (!uploadPiece) return uploadPiece.error();
    return std::optional(*std::move(uploadPiece));
  }
  if (uploading == Upload::none) {
    uploading = Upload::wanted;
    engine->touch(*this);
  }
  return std::optional<std::string>();
}

Engine::Engine(TransportOptions options, Lookup lookup)
    : setup_(std::make_shared<Setup>(std::move(options), std::move(lookup))),
      pool_(setup_->options.maxIdle, maxIdlePerKey(setup_->options), setup_->options.idleTimeout),
      readers_(readerThreads, maxReaders) {}

void Engine::run() {
  loop_.run([this](CURL* easy, CURLcode code) { ended(easy, code); }, [this] { lookAtTouched(); });
  const std::set<Pointer> dropped = std::exchange(jobs_, {});
  for (const Pointer& job : dropped) {
    leave(*job);
    job->onStop.reset();
    job->done = nullptr;
    job->reader = nullptr;
  }
  touched_.clear();
  shared_.clear();
}

void Engine::start(const Pointer& job) {
  job->engine = this;
  loop_.post([this, job] { begin(job); });
}

void Engine::begin(const Pointer& job) {
  jobs_.insert(job);
  const std::weak_ptr<Job> weak = job;
  watch(*job);
  // The token is the caller's, and may outlive this engine.
  job->onStop.emplace(job->stop, [engine = weak_from_this(), weak] {
    const auto self = engine.lock();
    if (!self) return;
    try {
      self->loop_.post([raw = self.get(), weak] {
        if (const auto stopped = weak.lock()) raw->giveUp(*stopped, fail(Errc::cancelled));
      });
    } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): its deadline ends it
    }
  });
  if (job->upload) askUpload(*job);
  if (!loop_.isStopping()) send(*job);
}

// Ends it at its deadline, wherever that has moved to.
void Engine::watch(Job& job) {
  job.timer = loop_.at(job.transfer.until(), [this, weak = job.weak_from_this()] {
    const auto watched = weak.lock();
    if (!watched) return;
    const bool isLate = std::chrono::steady_clock::now() >= watched->transfer.until();
    isLate ? giveUp(*watched, watched->transfer.late()) : watch(*watched);
  });
}

// Over a connection that is there, or a new one.
void Engine::send(Job& job) {
  job.isReused = true;
  if (job.isShareable() && !job.sharesNot) {
    const auto found = shared_.find(job.key);
    if (found != shared_.end() && found->second->isOpen()) {
      job.sharesNot = true;  // should there be no room
      return enter(job, found->second, {});
    }
  }
  if (auto line = job.key.empty() ? nullptr : pool_.take(job.key)) {
    if (job.isShareable()) share(line);
    return enter(job, std::move(line), {});
  }
  job.isReused = false;
  const std::weak_ptr<Job> weak = job.weak_from_this();
  setup_->resolver.resolve(setup_->peerOf(job.target).host, [engine = weak_from_this(), weak](Addresses addresses) {
    const auto self = engine.lock();
    if (!self) return;
    self->loop_.post([raw = self.get(), weak, addresses = std::move(addresses)] {
      const auto resolved = weak.lock();
      if (resolved && resolved->done) raw->connect(*resolved, addresses);
    });
  });
}

void Engine::connect(Job& job, const Addresses& addresses) {
  if (addresses.empty()) return giveUp(job, fail(Errc::unreachable, "the host's name has no address"));
  enter(job, std::make_shared<Line>(setup_, job.target, job.key), addresses);
}

void Engine::enter(Job& job, std::shared_ptr<Line> line, const Addresses& addresses) {
  job.isIn = job.transfer.attach(std::move(line), setup_->peerOf(job.target), addresses) &&
             curl_multi_add_handle(loop_.multi(), job.transfer.easy()) == CURLM_OK;
  if (!job.isIn) return giveUp(job, fail(Errc::unreachable, "no memory for a connection"));
  running_.emplace(job.transfer.easy(), job.shared_from_this());
}

void Engine::ended(CURL* easy, CURLcode code) {
  const auto found = running_.find(easy);
  if (found == running_.end()) return;
  const Pointer job = found->second;
  if (job->isReused && !job->transfer.hasBegun()) {  // it had been closed, or has no room
    const auto line = leave(*job);
    if (line && !line->isOpen()) giveLine(line, false);
    return send(*job);
  }
  finish(*job, code);
}

void Engine::touch(Job& job) {
  if (job.isTouched) return;
  job.isTouched = true;
  touched_.push_back(job.shared_from_this());
}

void Engine::lookAtTouched() {
  while (!touched_.empty() && !loop_.isStopping()) {
    const std::vector<Pointer> now = std::exchange(touched_, {});
    for (const Pointer& job : now) {
      job->isTouched = false;
      if (!loop_.isStopping()) look(*job);
    }
  }
}

void Engine::look(Job& job) {
  if (job.uploading == Job::Upload::wanted) askUpload(job);
  if (!job.isIn) return;
  if (job.transfer.problem()) return giveUp(job, *job.transfer.problem());
  job.transfer.tryNextAddress();
  if (job.isShareable()) share(job.transfer.line());
  // The response is there, though the request is still being sent.
  if (job.transfer.isComplete() && (job.transfer.isUploading() || !job.transfer.line()->isHttp2)) {
    return finish(job, CURLE_OK);
  }
  if (!job.streams || !job.transfer.hasHead()) return;
  if (job.done) deliverHead(job);
  if (!loop_.isStopping()) givePiece(job);
}

// Whoever comes next may use this connection, too, if it is of HTTP/2.
void Engine::share(const std::shared_ptr<Line>& line) {
  if (!line->isHttp2 || !line->isOpen()) return;
  std::shared_ptr<Line>& shared = shared_[line->key()];
  if (!shared || !shared->isOpen()) shared = line;
}

// libcurl is done with it, or is made to be: then leave() closes a connection of HTTP/1.1.
void Engine::finish(Job& job, CURLcode code) {
  auto problem = job.transfer.end(code);
  const bool mayKeep = !problem && job.transfer.mayKeep();
  giveLine(leave(job), mayKeep);
  if (!job.streams) {
    return complete(job, problem ? Result<Response>(*std::move(problem)) : Result<Response>(job.transfer.take()));
  }
  if (!job.transfer.hasHead() && job.done) return complete(job, *std::move(problem));
  job.end = std::move(problem);
  if (job.done) deliverHead(job);
  if (!loop_.isStopping()) endBody(job);
}

void Engine::giveUp(Job& job, Error error) {
  const auto line = leave(job);
  giveLine(line, line && line->isHttp2 && error.code == Errc::cancelled);
  if (job.done) return complete(job, std::move(error));
  job.end = std::move(error);
  endBody(job);
}

std::shared_ptr<Line> Engine::leave(Job& job) {
  if (job.isIn) {
    running_.erase(job.transfer.easy());
    curl_multi_remove_handle(loop_.multi(), job.transfer.easy());
  }
  job.isIn = false;
  return job.transfer.detach();
}

// Of a connection that several requests use, the last one's end decides.
void Engine::giveLine(const std::shared_ptr<Line>& line, bool mayKeep) {
  if (!line || line->key().empty()) return;
  if (const auto found = shared_.find(line->key()); found != shared_.end() && found->second == line) {
    if (line->inUse > 0 && mayKeep) return;
    shared_.erase(found);
  }
  if (line->inUse > 0 || !line->isOpen() || !mayKeep) return;
  pool_.give(line);
  if (std::exchange(sweeps_, true)) return;
  static_cast<void>(loop_.at(std::chrono::steady_clock::now() + setup_->options.idleTimeout, [this] { sweep(); }));
}

void Engine::sweep() {
  const auto next = pool_.sweep();
  sweeps_ = next.has_value();
  if (next) static_cast<void>(loop_.at(*next, [this] { sweep(); }));
}

void Engine::complete(Job& job, Result<Response> result) {
  loop_.cancel(job.timer);
  job.onStop.reset();
  const ResponseHandler done = std::exchange(job.done, nullptr);
  const Pointer self = job.shared_from_this();
  jobs_.erase(self);
  if (done) completeSafely(done, std::move(result));
}

}  // namespace ironjar::detail

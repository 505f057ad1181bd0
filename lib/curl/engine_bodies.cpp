// Bodies that flow: up, as their reader gives them, and down, as somebody asks for them.
#include "curl/engine.hpp"
#include "http/sending.hpp"

namespace ironjar::detail {
namespace {

Error gone() { return fail(Errc::transport, "the transport has gone"); }

// Held by whoever may read a response's body; the connection is closed with the last copy.
struct StreamedBody {
  std::weak_ptr<Engine> engine;
  std::shared_ptr<Job> job;

  StreamedBody(std::weak_ptr<Engine> of, std::shared_ptr<Job> with) : engine(std::move(of)), job(std::move(with)) {}
  StreamedBody(const StreamedBody&) = delete;
  StreamedBody& operator=(const StreamedBody&) = delete;
  ~StreamedBody() {
    if (const auto alive = engine.lock()) alive->drop(job);
  }
};

Piece readSafely(const BodyReader& reader) {
  try {
    return reader();
  } catch (...) {
    return fail(Errc::malformed, "the body's reader threw an exception");
  }
}

}  // namespace

AsyncBodyReader Engine::onThreads(BodyReader reader) {
  return readingOn(
      std::move(reader), [this](std::function<void()> read) { return readers_.post(std::move(read)); }, readSafely);
}

void Engine::askUpload(Job& job) {
  job.uploading = Job::Upload::asked;
  const auto take = [this, weak = job.weak_from_this()](Piece piece) {
    const auto self = weak.lock();
    if (!self || self->uploading != Job::Upload::asked) return;
    self->uploading = Job::Upload::there;
    self->uploadPiece = std::move(piece);
    if (!self->isIn) return;
    self->transfer.resumeUpload();
    touch(*self);
  };
  const auto done = [engine = weak_from_this(), take](Piece piece) {
    const auto self = engine.lock();
    if (self) self->loop_.post([take, piece = std::move(piece)]() mutable { take(std::move(piece)); });
  };
  const auto once = exactlyOnce<Piece>(done, fail(Errc::transport, "the body's reader gave nothing"));
  try {
    job.upload(once);
  } catch (...) {
    once(fail(Errc::malformed, "the body's reader threw an exception"));
  }
}

void Engine::deliverHead(Job& job) {
  Response response = job.transfer.takeHead();
  const auto body = std::make_shared<StreamedBody>(weak_from_this(), job.shared_from_this());
  response.asyncBodyReader = [body](std::function<void(Piece)> reader) {
    const auto engine = body->engine.lock();
    if (engine) return engine->want(body->job, std::move(reader));
    completeSafely<Piece>(reader, gone());
  };
  loop_.cancel(job.timer);
  job.onStop.reset();
  const ResponseHandler done = std::exchange(job.done, nullptr);
  completeSafely<Result<Response>>(done, std::move(response));
}

void Engine::want(const Pointer& job, std::function<void(Piece)> reader) {
  const bool isPosted = loop_.post([this, job, reader] {
    job->reader = reader;
    givePiece(*job);
    if (!job->reader || loop_.isStopping()) return;
    const Deadline until = std::chrono::steady_clock::now() + setup_->options.streamIdle;
    job->timer = loop_.at(until, [this, weak = std::weak_ptr(job)] {
      if (const auto idle = weak.lock()) giveUp(*idle, idle->transfer.late());
    });
  });
  if (!isPosted) completeSafely<Piece>(reader, gone());
}

void Engine::givePiece(Job& job) {
  if (!job.reader || !(job.transfer.hasPiece() || job.isOver)) return;
  loop_.cancel(job.timer);
  const auto reader = std::exchange(job.reader, nullptr);
  if (job.transfer.hasPiece()) {
    std::string piece = job.transfer.takePiece();
    if (job.isIn) touch(job);  // libcurl has gone on
    return completeSafely<Piece>(reader, std::move(piece));
  }
  completeSafely<Piece>(reader, job.end ? Piece(*job.end) : Piece(std::string()));
}

void Engine::endBody(Job& job) {
  job.isOver = true;
  const Pointer self = job.shared_from_this();
  jobs_.erase(self);
  givePiece(job);
}

void Engine::drop(const Pointer& job) {
  loop_.post([this, job] {
    if (job->isOver) return;
    giveLine(leave(*job), false);
    job->end = fail(Errc::cancelled, "the response has gone");
    endBody(*job);
  });
}

}  // namespace ironjar::detail

// Any number of requests on one thread.
#pragma once

#include "base/completion.hpp"
#include "base/worker_pool.hpp"
#include "curl/line_pool.hpp"
#include "curl/multi_loop.hpp"
#include "curl/transfer.hpp"

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <vector>

namespace ironjar::detail {

using Piece = Result<std::string>;

class Engine;

// One request, and what has come of its response. Used on the engine's thread, once it has been started.
struct Job : std::enable_shared_from_this<Job> {
  Job(const Request& request, HttpTarget target, const Setup& setup, Deadline until, std::stop_token stopped,
      ResponseHandler handler, AsyncBodyReader body);

  [[nodiscard]] bool isShareable() const { return !key.empty() && !streams && !upload; }
  [[nodiscard]] Result<std::optional<std::string>> nextPiece();

  Engine* engine = nullptr;  // its own, from its start on
  const HttpTarget target;
  const std::string key;
  const bool streams;
  const AsyncBodyReader upload;
  const std::stop_token stop;
  ResponseHandler done;  // empty once it has been called
  Transfer transfer;

  std::optional<std::stop_callback<std::function<void()>>> onStop = {};
  std::optional<MultiLoop::Ticket> timer = {};  // of the deadline, then of the next piece
  bool isIn = false;                            // libcurl has it
  bool isReused = false;                        // its connection has served others before
  bool sharesNot = false;                       // a connection that others use has no room for it
  bool isTouched = false;

  enum class Upload { none, wanted, asked, there };
  Upload uploading = Upload::none;
  Piece uploadPiece = std::string();

  std::function<void(Piece)> reader = {};  // of the streamed body, who waits for a piece
  bool isOver = false;
  std::optional<Error> end = {};  // of the streamed body; nothing: a good one
};

class Engine : public std::enable_shared_from_this<Engine> {
 public:
  Engine(TransportOptions options, Lookup lookup);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // From any thread.
  void start(const std::shared_ptr<Job>& job);
  void want(const std::shared_ptr<Job>& job, std::function<void(Piece)> reader);  // the streamed body's next piece
  void drop(const std::shared_ptr<Job>& job);                                     // nobody reads the streamed body
  void stop() { loop_.stop(); }
  [[nodiscard]] const Setup& setup() const { return *setup_; }
  // A reader that blocks, on a thread that it may block.
  [[nodiscard]] AsyncBodyReader onThreads(BodyReader reader);

  // The thread's: until stop().
  void run();
  void touch(Job& job);

 private:
  using Pointer = std::shared_ptr<Job>;

  void begin(const Pointer& job);
  void watch(Job& job);
  void send(Job& job);
  void connect(Job& job, const Addresses& addresses);
  void enter(Job& job, std::shared_ptr<Line> line, const Addresses& addresses);
  void ended(CURL* easy, CURLcode code);
  void lookAtTouched();
  void look(Job& job);
  void share(const std::shared_ptr<Line>& line);
  void finish(Job& job, CURLcode code);
  void giveUp(Job& job, Error error);
  std::shared_ptr<Line> leave(Job& job);
  void giveLine(const std::shared_ptr<Line>& line, bool mayKeep);
  void complete(Job& job, Result<Response> result);
  void deliverHead(Job& job);
  void givePiece(Job& job);
  void endBody(Job& job);
  void askUpload(Job& job);
  void sweep();

  const std::shared_ptr<const Setup> setup_;
  MultiLoop loop_;
  LinePool pool_;
  bool sweeps_ = false;
  std::set<Pointer> jobs_;  // all that are not over
  std::unordered_map<CURL*, Pointer> running_;
  std::map<std::string, std::shared_ptr<Line>> shared_;  // HTTP/2 connections in use, which take more requests
  std::vector<Pointer> touched_;
  WorkerPool readers_;
};

}  // namespace ironjar::detail

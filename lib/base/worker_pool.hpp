// A few threads for work that must not end with the request that started it.
#pragma once

#include <functional>
#include <memory>
#include <thread>
#include <unistd.h>
#include <vector>

namespace ironjar::detail {

// Threads start as they are needed. What a job throws is dropped, with the job. In a child of fork(), which has none of
// the threads, no job runs.
class WorkerPool {
 public:
  WorkerPool(std::size_t threads, std::size_t maxQueue);
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;
  ~WorkerPool() { close(); }

  // False when the job will not run: no thread can be had, the queue is full, the pool is closed or another process'.
  [[nodiscard]] bool post(std::function<void()> job);
  // Lets running jobs finish and drops waiting ones, for good. May be called at the end of a job: its thread then ends
  // by itself.
  void close();

 private:
  struct Queue;
  [[nodiscard]] bool grow();

  std::shared_ptr<Queue> queue_;
  std::vector<std::thread> threads_;
  std::size_t most_;
  std::size_t maxQueue_;
  const pid_t process_ = ::getpid();
};

}  // namespace ironjar::detail

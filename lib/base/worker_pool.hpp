// A few threads for work that must not end with the request that started it.
#pragma once

#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace ironjar::detail {

// Threads start as they are needed. Jobs must not throw.
class WorkerPool {
 public:
  WorkerPool(std::size_t threads, std::size_t maxQueue);
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;
  ~WorkerPool() { close(); }

  // False when the job will not run: no thread can be had, the queue is full, or the pool is closed.
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
};

}  // namespace ironjar::detail

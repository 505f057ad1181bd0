// A few threads for work that must not end with the request that started it.
#pragma once

#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace ironjar::detail {

// Threads start as they are needed. Jobs must not throw. The destructor lets running jobs finish and drops waiting
// ones; it may itself run at the end of a job, when that held the last reference to the pool's owner.
class WorkerPool {
 public:
  WorkerPool(std::size_t threads, std::size_t maxQueue);
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;
  ~WorkerPool();

  // False when the job will not run: no thread can be had, the queue is full, or the pool is going.
  [[nodiscard]] bool post(std::function<void()> job);

 private:
  struct Queue;
  [[nodiscard]] bool grow();

  std::shared_ptr<Queue> queue_;
  std::vector<std::thread> threads_;
  std::size_t most_;
  std::size_t maxQueue_;
};

}  // namespace ironjar::detail

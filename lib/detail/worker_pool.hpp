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
  explicit WorkerPool(std::size_t threads);
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;
  ~WorkerPool();

  void post(std::function<void()> job);

 private:
  struct Queue;

  std::shared_ptr<Queue> queue_;
  std::vector<std::thread> threads_;
  std::size_t most_;
};

}  // namespace ironjar::detail

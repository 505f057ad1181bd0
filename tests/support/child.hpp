// What happens in a child of fork(), which has none of its parent's threads.
#pragma once

#include <chrono>
#include <csignal>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace support {

// Whether `run` returns true there, in half a minute.
template <class Run>
[[nodiscard]] bool endsInChild(const Run& run) {
  const pid_t child = ::fork();
  if (child < 0) return false;
  if (child == 0) ::_exit(run() ? 0 : 1);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{30};
  int status = -1;
  while (::waitpid(child, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > deadline) {
      ::kill(child, SIGKILL);
      ::waitpid(child, &status, 0);
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  return status == 0;
}

}  // namespace support

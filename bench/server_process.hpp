// A server that a benchmark starts as a process of its own, and what can be seen of it from outside.
#pragma once

#include <chrono>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace bench {

// `PROGRAM KIND UPSTREAM`, which prints its port; killed with the object.
class ServerProcess {
 public:
  ServerProcess(const char* program, const char* kind, int upstream) {
    int out[2];
    if (::pipe(out) != 0) throw std::runtime_error("no pipe");
    const std::string port = std::to_string(upstream);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(out[1], STDOUT_FILENO);
      ::execl(program, program, kind, port.c_str(), nullptr);
      ::_exit(127);
    }
    ::close(out[1]);
    std::FILE* const printed = ::fdopen(out[0], "r");
    if (std::fscanf(printed, "%d", &port_) != 1) throw std::runtime_error("the server did not start");
    std::fclose(printed);
  }
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;
  ~ServerProcess() {
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }
  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] long threads() const { return status("Threads:"); }
  // Of resident memory: now, and at most since forgetPeak().
  [[nodiscard]] long kibibytes() const { return status("VmRSS:"); }
  [[nodiscard]] long peakKibibytes() const { return status("VmHWM:"); }
  void forgetPeak() const { std::ofstream("/proc/" + std::to_string(pid_) + "/clear_refs") << "5"; }
  // Of all its threads, in user mode and in the kernel.
  [[nodiscard]] std::chrono::nanoseconds processorTime() const {
    clockid_t clock{};
    timespec time{};
    if (::clock_getcpuclockid(pid_, &clock) != 0 || ::clock_gettime(clock, &time) != 0)
      throw std::runtime_error("the server has gone");
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
  }

 private:
  [[nodiscard]] long status(const std::string& wanted) const {
    std::ifstream file("/proc/" + std::to_string(pid_) + "/status");
    for (std::string word; file >> word;) {
      long value = 0;
      if (word == wanted && file >> value) return value;
    }
    return 0;
  }
  pid_t pid_ = -1;
  int port_ = 0;
};

}  // namespace bench

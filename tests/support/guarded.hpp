// Memory that ends where no byte can be read or written: what goes beyond it ends the program, under any compiler.
#pragma once

#include <cstddef>
#include <span>
#include <stdexcept>
#include <sys/mman.h>
#include <unistd.h>

namespace support {

class Guarded {
 public:
  explicit Guarded(std::size_t most)
      : page_(static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))), size_((most + page_ - 1) / page_ * page_) {
    memory_ = ::mmap(nullptr, size_ + page_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory_ == MAP_FAILED || ::mprotect(begin() + size_, page_, PROT_NONE) != 0) {
      throw std::runtime_error("no guarded memory");
    }
  }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;
  ~Guarded() { ::munmap(memory_, size_ + page_); }

  // The last `size` bytes before the end; each call gives the same memory.
  [[nodiscard]] std::span<unsigned char> last(std::size_t size) const { return {begin() + (size_ - size), size}; }

 private:
  [[nodiscard]] unsigned char* begin() const { return static_cast<unsigned char*>(memory_); }

  std::size_t page_;
  std::size_t size_;
  void* memory_;
};

}  // namespace support

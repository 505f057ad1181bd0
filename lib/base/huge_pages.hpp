// Memory for a large table that is read at random: in huge pages, where the system gives them to who asks. With small
// ones a good part of each cache miss goes into finding out where its page is.
#pragma once

#include <cstddef>
#include <new>
#include <sys/mman.h>

namespace ironjar::detail {

template <class T>
struct HugePages {
  using value_type = T;

  T* allocate(std::size_t count) {
    const std::size_t size = count * sizeof(T);
    void* const memory = ::operator new(size, alignmentOf(size));
#ifdef MADV_HUGEPAGE
    if (size >= page) static_cast<void>(::madvise(memory, size, MADV_HUGEPAGE));  // or small ones, then
#endif
    return static_cast<T*>(memory);
  }
  void deallocate(T* memory, std::size_t count) noexcept { ::operator delete(memory, alignmentOf(count * sizeof(T))); }

  friend bool operator==(const HugePages&, const HugePages&) = default;

 private:
  static constexpr std::size_t page = std::size_t{2} << 20U;

  static std::align_val_t alignmentOf(std::size_t size) { return std::align_val_t{size < page ? alignof(T) : page}; }
};

}  // namespace ironjar::detail

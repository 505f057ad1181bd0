// C handles: freed where they go out of scope.
#pragma once

#include <memory>

namespace ironjar::detail {

template <auto free>
struct Freed {
  template <class T>
  void operator()(T* handle) const noexcept {
    free(handle);
  }
};

template <class T, auto free>
using Handle = std::unique_ptr<T, Freed<free>>;

}  // namespace ironjar::detail

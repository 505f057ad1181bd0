// What a child of fork() does with what it has of its parent's threads: it never waits for one, and frees nothing.
#pragma once

#include <new>
#include <utility>

namespace ironjar::detail {

template <class Pointer>
void leave(Pointer& held) noexcept {
  static_cast<void>(new (std::nothrow) Pointer(std::move(held)));  // NOLINT(cppcoreguidelines-owning-memory): see above
}

}  // namespace ironjar::detail

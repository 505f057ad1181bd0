// What each thread makes once and keeps, because making it allocates.
#pragma once

namespace ironjar::detail {

// The thread's own T, made when it is first asked for. Null when the thread is past it already, at its end.
template <class T>
T* threadLocalOrNull() {
  static thread_local bool gone = false;  // no destructor: it can be read to the end
  struct Owner {
    Owner() = default;
    ~Owner() { gone = true; }
    Owner(const Owner&) = delete;
    Owner& operator=(const Owner&) = delete;
    T value;
  };
  static thread_local Owner own;
  return gone ? nullptr : &own.value;
}

}  // namespace ironjar::detail

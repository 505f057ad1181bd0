// What each thread makes once and keeps, because making it allocates.
#pragma once

namespace ironjar::detail {

// The thread's own T, made when it is first asked for. Null when the thread is past it already, at its end.
template <class T>
T* kept() {
  static thread_local bool gone = false;  // no destructor: it can be read to the end
  struct Kept {
    Kept() = default;
    ~Kept() { gone = true; }
    Kept(const Kept&) = delete;
    Kept& operator=(const Kept&) = delete;
    T value;
  };
  static thread_local Kept own;
  return gone ? nullptr : &own.value;
}

}  // namespace ironjar::detail

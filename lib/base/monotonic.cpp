#include "base/time.hpp"

namespace ironjar::detail {

MonotonicTime monotonicNow() { return std::chrono::steady_clock::now(); }

}  // namespace ironjar::detail

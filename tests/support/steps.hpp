// What one end may only do once the other has seen what came before.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <future>

namespace support {

class Steps {
 public:
  bool wait(std::size_t step) {
    return steps_.at(step).get_future().wait_for(std::chrono::seconds{10}) == std::future_status::ready;
  }
  void allow(std::size_t step) { steps_.at(step).set_value(); }

 private:
  std::array<std::promise<void>, 3> steps_;
};

}  // namespace support

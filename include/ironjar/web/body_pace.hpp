// How slowly the body of a request may come. Decisions only; an adapter that reads bodies piece by piece asks.
//
// Example:
//   ironjar::BodyPace pace(std::chrono::seconds{30});
//   const auto longest = pace.left();  // that the next read may take; not positive: 408
//   pace.came(1024);
//   pace.waited(std::chrono::milliseconds{20});
#pragma once

#include <chrono>
#include <cstdint>

namespace ironjar {

// A time limit for one read begins anew with each byte, so that a client can hold a connection, or a thread, with very
// few of them. This one is for the whole body: what its bytes may take at 16 KiB in `piece`, 26 kbit/s unless told, and
// `spare` beyond that in all. Only the time counts in which somebody waits for them. Not thread-safe.
class BodyPace {
 public:
  using Duration = std::chrono::steady_clock::duration;

  explicit BodyPace(Duration spare, Duration piece = std::chrono::seconds{5}) : spare_(spare), piece_(piece) {}

  void came(std::uint64_t bytes) { bytes_ += bytes; }  // those that frame chunks included
  void waited(Duration time) { waited_ += time; }
  // Of the time for what has not come; not positive: too slow.
  [[nodiscard]] Duration left() const {
    return spare_ + piece_ * static_cast<std::int64_t>(bytes_ / bytesInPiece) - waited_;
  }

 private:
  static constexpr std::uint64_t bytesInPiece = 16 * 1024;

  Duration spare_;
  Duration piece_;
  Duration waited_{0};
  std::uint64_t bytes_ = 0;
};

}  // namespace ironjar

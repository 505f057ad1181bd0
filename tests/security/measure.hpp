// Runs inputs where they do no harm, and says what they cost: each in a process of its own, on a thread with the stack
// of a small server.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace worst {

// What is measured; what made it is not.
using Call = std::function<void()>;

// Milliseconds for each megabyte, beside 5 ms for whatever comes. A JSON value may be two bytes and takes two
// allocations, so a body of an upstream is allowed more, which no visitor sends.
inline constexpr double ofText = 100;
inline constexpr double ofJson = 800;

inline constexpr std::size_t mostMeasured = 5;              // calls
inline constexpr std::size_t mostCalls = 2 + mostMeasured;  // with those before

struct Family {
  std::string entry;                                // the function that reads it
  std::string input;                                // what is bad about it
  std::function<std::string(std::size_t)> make;     // about so many bytes
  std::function<Call(const std::string&)> prepare;  // what calls the entry with it
  std::vector<std::size_t> sizes;
  double perMegabyte = ofText;
  double atLeast = 5;
};

struct Cost {
  std::size_t bytes = 0;
  double milliseconds = 0;  // of the processor's time, the median of several calls
  double least = 0;         // of the same calls
  double mebibytes = 0;     // that the first call took over what was there
  std::string end;          // empty, or how the process ended instead
};

struct Row {
  const Family* family = nullptr;
  Cost cost;                        // of the input that comes closest to its bound
  double growth = 0;                // of the time when the input doubles; 0: too short to tell
  std::vector<std::string> broken;  // the bounds
};

[[nodiscard]] double boundFor(const Family& family, std::size_t bytes);
[[nodiscard]] Row measure(const Family& family);

void addCookies(std::vector<Family>& families);
void addSeals(std::vector<Family>& families);
void addJson(std::vector<Family>& families);
void addUpstream(std::vector<Family>& families);
void addWeb(std::vector<Family>& families);

// ---- inputs

inline constexpr std::size_t KiB = 1024;
inline constexpr std::size_t MiB = 1024 * KiB;
inline const std::vector<std::size_t> headerSizes = {4 * KiB, 8 * KiB, 64 * KiB,
                                                     128 * KiB};  // the last ones: no server
inline const std::vector<std::size_t> bodySizes = {64 * KiB, 512 * KiB, MiB};

// `piece`, as often as it fits; then `end`.
[[nodiscard]] inline std::function<std::string(std::size_t)> repeated(std::string piece, std::string begin = "",
                                                                      std::string end = "") {
  return [=](std::size_t bytes) {
    std::string text = begin;
    while (text.size() + piece.size() + end.size() <= bytes) text += piece;
    return text + end;
  };
}
// Pieces that differ: each made with its number.
[[nodiscard]] inline std::function<std::string(std::size_t)> numbered(std::function<std::string(std::size_t)> piece,
                                                                      std::string begin = "", std::string end = "") {
  return [=](std::size_t bytes) {
    std::string text = begin;
    for (std::size_t i = 0; text.size() + end.size() < bytes; ++i) text += piece(i);
    return text + end;
  };
}
// As many openings as closings.
[[nodiscard]] inline std::function<std::string(std::size_t)> nested(std::string open, std::string middle,
                                                                    std::string close) {
  return [=](std::size_t bytes) {
    std::string text;
    const std::size_t levels = bytes / (open.size() + close.size());
    for (std::size_t i = 0; i < levels; ++i) text += open;
    text += middle;
    for (std::size_t i = 0; i < levels; ++i) text += close;
    return text;
  };
}

}  // namespace worst

// A history as a person reads it: a column for each who takes part, time downwards, messages as arrows.
#pragma once

#include "sim/schedule.hpp"

#include <string>
#include <vector>

namespace sim {

class Diagram {
 public:
  explicit Diagram(std::vector<std::string> columns) : columns_(std::move(columns)) {}

  // From one column to another; the same one: it happens there.
  void add(Millis at, std::size_t from, std::size_t to, std::string text) {
    lines_.push_back({at, from, to, std::move(text)});
  }
  [[nodiscard]] std::string text() const;

 private:
  struct Line {
    Millis at;
    std::size_t from;
    std::size_t to;
    std::string text;
  };

  std::vector<std::string> columns_;
  std::vector<Line> lines_;
};

}  // namespace sim

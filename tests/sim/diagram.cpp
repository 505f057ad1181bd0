#include "sim/diagram.hpp"

#include <algorithm>
#include <cstdio>

namespace sim {
namespace {

constexpr std::size_t width = 11;

std::string timeOf(Millis at) {
  char text[24];
  std::snprintf(text, sizeof text, "%10.3f  ", static_cast<double>(at.count()) / 1000);
  return text;
}

}  // namespace

std::string Diagram::text() const {
  std::string out(12, ' ');
  for (const std::string& name : columns_) {
    std::string cell = name.substr(0, width - 1);
    cell.resize(width, ' ');
    out += cell;
  }
  out += "\n";
  for (const Line& line : lines_) {
    std::string row(columns_.size() * width, ' ');
    for (std::size_t i = 0; i < columns_.size(); ++i) row[i * width + 1] = '|';
    const std::size_t from = line.from * width + 1;
    const std::size_t to = line.to * width + 1;
    for (std::size_t i = std::min(from, to) + 1; i < std::max(from, to); ++i) row[i] = '-';
    if (from != to) {
      row[to] = from < to ? '>' : '<';
      row[from] = '+';
    } else {
      row[from] = '*';
    }
    out += timeOf(line.at) + row + line.text + "\n";
  }
  return out;
}

}  // namespace sim

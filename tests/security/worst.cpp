// The worst inputs for everything that reads what anonymous visitors or upstream servers send: how much of the
// processor and of memory each takes, on a stack of 512 KiB.
//
//   ironjar_worst [--markdown] [WORD]     WORD: only entries whose name has it
//
// Exits with 1 when an input takes more than 5 ms and 100 ms for each megabyte of it, more than 64 MiB, grows faster
// than it, or ends the process. Each bad idea is tried at several sizes, the last two the double of one another; the
// row is the largest's.
#include "measure.hpp"

#include <cstdio>
#include <exception>
#include <string_view>
#include <vector>

namespace {

void print(const worst::Row& row, bool isMarkdown) {
  std::string verdict;
  for (const std::string& broken : row.broken) verdict += (verdict.empty() ? "" : ", ") + broken;
  char growth[16] = "";
  if (row.growth > 0) static_cast<void>(std::snprintf(growth, sizeof growth, "%.1f", row.growth));
  std::printf(isMarkdown ? "| %s | %s | %zu | %.2f | %.1f | %.0f | %s | %s |\n"
                         : "%-18s %-44s %8zu %8.2f ms %6.1f MiB %5.0f ms %4s %s\n",
              row.family->entry.c_str(), row.family->input.c_str(), row.cost.bytes, row.cost.milliseconds,
              row.cost.mebibytes, worst::boundFor(*row.family, row.cost.bytes), growth,
              verdict.empty() ? "yes" : verdict.c_str());
  static_cast<void>(std::fflush(stdout));
}

int run(bool isMarkdown, std::string_view word) {
  std::vector<worst::Family> families;
  worst::addCookies(families);
  worst::addSeals(families);
  worst::addJson(families);
  worst::addUpstream(families);
  worst::addWeb(families);
  if (isMarkdown) {
    std::puts(
        "| read by | input | bytes | CPU ms | MiB | bound ms | growth when doubled | ok |\n"
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |");
  }
  std::size_t measured = 0;
  std::vector<worst::Row> beyond;
  for (const worst::Family& family : families) {
    if (family.entry.find(word) == std::string::npos) continue;
    const worst::Row row = worst::measure(family);
    print(row, isMarkdown);
    ++measured;
    if (!row.broken.empty()) beyond.push_back(row);
  }
  std::fprintf(stderr, "%zu inputs, %zu beyond a bound\n", measured, beyond.size());
  for (const worst::Row& row : beyond) print(row, isMarkdown);  // once more, where the end of a long output is read
  return !beyond.empty() || measured == 0 ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    bool isMarkdown = false;
    std::string_view word;
    for (int i = 1; i < argc; ++i) {
      std::string_view(argv[i]) == "--markdown" ? void(isMarkdown = true) : void(word = argv[i]);
    }
    return run(isMarkdown, word);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}

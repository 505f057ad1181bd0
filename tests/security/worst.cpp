// The worst inputs for everything that reads what anonymous visitors or upstream servers send: how much of the
// processor and of memory each takes, on a stack of 512 KiB.
//
//   ironjar_worst [--markdown] [WORD]     WORD: only entries whose name has it
//
// A row for each bad idea; with --markdown the table of .github/SECURITY.md, a row for each entry with its worst. Exits
// with 1 when an input takes more than 5 ms and 100 ms for each megabyte of it, more than 64 MiB, grows faster than it,
// or ends the process. Each idea is tried at several sizes, the last two the double of one another; what is shown is
// the size that comes closest to its bound.
#include "measure.hpp"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <string_view>
#include <vector>

namespace {

void print(const worst::Row& row) {
  std::string verdict;
  for (const std::string& broken : row.broken) verdict += (verdict.empty() ? "" : ", ") + broken;
  char growth[16] = "";
  if (row.growth > 0) static_cast<void>(std::snprintf(growth, sizeof growth, "%.1f", row.growth));
  std::printf("%-18s %-44s %8zu %8.2f ms %6.1f MiB %5.0f ms %4s %s\n", row.family->entry.c_str(),
              row.family->input.c_str(), row.cost.bytes, row.cost.milliseconds, row.cost.mebibytes,
              worst::boundFor(*row.family, row.cost.bytes), growth, verdict.empty() ? "yes" : verdict.c_str());
  static_cast<void>(std::fflush(stdout));
}

// The rows of one entry as one.
void printEntry(const std::vector<worst::Row>& rows) {
  const auto share = [](const worst::Row& row) {
    return row.cost.milliseconds / worst::boundFor(*row.family, row.cost.bytes);
  };
  const worst::Row& slowest =
      *std::max_element(rows.begin(), rows.end(), [&](const auto& a, const auto& b) { return share(a) < share(b); });
  double mebibytes = 0;
  for (const worst::Row& row : rows) mebibytes = std::max(mebibytes, row.cost.mebibytes);
  std::printf("| %s | %zu | %s | %zu | %.2f | %.0f | %.1f |\n", slowest.family->entry.c_str(), rows.size(),
              slowest.family->input.c_str(), slowest.cost.bytes, slowest.cost.milliseconds,
              worst::boundFor(*slowest.family, slowest.cost.bytes), mebibytes);
  static_cast<void>(std::fflush(stdout));
}

int run(bool isMarkdown, std::string_view word) {
  std::vector<worst::Family> families;
  worst::addCookies(families);
  worst::addSeals(families);
  worst::addJson(families);
  worst::addUpstream(families);
  worst::addWeb(families);
  std::erase_if(families, [word](const auto& family) { return family.entry.find(word) == std::string::npos; });
  std::stable_sort(families.begin(), families.end(), [](const auto& a, const auto& b) { return a.entry < b.entry; });
  if (isMarkdown) {
    std::puts(
        "| read by | inputs | the worst of them | bytes | CPU, ms | bound, ms | peak of all, MiB |\n"
        "| --- | ---: | --- | ---: | ---: | ---: | ---: |");
  }
  std::vector<worst::Row> ofEntry;
  std::vector<worst::Row> beyond;
  for (const worst::Family& family : families) {
    if (!ofEntry.empty() && ofEntry.back().family->entry != family.entry) {
      if (isMarkdown) printEntry(ofEntry);
      ofEntry.clear();
    }
    const worst::Row row = worst::measure(family);
    if (!isMarkdown) print(row);
    if (!row.broken.empty()) beyond.push_back(row);
    ofEntry.push_back(row);
  }
  if (isMarkdown && !ofEntry.empty()) printEntry(ofEntry);
  std::fprintf(stderr, "%zu inputs, %zu beyond a bound\n", families.size(), beyond.size());
  for (const worst::Row& row : beyond) print(row);  // once more, where the end of a long output is read
  return !beyond.empty() || families.empty() ? 1 : 0;
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

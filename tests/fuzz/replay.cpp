// Runs a fuzzer's target over every file of the folders named, in order, and over some inputs that no corpus needs to
// hold: nothing, one byte, long runs. Fails when a folder has no file.
#include "fuzz.hpp"

#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <vector>

namespace {

void run(const std::string& input) {
  // Of exactly that size, so that a read beyond it is seen by AddressSanitizer.
  const std::vector<std::uint8_t> exact(input.begin(), input.end());
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t inputs = 0;
  for (int i = 1; i < argc; ++i) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    for (const auto& path : files) {
      std::ifstream file(path, std::ios::binary);
      run({std::istreambuf_iterator<char>(file), {}});
    }
    if (files.empty()) return std::cerr << argv[i] << " is empty\n", 1;
    inputs += files.size();
  }
  run("");
  for (const char c : {'\0', 'a', '=', ';', '{', '[', '\x1e', '\xff'}) {
    run(std::string(1, c));
    run(std::string(4096, c));
  }
  std::cout << inputs << " inputs\n";
  return inputs == 0 ? 1 : 0;
}

// Seals and opens where the end has begun: in destructors of what was made before ironjar's and simdjson's own objects,
// of a thread and of the program. The last destructor gives the exit status.
#include <cstdlib>
#include <string>
#include <thread>

#include <ironjar/ironjar.hpp>

namespace {

constexpr const char* password = "Zk3-first-password-that-is-long-enough-0001";

bool sealsAndOpens(const ironjar::Passwords& passwords) {
  for (const auto format : {ironjar::SealFormat::native, ironjar::SealFormat::fe26}) {
    const ironjar::SealOptions options{.formats = {format}};
    for (const std::size_t size : {0U, 100U, 3'000U, 20'000U}) {
      const ironjar::Json data = {{"text", std::string(size, 'x')}, {"beyondAscii", "ü日"}, {"numbers", {1, -2, 3.5}}};
      const auto seal = ironjar::sealData(data, passwords, options);
      if (!seal) return false;
      const auto opened = ironjar::unsealData(*seal, passwords, options);
      if (!opened || *opened != data) return false;
    }
  }
  if (ironjar::sealData("\xff", passwords)) return false;
  return ironjar::Session().empty();
}

struct OfProgram {
  ironjar::Passwords passwords{password};
  bool good = true;
  OfProgram() = default;
  OfProgram(const OfProgram&) = delete;
  OfProgram& operator=(const OfProgram&) = delete;
  ~OfProgram() { std::_Exit(good && sealsAndOpens(passwords) ? 0 : 1); }
};
OfProgram ofProgram;

struct OfThread {
  OfThread() = default;
  OfThread(const OfThread&) = delete;
  OfThread& operator=(const OfThread&) = delete;
  ~OfThread() {
    if (!sealsAndOpens(ofProgram.passwords)) ofProgram.good = false;
  }
};

void use() {
  static thread_local const OfThread ofThread;
  static_cast<void>(&ofThread);
  if (!sealsAndOpens(ofProgram.passwords)) ofProgram.good = false;
}

}  // namespace

int main() {
  std::thread(use).join();
  use();
  return 2;
}

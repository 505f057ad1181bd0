// Which of the planted faults (list) a run has.
#include <cstdlib>

namespace ironjar::mutants {

bool chosen(int id);

// By IRONJAR_MUTANT; without it, none.
bool chosen(int id) {
  static const int one = [] {
    const char* number = std::getenv("IRONJAR_MUTANT");
    return number == nullptr ? 0 : std::atoi(number);
  }();
  return id == one;
}

}  // namespace ironjar::mutants

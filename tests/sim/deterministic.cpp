#include "sim/deterministic.hpp"

#include "sim/random.hpp"

#include <cstring>

#include <sodium.h>

namespace sim {
namespace {

Random source(0);

const char* name() { return "simulated"; }
std::uint32_t number() { return static_cast<std::uint32_t>(source.next()); }
void fill(void* const out, const std::size_t size) {
  auto* at = static_cast<unsigned char*>(out);
  for (std::size_t left = size; left > 0;) {
    const std::uint64_t drawn = source.next();
    const std::size_t some = left < sizeof drawn ? left : sizeof drawn;
    std::memcpy(at, &drawn, some);
    at += some;
    left -= some;
  }
}

randombytes_implementation implementation = {name, number, nullptr, nullptr, fill, nullptr};

}  // namespace

void seedRandom(std::uint64_t seed) {
  static const int set = randombytes_set_implementation(&implementation);
  static_cast<void>(set);
  source = Random(mixed(seed, "library"));
}

}  // namespace sim

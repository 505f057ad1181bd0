// What the library draws at random follows from a seed.
#pragma once

#include <cstdint>

namespace sim {

// From now on, in this process: identities, nonces and keys too, which are then no secrets.
void seedRandom(std::uint64_t seed);

}  // namespace sim

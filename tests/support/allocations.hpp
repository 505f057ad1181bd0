// Counts calls of operator new, for the programs that allocations.cpp is linked into.
#pragma once

#include <cstddef>

namespace support {

std::size_t allocations();

}  // namespace support

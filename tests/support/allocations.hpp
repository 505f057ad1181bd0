// Counts calls of operator new, and looks at what is given back, for the programs that allocations.cpp is linked into.
#pragma once

#include <cstddef>
#include <string_view>

namespace support {

std::size_t allocations();

// Looks for `text`, which must stay, in every block that is given back from now on; an empty one ends that.
void lookFor(std::string_view text);
// In how many it was.
std::size_t foundGivenBack();

}  // namespace support

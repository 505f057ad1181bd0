// What a seal tells of itself, and what it tells to whom has its password.
#pragma once

#include <string>
#include <string_view>

#include <ironjar/seal.hpp>

namespace ironjar::cli {

struct Inspection {
  std::string report;     // JSON, one member a line
  bool verifies = false;  // and its time has come and is not over
};

// Holds nothing of what was sealed but its size, unless `show`. Without passwords only what stands in clear is told.
[[nodiscard]] Inspection inspectSeal(std::string_view text, const Passwords* passwords, const SealOptions& options,
                                     bool show);

}  // namespace ironjar::cli

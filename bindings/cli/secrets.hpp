// Where the command line takes its passwords and its input from: the environment, files and stdin, and never arguments,
// which every process of the machine can read.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <ironjar/passwords.hpp>

namespace ironjar::cli {

struct Sources {
  std::string passwordEnv = "IRONJAR_PASSWORD";
  std::string passwords;  // a file of lines `id:password`; `-` is stdin
  std::string in = "-";   // the input; `-` is stdin
};

// Nothing when no source holds one. Throws std::invalid_argument with what to change.
[[nodiscard]] std::optional<Passwords> passwordsOf(const Sources& sources);
// The same, where there must be some.
[[nodiscard]] Passwords requirePasswords(const Sources& sources);

// Everything there is, without the white space at its end. Throws std::invalid_argument when it cannot be read or is
// larger than a megabyte.
[[nodiscard]] std::string inputOf(const Sources& sources);

}  // namespace ironjar::cli

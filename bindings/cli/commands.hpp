// What the subcommands do. Each writes its answer to stdout and returns the exit code: 0 for fine, 1 when what came in
// does not verify or cannot be sealed. Mistakes in use are std::invalid_argument.
#pragma once

#include "secrets.hpp"

#include <vector>

#include <ironjar/seal.hpp>

namespace ironjar::cli {

struct Request {
  Sources sources;
  SealOptions options;
  std::vector<SealFormat> formats;  // those that --formats lists; to open, see `opening`
  bool isBound = false;             // --purpose or --context was given
  bool paserk = false;
  bool show = false;
};

int keygen(const Request& request);
int seal(const Request& request);
int unseal(const Request& request);
int inspect(const Request& request);
int rotate(const Request& request);
// One JSON request a line on stdin, one answer a line on stdout, in order.
int jsonl();

}  // namespace ironjar::cli

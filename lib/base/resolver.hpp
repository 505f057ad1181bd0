// Names to addresses, so that nobody waits for the resolver who does not need that name, nor longer than he wants to.
#pragma once

#include "base/completion.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ironjar/types.hpp>

namespace ironjar::detail {

using Addresses = std::vector<std::string>;  // as numbers, in the order in which they are to be tried
// Blocks. Empty when the name has no address.
using Lookup = std::function<Addresses(const std::string& host)>;
[[nodiscard]] Addresses systemLookup(const std::string& host);

// Thread-safe. One thread for each name that is being looked up, whoever asks for it; an answer is given
// for `serves`. The threads are not waited for: they own what they use.
class Resolver {
 public:
  explicit Resolver(Lookup lookup, Seconds serves = Seconds{30});

  // Completes once, at once or later, from any thread: the host's addresses; the host itself, when it is one; empty for
  // no address.
  void resolve(const std::string& host, Completion<Addresses> done) const;
  // The same for who can wait. Nothing when the deadline has passed first.
  [[nodiscard]] std::optional<Addresses> resolve(const std::string& host, Deadline deadline) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace ironjar::detail

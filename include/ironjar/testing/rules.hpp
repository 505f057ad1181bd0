// The rules of a contract, looked at one after another. Part of checkTransport and checkAdapter.
#pragma once

#include <algorithm>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace ironjar::testing::detail {

template <class Probe>
using Rule = std::pair<const char*, void (*)(Probe&)>;

// Throws std::invalid_argument for a name in `except` that is no rule's; `what` has such rules.
template <class Probe>
void requireRules(std::span<const Rule<Probe>> rules, const std::vector<std::string>& except, const char* what) {
  for (const std::string& name : except) {
    if (std::none_of(rules.begin(), rules.end(), [&](const auto& rule) { return rule.first == name; })) {
      throw std::invalid_argument(std::string("ironjar: no such rule of ") + what + ": " + name);
    }
  }
}

// Looks at all rules but these.
template <class Probe>
void checkRules(std::span<const Rule<Probe>> rules, const std::vector<std::string>& except, Probe& probe) {
  for (const auto& [name, check] : rules) {
    if (std::find(except.begin(), except.end(), name) != except.end()) continue;
    probe.lookAt(name);
    check(probe);
  }
}

}  // namespace ironjar::testing::detail

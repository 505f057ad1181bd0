// The rules of checkTransport, and httplib's transport made to break them.
#pragma once

#include "support/violations.hpp"

#include <algorithm>
#include <chrono>
#include <future>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <ironjar/httplib/transport.hpp>
#include <ironjar/testing/check_transport.hpp>

namespace support {

inline const std::vector<std::string> transportRules = {
    "response", "target", "fields",  "body",   "early",    "interim", "once",     "leavings",
    "groups",   "limits", "threads", "errors", "deadline", "uploads", "lifetime", "stream"};

inline std::vector<std::string> allBut(const std::string& one) {
  std::vector<std::string> others = transportRules;
  others.erase(std::find(others.begin(), others.end(), one));
  return others;
}

// What a transport that is right returns, changed, or to a request that is changed.
template <class Change>
ironjar::Transport around(Change change) {
  return [change, inner = ironjar::httplibTransport()](const ironjar::Request& request, ironjar::Deadline deadline) {
    return change(inner, request, deadline);
  };
}

// Of transports that are said to break one rule each: the rules that each is seen to break when that one alone is
// looked at. All at once, since most of it is waiting.
inline std::vector<std::set<std::string>> brokenBy(
    const std::vector<std::pair<std::string, ironjar::Transport>>& transports) {
  std::vector<std::future<std::set<std::string>>> looks;
  looks.reserve(transports.size());
  for (const auto& [rule, transport] : transports) {
    looks.push_back(std::async(std::launch::async, [&rule = rule, &transport = transport] {
      return rulesOf(ironjar::testing::checkTransport(
          transport, {.except = allBut(rule), .grace = std::chrono::milliseconds{500}, .largest = 20 * 1024 * 1024}));
    }));
  }
  std::vector<std::set<std::string>> broken;
  broken.reserve(looks.size());
  for (auto& look : looks) broken.push_back(look.get());
  return broken;
}

}  // namespace support

// The linker calls these in place of the table's functions (--wrap), which they call in turn.
#include "sim/visited.hpp"

#include "refresh/token_states.hpp"

#include <map>
#include <set>
#include <string_view>
#include <utility>

namespace sim {
namespace {

using ironjar::MonotonicTime;
using ironjar::Seconds;
using ironjar::TimePoint;
using ironjar::TokenSet;
using ironjar::detail::InFlightRefresh;
using ironjar::detail::TokenKey;
using ironjar::detail::TokenState;
using ironjar::detail::TokenStates;

constexpr std::string_view unknown = "unknown";

// The rows of the table, event by event.
const std::set<std::pair<std::string_view, std::string_view>>& table() {
  static const std::set<std::pair<std::string_view, std::string_view>> all = {
      {"unknown", "begin"},       {"unknown", "issue"},       {"unknown", "logOut"},      {"issued", "begin"},
      {"issued", "bring"},        {"issued", "logOut"},       {"issued", "time"},         {"issued", "issue"},
      {"refreshing", "rotate"},   {"refreshing", "fail"},     {"refreshing", "endGrant"}, {"refreshing", "retire"},
      {"refreshing", "withdraw"}, {"refreshing", "logOut"},   {"failing", "begin"},       {"failing", "logOut"},
      {"failing", "issue"},       {"failing", "time"},        {"rotated", "confirm"},     {"rotated", "begin"},
      {"rotated", "issue"},       {"rotated", "retire"},      {"rotated", "logOut"},      {"rotated", "time"},
      {"invalidGrant", "issue"},  {"invalidGrant", "logOut"}, {"invalidGrant", "time"},   {"retired", "issue"},
      {"retired", "logOut"},      {"retired", "time"}};
  return all;
}

std::set<std::pair<std::string_view, std::string_view>> seen;
std::map<std::pair<const TokenStates*, TokenKey>, std::string_view> last;

std::string_view stateOf(const TokenStates* states, const TokenKey& key) {
  const TokenStates::Entry* entry = states->find(key);
  if (entry == nullptr) return unknown;
  switch (entry->state) {
    case TokenState::issued:
      return "issued";
    case TokenState::refreshing:
      return "refreshing";
    case TokenState::failing:
      return "failing";
    case TokenState::rotated:
      return "rotated";
    case TokenState::invalidGrant:
      return "invalidGrant";
    case TokenState::retired:
      return "retired";
  }
  return unknown;
}

// One event, from before to after.
class Visit {
 public:
  Visit(const TokenStates* states, const TokenKey& key, std::string_view event) : states_(states), key_(key) {
    const std::string_view before = stateOf(states, key);
    const auto known = last.find({states, key});
    if (known != last.end() && known->second != before) seen.emplace(known->second, "time");
    seen.emplace(before, event);
  }
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;
  ~Visit() { last.insert_or_assign({states_, key_}, stateOf(states_, key_)); }

 private:
  const TokenStates* states_;
  const TokenKey key_;
};

}  // namespace

void beginVisits() { last.clear(); }

Visits visits() {
  Visits result;
  result.all = table().size();
  for (const auto& [state, event] : table()) {
    if (seen.contains({state, event})) {
      ++result.visited;
    } else {
      result.missing.push_back(std::string(state) + "/" + std::string(event));
    }
  }
  return result;
}

#define KEY "ERKSt5arrayIhLm16EE"
#define STEADY "NSt6chrono10time_pointINS6_3_V212steady_clockENS6_8durationIlSt5ratioILl1ELl1000000000EEEEEE"
#define NAME(function) "_ZN7ironjar6detail11TokenStates" function
#define WATCHED(result, own, event, symbol, parameters, arguments) \
  result real_##own parameters asm("__real_" NAME(symbol));        \
  result wrap_##own parameters asm("__wrap_" NAME(symbol));        \
  result wrap_##own parameters {                                   \
    const Visit visit(self, key, event);                           \
    return real_##own arguments;                                   \
  }

WATCHED(void, begin, "begin", "5begin" KEY "St10shared_ptrINS0_15InFlightRefreshEE",
        (TokenStates * self, const TokenKey& key, std::shared_ptr<InFlightRefresh> call), (self, key, std::move(call)))
WATCHED(void, withdraw, "withdraw", "8withdraw" KEY STEADY,
        (TokenStates * self, const TokenKey& key, MonotonicTime now), (self, key, now))
WATCHED(void, endGrant, "endGrant", "8endGrant" KEY STEADY,
        (TokenStates * self, const TokenKey& key, MonotonicTime now), (self, key, now))
WATCHED(void, retire, "retire", "6retire" KEY STEADY, (TokenStates * self, const TokenKey& key, MonotonicTime now),
        (self, key, now))
WATCHED(std::optional<TokenKey>, bring, "bring", "5bring" KEY STEADY,
        (TokenStates * self, const TokenKey& key, MonotonicTime now), (self, key, now))
WATCHED(void, issue, "issue", "5issue" KEY "S5_b" STEADY,
        (TokenStates * self, const TokenKey& key, const TokenKey& predecessor, bool leadsOn, MonotonicTime now),
        (self, key, predecessor, leadsOn, now))
WATCHED(std::optional<TokenKey>, confirm, "confirm", "7confirm" KEY "S5_" STEADY,
        (TokenStates * self, const TokenKey& key, const TokenKey& successor, MonotonicTime now),
        (self, key, successor, now))
WATCHED(void, rotate, "rotate",
        "6rotate" KEY
        "RKNS_8TokenSetES5_NSt6chrono10time_pointINS9_3_V212steady_clockENS9_8durationIlSt5ratioILl1ELl"
        "1000000000EEEEEE",
        (TokenStates * self, const TokenKey& key, const TokenSet& tokens, const TokenKey& successor, MonotonicTime now),
        (self, key, tokens, successor, now))
WATCHED(MonotonicTime, fail, "fail",
        "4fail" KEY
        "St8optionalINSt6chrono8durationIlSt5ratioILl1ELl1EEEEES6_INS7_10time_pointINS7_3_V212steady_clock"
        "ENS8_IlS9_ILl1ELl1000000000EEEEEEESI_",
        (TokenStates * self, const TokenKey& key, std::optional<Seconds> retryAfter,
         std::optional<MonotonicTime> othersSuccess, MonotonicTime now),
        (self, key, retryAfter, othersSuccess, now))
WATCHED(void, logOut, "logOut",
        "6logOut" KEY
        "NSt6chrono10time_pointINS6_3_V212system_clockENS6_8durationIlSt5ratioILl1ELl1000000000EEEEEE"
        "NS7_INS8_12steady_clockESD_EE",
        (TokenStates * self, const TokenKey& key, TimePoint endedAt, MonotonicTime now), (self, key, endedAt, now))

}  // namespace sim

// The scripts against model/model.pml: the same exits, and the same state after each step of what spin plays.
#include "base/completion.hpp"
#include "redis/coordinated.hpp"
#include "redis/records.hpp"
#include "redis/scripts.hpp"

#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

namespace redis_model_test {

using namespace ironjar;
using namespace std::chrono_literals;
using detail::RedisRecord;
using support::server;
using support::tokens;

namespace {

using Exits = std::map<std::string, std::vector<std::string>>;

std::string textOf(const std::filesystem::path& path) {
  std::ifstream file(path);
  REQUIRE(file);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::smatch> matches(const std::string& text, const std::regex& pattern) {
  return {std::sregex_iterator(text.begin(), text.end(), pattern), {}};
}

std::string withoutPrefix(const std::string& name) {  // sLogOut, aValue
  return static_cast<char>(std::tolower(static_cast<unsigned char>(name.at(1)))) + name.substr(2);
}

Exits exitsOfScripts() {
  Exits exits;
  const std::map<std::string, const detail::RedisScript*> scripts = {{"claim", &detail::claimScript()},
                                                                     {"publish", &detail::publishScript()},
                                                                     {"renew", &detail::renewScript()},
                                                                     {"logOut", &detail::logOutScript()},
                                                                     {"store", &detail::storeScript()}};
  for (const auto& [name, script] : scripts) {
    for (const auto& match : matches(script->text, std::regex("return \\{'([a-z]+)'"))) {
      exits[name].push_back(match[1]);
    }
  }
  return exits;
}

Exits exitsOfModel(const std::string& text) {
  Exits exits;
  for (const auto& match : matches(text, std::regex("EXIT\\((s[A-Z]\\w+), (a[A-Z]\\w+)\\)"))) {
    exits[withoutPrefix(match[1])].push_back(withoutPrefix(match[2]));
  }
  return exits;
}

struct State {
  int value = 0;
  int lock = 0;
  int last = 0;
  int mark = 0;
  int orphan = 0;

  friend bool operator==(const State&, const State&) = default;
};

// A refresh token in a real Redis, to which the library's own classes do what the model says.
class Replay {
 public:
  explicit Replay(detail::RedisLink& link)
      : name_("rt-" + std::to_string(++count)),
        record_(link, "c", name_, {.lease = 300s, .keep = 600s, .keepInvalidGrant = 600s}),
        key_(detail::tokenNames(link.sealer(), "c", name_).at(0)) {}

  // Whether Redis does the same.
  bool agrees(const std::string& line) {
    std::istringstream words(line);
    std::string what;
    words >> what;
    if (what == "SNAPSHOT") {
      snapshot_ = raw();
      return true;
    }
    bool isSame = true;
    if (what == "STEP") {
      int who = 0;
      std::string script;
      std::string answer;
      int argument = 0;
      words >> who >> script >> answer >> argument;
      isSame = run(who, script, argument) == (script == "sLookUp" ? std::to_string(argument) : answer);
      if (script == "sLookUp") isSame = (answer == "value" ? state().value : state().orphan) == argument;
    } else if (what == "EXPIRE") {
      std::string who;
      words >> who;
      server().command("DEL", key_ + ":lock");
    } else if (what == "RESTORE") {
      restore();
    } else {
      return true;
    }
    State expected;
    words >> expected.value >> expected.lock >> expected.last >> expected.mark >> expected.orphan;
    REQUIRE(words);
    return isSame && state() == expected;
  }

 private:
  static constexpr std::array<const char*, 4> suffixes = {"", ":lock", ":last", ":orphaned"};
  using Raw = std::array<std::string, suffixes.size()>;

  static std::string owner(int who) { return who == 0 ? "" : "the-owner-of-refresh-" + std::to_string(who); }
  static int ownerIn(const std::string& text) { return text.empty() ? 0 : text.at(owner(1).size() - 1) - '0'; }
  TokenSet broughtBy(int who) const { return tokens(name_ + "-" + std::to_string(who)); }
  int bringerOf(const TokenSet& found) const {
    for (int who = 1; who <= 3; ++who) {
      if (found.refreshToken == broughtBy(who).refreshToken) return who;
    }
    return -1;
  }

  template <class T, class Start>
  static T waitFor(const Start& start) {
    return detail::waitFor<Result<T>>(start, Error{Errc::unreachable, {}}).value();
  }
  static std::string wordOf(const RedisRecord::Outcome& outcome) {
    if (std::holds_alternative<detail::Record>(outcome)) return "aValue";
    return std::holds_alternative<RedisRecord::Stored>(outcome) ? "aStored" : "aRefused";
  }

  std::string run(int who, const std::string& script, int argument) {
    if (script == "sClaim") {
      const auto claim = record_.claim(owner(who), owner(argument)).value();
      constexpr std::array<const char*, 4> words = {"aValue", "aLocked", "aFailed", "aMine"};
      return words.at(claim.index());
    }
    if (script == "sPublish" && argument == 1) return wordOf(record_.publish(owner(who), broughtBy(who)).value());
    if (script == "sPublish" && argument == 2) {
      return wordOf(waitFor<RedisRecord::Outcome>([&](auto done) { record_.endGrant(owner(who), std::move(done)); }));
    }
    if (script == "sPublish") return wordOf(record_.release(owner(who), {Error{Errc::refreshFailed, {}}}).value());
    if (script == "sRenew") {
      return waitFor<bool>([&](auto done) { record_.renew(owner(who), std::move(done)); }) ? "aRenewed" : "aLost";
    }
    if (script == "sLogOut") return record_.logOut(logout_) ? "aValue" : "aNone";
    if (script == "sStore") {
      return waitFor<bool>([&](auto done) { record_.storeOrphaned(broughtBy(who), std::move(done)); }) ? "aStored" : "";
    }
    return std::to_string(argument);
  }

  Raw raw() const {
    std::istringstream lines(server().command("MGET", key_, key_ + ":lock", key_ + ":last", key_ + ":orphaned"));
    Raw values;
    for (std::string& value : values) std::getline(lines, value);
    return values;
  }
  void restore() {
    for (std::size_t i = 0; i < suffixes.size(); ++i) {
      const std::string key = key_ + suffixes.at(i);
      snapshot_.at(i).empty() ? server().command("DEL", key)
                              : server().command("SET", key, snapshot_.at(i), "PX", "500000");
    }
    snapshot_ = {};
  }
  State state() {
    const Raw now = raw();
    State state{.lock = ownerIn(now[1]), .last = ownerIn(now[2])};
    const std::string mark = now[2].substr(std::min(owner(1).size(), now[2].size()));
    if (!mark.empty()) state.mark = static_cast<int>(std::string(" rdf").find(mark.at(1)));
    if (const auto found = record_.lookUp().value()) {
      constexpr std::array<int, 3> codes = {1, 10, 2};  // as Record::Kind's
      state.value = codes.at(static_cast<std::size_t>(found->kind));
      if (found->kind == detail::Record::Kind::rotated) state.value += bringerOf(found->tokens);
    }
    using Orphaned = Result<detail::RedisRecord::Orphaned>;
    const auto look = [this](const detail::Completion<Orphaned>& done) { record_.orphaned(done); };
    const auto found = detail::waitFor<Orphaned>(look, fail(Errc::cancelled));
    if (found.value().tokens) state.orphan = bringerOf(*found->tokens);
    return state;
  }

  static inline int count = 0;
  const std::string name_;
  RedisRecord record_;
  const std::string key_;
  const Logout logout_{.at = std::chrono::system_clock::now(), .begun = std::chrono::system_clock::now() - 1h};
  Raw snapshot_;
};

// The first step that Redis does not do as the model; empty if there is none.
std::string divergence(detail::RedisLink& link, const std::string& walk) {
  Replay replay(link);
  std::istringstream lines(walk);
  for (std::string line; std::getline(lines, line);) {
    if (!replay.agrees(line)) return line;
  }
  return "";
}

std::vector<std::string> walksIn(const std::string& text) {
  std::vector<std::string> walks;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line == "WALK")
      walks.emplace_back();
    else if (!walks.empty())
      walks.back() += line + "\n";
  }
  return walks;
}

const std::filesystem::path results = IRONJAR_MODEL_RESULTS;

}  // namespace

TEST_CASE("the model has an exit for each return of each script, in their order") {
  const std::string model = textOf(IRONJAR_MODEL);
  const Exits exits = exitsOfModel(model);
  CHECK(exits == exitsOfScripts());
  CHECK(exits.size() == 5);
  CHECK(exitsOfModel(std::regex_replace(model, std::regex("EXIT\\(sPublish, aRefused\\)"), "skip")) != exits);
}

TEST_CASE("the scripts do what the model does, in 1,000 random walks that take every exit") {
  detail::RedisLink link(support::redisOptions(server(), support::password));
  const std::string text = textOf(results / "walks.txt");
  const auto walks = walksIn(text);
  CHECK(walks.size() == 1000);
  for (const std::string& walk : walks) {
    CAPTURE(walk);
    REQUIRE(divergence(link, walk) == "");
  }
  std::set<std::string> taken;
  for (const auto& match : matches(text, std::regex("STEP [0-9] (s\\w+ a\\w+)"))) taken.insert(match[1]);
  const std::string model = textOf(IRONJAR_MODEL);
  for (const auto& match : matches(model, std::regex("EXIT\\((s[A-Z]\\w+), (a[A-Z]\\w+)\\)"))) {
    CHECK(taken.contains(match[1].str() + " " + match[2].str()));
  }
}

TEST_CASE("the scripts refuse the wrong step of each counterexample that spin finds for a planted fault") {
  detail::RedisLink link(support::redisOptions(server(), support::password));
  int faults = 0;
  for (const auto& entry : std::filesystem::directory_iterator(results)) {
    const std::string name = entry.path().stem().string();
    CAPTURE(name);
    const bool isOfScript = name.rfind("FAULT_", 0) == 0;
    if (!isOfScript && name.rfind("CLIENT_FAULT_", 0) != 0) continue;
    const auto walks = walksIn(textOf(entry.path()));
    REQUIRE(walks.size() == 1);
    CHECK((divergence(link, walks[0]) != "") == isOfScript);  // the order of steps is no script's
    ++faults;
  }
  CHECK(faults >= 13);
}

}  // namespace redis_model_test

// Numbers that a C++ type cannot hold exactly are nothing, at any depth.
#include "support/support.hpp"

#include <limits>
#include <list>
#include <map>
#include <set>

namespace session_numbers_test {

using namespace ironjar;
using support::errorOf;

namespace {

struct Profile {
  std::string name;
  int visits = 0;
  float share = 0;
  std::uint8_t level = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Profile, name, visits, share, level)

struct Team {
  std::vector<Profile> members;
  std::map<std::string, Profile> byName;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Team, members, byName)

struct Roles {
  std::set<int> roles;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Roles, roles)

struct Levels {
  std::vector<std::uint8_t> levels;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Levels, levels)

enum class Status : std::uint8_t { ok, missing };
NLOHMANN_JSON_SERIALIZE_ENUM(Status, {{Status::ok, 200}, {Status::missing, 404}})
enum class Answer : std::uint8_t { no, yes };
NLOHMANN_JSON_SERIALIZE_ENUM(Answer, {{Answer::no, false}, {Answer::yes, true}})
enum class Plain : std::uint8_t { none, one };

// Reads seconds and writes milliseconds.
struct Pause {
  std::int64_t milliseconds = 0;
};
void from_json(const Json& json, Pause& pause) { pause.milliseconds = json.at("s").get<std::int64_t>() * 1000; }
void to_json(Json& json, const Pause& pause) { json = {{"s", pause.milliseconds}}; }

// Accepts no fraction below 1, which is what the type is looked at with.
struct Rate {
  double rate = 1;
};
void from_json(const Json& json, Rate& rate) {
  rate.rate = json.at("rate").get<double>();
  if (rate.rate < 1) throw std::out_of_range("rate");
}
void to_json(Json& json, const Rate& rate) { json = {{"rate", rate.rate}}; }

struct ReadOnly {
  int n = 0;
};
void from_json(const Json& json, ReadOnly& value) { value.n = json.at("n").get<int>(); }

enum class Small : std::uint8_t { none, one };

template <class T>
bool gives(const Json& value) {
  Session session;
  session.set("n", value);
  return session.get<T>("n").has_value();
}

template <class T>
std::optional<Errc> as(const Json& value) {
  Session session;
  session.assign(value);
  const auto result = session.as<T>();
  return result ? std::nullopt : std::optional(result.error().code);
}

}  // namespace

TEST_CASE("a number that the type cannot hold is nothing") {
  CHECK_FALSE(gives<float>(1e300));
  CHECK_FALSE(gives<float>(-1e300));
  CHECK_FALSE(gives<float>(1e-300));
  CHECK_FALSE(gives<float>(0.1));
  CHECK_FALSE(gives<float>(16'777'217));
  CHECK(gives<float>(0.5));
  CHECK(gives<float>(0.1F));
  CHECK(gives<float>(16'777'216));
  CHECK(gives<double>(1e300));
  CHECK(gives<double>(9'007'199'254'740'992));
  CHECK_FALSE(gives<double>(9'007'199'254'740'993));
  CHECK_FALSE(gives<double>(-9'007'199'254'740'993));
  CHECK(gives<double>(std::numeric_limits<std::int64_t>::min()));
  CHECK_FALSE(gives<double>(std::numeric_limits<std::uint64_t>::max()));
  CHECK(gives<char>(65));
  CHECK_FALSE(gives<char>(300));
  CHECK_FALSE(gives<char>("A"));
  CHECK(gives<char16_t>(65'535));
  CHECK_FALSE(gives<char16_t>(65'536));
  CHECK(gives<Small>(1));
  CHECK_FALSE(gives<Small>(257));
  CHECK_FALSE(gives<Small>(1.5));
  CHECK_FALSE(gives<Small>(true));
}

TEST_CASE("and so it is in containers of any depth") {
  CHECK(gives<std::vector<std::uint8_t>>({1, 255}));
  CHECK_FALSE(gives<std::vector<std::uint8_t>>({1, 256}));
  CHECK_FALSE(gives<std::list<std::vector<int>>>(Json::array({Json::array({1}), Json::array({4'294'967'297})})));
  CHECK_FALSE(gives<std::vector<int>>({1, 3.9}));
  CHECK_FALSE(gives<std::vector<int>>({1, true}));
  CHECK_FALSE(gives<std::array<std::int8_t, 2>>({1, 128}));
  CHECK_FALSE(gives<std::pair<std::string, std::uint8_t>>({"a", -1}));
  CHECK(gives<std::pair<std::string, std::uint8_t>>({"a", 1}));
  CHECK_FALSE(gives<std::tuple<int, std::vector<float>>>(Json::array({1, Json::array({1e39})})));
  CHECK(gives<std::map<std::string, float>>({{"a", 1}}));
  CHECK_FALSE(gives<std::map<std::string, float>>({{"a", 1e39}}));
  CHECK_FALSE(gives<std::map<int, std::uint8_t>>(Json::array({Json::array({1, 256})})));
  CHECK_FALSE(gives<std::map<std::int8_t, int>>(Json::array({Json::array({200, 1})})));
  CHECK(gives<std::vector<Json>>({1e300, "x"}));
  CHECK(gives<std::vector<bool>>({true}));
  CHECK_FALSE(gives<std::vector<bool>>({1}));
}

TEST_CASE("an enumeration is read back from whatever it is written as") {
  CHECK(gives<Status>(404));
  CHECK(gives<Answer>(true));
  CHECK_FALSE(gives<Plain>(300));
  CHECK(gives<Plain>(1));
}

TEST_CASE("what a type orders anew, or has but once, is not cut") {
  CHECK_FALSE(as<Roles>({{"roles", {257, 1}}}));
  CHECK_FALSE(as<Roles>({{"roles", {1, 1, 257}}}));
  CHECK_FALSE(as<Levels>({{"levels", {1, 2}}}));
  CHECK(as<Levels>({{"levels", {257, 1}}}) == Errc::malformed);
  CHECK(as<Levels>({{"levels", {1, 257}}}) == Errc::malformed);
}

TEST_CASE("and in a type of one's own that gives its numbers back") {
  const Json good = {{"name", "ada"}, {"visits", 3}, {"share", 0.5}, {"level", 7}};
  const auto changed = [&](const char* member, const Json& value) {
    Json data = good;
    data[member] = value;
    return data;
  };
  CHECK_FALSE(as<Profile>(good));
  CHECK_FALSE(as<Profile>(changed("share", 2)));
  CHECK_FALSE(as<Profile>(changed("other", 1e300)));
  for (const Json& bad :
       {changed("visits", 4'294'967'297), changed("visits", 3.9), changed("visits", 1e30), changed("visits", 3.0),
        changed("visits", true), changed("level", 256), changed("level", -1), changed("level", 1e30),
        changed("share", 1e300), changed("share", 1e-300), changed("share", 0.1), changed("share", 16'777'217)}) {
    CAPTURE(bad.dump());
    CHECK(as<Profile>(bad) == Errc::malformed);
    CHECK(as<Team>({{"members", {good, bad}}}) == Errc::malformed);
    CHECK(as<Team>({{"byName", {{"ada", bad}}}}) == Errc::malformed);
    CHECK_FALSE(gives<std::vector<Profile>>(Json::array({good, bad})));
  }
  CHECK_FALSE(as<Team>({{"members", {good, good}}, {"byName", {{"ada", good}}}}));
}

TEST_CASE("a type may write other numbers than it reads, refuse some, or write none") {
  CHECK_FALSE(as<Pause>({{"s", 3}}));
  CHECK_FALSE(as<Rate>({{"rate", 1.5}}));
  CHECK(as<Rate>({{"rate", 0.75}}) == Errc::malformed);
  CHECK_FALSE(as<ReadOnly>({{"n", 3}}));
  CHECK_FALSE(as<ReadOnly>({{"n", 4'294'967'297}}));  // nothing tells
}

}  // namespace session_numbers_test

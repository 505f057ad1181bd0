// Data of any depth, which whoever can send JSON to a handler may bring into a session.
#include "support/instrumented.hpp"
#include "support/support.hpp"

#include <array>
#include <functional>
#include <map>
#include <pthread.h>
#include <tuple>

namespace attacks_depth_test {

using namespace ironjar;
using support::errorOf;
using support::isInstrumented;
using support::password;

namespace {

constexpr std::size_t levels = isInstrumented ? 100'000 : 10'000'000;

template <class Value = Json>
Value deepArrays(std::size_t depth) {
  Value value = Value::array();
  for (std::size_t i = 1; i < depth; ++i) {
    Value around(Value::value_t::array);
    around.template get_ref<typename Value::array_t&>().emplace_back(std::move(value));
    value.swap(around);
  }
  return value;
}

Json deepObjects(std::size_t depth) {
  Json value = Json::object();
  for (std::size_t i = 1; i < depth; ++i) {
    Json around = {{"z", "scalar"}};
    around.emplace("a", std::move(value));
    around.emplace("b", Json::array({1, "text", Json::object()}));
    value = std::move(around);
  }
  return value;
}

// On a thread with a stack of 512 KiB.
void onSmallStack(std::function<void()> work) {
  pthread_attr_t attributes;
  REQUIRE(::pthread_attr_init(&attributes) == 0);
  REQUIRE(::pthread_attr_setstacksize(&attributes, 512UL * 1024) == 0);
  pthread_t thread{};
  const auto run = [](void* of) -> void* {
    (*static_cast<std::function<void()>*>(of))();
    return nullptr;
  };
  REQUIRE(::pthread_create(&thread, &attributes, run, &work) == 0);
  REQUIRE(::pthread_join(thread, nullptr) == 0);
  ::pthread_attr_destroy(&attributes);
}

bool isTooLarge(const Session& session) {
  return session.empty() && session.rejection() && session.rejection()->code == Errc::tooLarge;
}

}  // namespace

TEST_CASE("V03 deep JSON is refused before it is copied, on a stack of 512 KiB") {
  std::vector<bool> refused;
  onSmallStack([&] {
    const Passwords passwords(password);
    Json deep = deepArrays(levels);
    const Json& lvalue = deep;
    Session set;
    set.set("x", lvalue);
    refused.push_back(isTooLarge(set));
    Session assigned;
    assigned.assign(lvalue);
    refused.push_back(isTooLarge(assigned));
    refused.push_back(errorOf(sealData(lvalue, passwords)) == Errc::tooLarge);
    Session moved;
    moved.set("x", std::move(deep));
    refused.push_back(isTooLarge(moved));
    Session objects;
    objects.assign(deepObjects(levels / 100));
    refused.push_back(isTooLarge(objects));
    Session parsed;
    parsed.set("x", Json::parse(std::string(80'000, '[') + std::string(80'000, ']')));
    refused.push_back(isTooLarge(parsed));
  });
  CHECK(refused == std::vector<bool>(6, true));
}

TEST_CASE("V03 deep JSON in a container is refused before it is copied") {
  std::vector<bool> refused;
  onSmallStack([&] {
    const auto isRefused = [&](const auto& value) {
      Session set;
      set.set("x", value);
      Session assigned;
      assigned.assign(value);
      refused.push_back(isTooLarge(set) && isTooLarge(assigned));
    };
    const Json deep = deepArrays(100'000);  // its copies are moved: nothing here copies it
    std::vector<Json> list;
    list.push_back(deepArrays(100'000));
    isRefused(list);
    std::map<std::string, std::vector<Json>> map;
    map["a"].push_back(deepArrays(100'000));
    isRefused(map);
    std::pair<int, Json> pair;
    pair.second = deepArrays(100'000);
    isRefused(pair);
    std::tuple<int, Json> tuple;
    std::get<1>(tuple) = deepArrays(100'000);
    isRefused(tuple);
    std::array<Json, 2> array;
    array[1] = deepArrays(100'000);
    isRefused(array);
    isRefused(deepArrays<nlohmann::ordered_json>(100'000));
    Session moved;
    moved.set("x", std::move(list));
    refused.push_back(isTooLarge(moved));
  });
  CHECK(refused == std::vector<bool>(7, true));
}

TEST_CASE("V03 what is not deep goes in as before, whatever it is given as") {
  Session session;
  const Json value = {{"a", 1}};
  Json named = value;
  session.set("lvalue", value);
  session.set("named", named);
  session.set("moved", std::move(named));
  session.set("braces", {1, 2});
  session.set("object", {{"a", 1}, {"b", {1, 2}}});
  session.set("null", nullptr);
  session.set("list", std::vector<Json>{value, 2});
  session.set("map", std::map<std::string, int>{{"a", 1}});
  session.set("text", std::string("text"));
  session.set("pair", std::pair<std::string, Json>("a", 1));
  session.set("self", session.data().at("object"));
  CHECK(session.data() == Json::parse(R"({"lvalue":{"a":1},"named":{"a":1},"moved":{"a":1},"braces":[1,2],"null":null,
    "object":{"a":1,"b":[1,2]},"list":[{"a":1},2],"map":{"a":1},"text":"text","pair":["a",1],
    "self":{"a":1,"b":[1,2]}})"));
  const Session copy = session;
  CHECK(copy.data() == session.data());
  session.replace({"object", "list"});
  CHECK(session.data().size() == 2);
  session.assign(std::map<std::string, Json>{{"a", value}});
  CHECK(session.data() == Json{{"a", value}});
}

}  // namespace attacks_depth_test

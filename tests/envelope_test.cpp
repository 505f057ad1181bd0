// Typed values out of an API's answers.
#include "support/support.hpp"
#include "support/upstream.hpp"

#include <ironjar/envelope.hpp>

namespace envelope_test {

using namespace ironjar;
using support::Upstream;

namespace {

struct Item {
  std::string name;
  int count = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Item, name, count)

Result<Response> answer(const std::string& body, int status = 200) { return Response{.status = status, .body = body}; }

}  // namespace

TEST_CASE("performFetch gives the value, with a refresh if it takes one") {
  Upstream upstream;
  testing::Api items(
      upstream.provider, {.answer = [](const Request&, const std::string& user) {
        return Response{.body = Json{{"success", true}, {"data", {{"name", user}, {"count", 3}}}}.dump()};
      }});
  FetchOptions options = support::fetchOptions(upstream);
  options.transport = testing::transport(upstream.provider, items);
  Session session = support::sessionWith(upstream.provider.login("ada"));
  upstream.provider.expireAccessTokens();
  const auto item = performFetch<Item>(Fetcher(options), session, support::get());
  REQUIRE(item);
  CHECK(item->name == "ada");
  CHECK(item->count == 3);
}

TEST_CASE("a refusal is the API's: by its status, or by its word") {
  for (const auto& one : {std::pair{200, R"({"success":false,"message":"sold out","data":1})"},
                          {409, R"({"success":false,"message":"sold out"})"},
                          {500, R"({"message":"sold out"})"},
                          {409, R"({"success":true,"message":"sold out","data":1})"}}) {
    CAPTURE(one.second);
    const auto value = valueIn<int>(answer(one.second, one.first));
    REQUIRE_FALSE(value);
    CHECK(value.error().isRefusal());
    CHECK(value.error().status == one.first);
    CHECK(value.error().message == "sold out");
    CHECK(value.error().error.code == Errc::notAllowed);
  }
  for (const std::string& body : {std::string("<html>"), std::string(), std::string(R"({"message":7})"),
                                  R"({"message":")" + std::string(1025, 'x') + "\"}"}) {
    CHECK(valueIn<int>(answer(body, 502)).error().message.empty());
    CHECK(valueIn<int>(answer(body, 502)).error().isRefusal());
  }
}

TEST_CASE("an answer that is no envelope, or has a value of another type, is malformed") {
  for (const char* body : {"", "x", "[]", R"({"data":1})", R"({"success":"yes","data":1})", R"({"success":true})",
                           R"({"success":true,"data":"1"})", R"({"success":true,"data":3000000000})",
                           R"({"success":true,"data":1.5})", R"({"success":true,"success":true,"data":1})"}) {
    CAPTURE(body);
    const auto value = valueIn<int>(answer(body));
    REQUIRE_FALSE(value);
    CHECK_FALSE(value.error().isRefusal());
    CHECK(value.error().error.code == Errc::malformed);
  }
  const auto lost = valueIn<int>(fail(Errc::timeout));
  CHECK(lost.error().error.code == Errc::timeout);
  CHECK_FALSE(lost.error().isRefusal());
}

TEST_CASE("members elsewhere, by JSON pointers; without an envelope the body is the value") {
  CHECK(*valueIn<int>(answer(R"({"result":{"ok":true,"items":[5]}})"),
                      {.success = "/result/ok", .data = "/result/items/0"}) == 5);
  CHECK(valueIn<std::vector<int>>(answer("[1,2]"), {.success = "", .data = ""})->size() == 2);
  CHECK(*valueIn<int>(answer(R"({"data":7})"), {.success = ""}) == 7);
  CHECK_THROWS_AS((void)valueIn<int>(answer("1"), {.data = "data"}), std::invalid_argument);
}

}  // namespace envelope_test

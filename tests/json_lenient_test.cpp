// Members of a JSON text by their places: what is wanted is exact, all else is taken as it comes.
#include "json/json_lenient.hpp"

#include "json/json.hpp"
#include "support/any_json.hpp"
#include "support/support.hpp"

#include <chrono>
#include <cmath>
#include <random>

namespace json_lenient_test {

using namespace ironjar;
using namespace ironjar::detail;
using support::errorOf;

namespace {

const std::vector<JsonPlace> places = {{"/a"}, {"/x/b"}, {"/list/1/c"}, {"/further", false}};

// What is at the places, as text; "error".
std::string at(const std::string& text, const std::vector<JsonPlace>& wanted = places) {
  const auto read = parseLenientJson(text, wanted);
  return read ? read->dump() : "error";
}
std::string nested(std::size_t depth, const std::string& begin = "[", const std::string& end = "]") {
  std::string text;
  for (std::size_t i = 0; i < depth; ++i) text += begin;
  text += "1";
  for (std::size_t i = 0; i < depth; ++i) text += end;
  return text;
}

}  // namespace

TEST_CASE("the members at the places are read, and nothing else") {
  CHECK(at(R"({"a":"1","b":2,"x":{"b":[1,{"c":2},[3],"4",null],"c":5}})") ==
        R"({"a":"1","x":{"b":[1,null,null,"4",null]}})");
  CHECK(at(R"({"x":{"b":{"a":1}},"list":[7,{"b":1,"c":true},{"c":2}],"further":-0.5e1})") ==
        R"({"further":-5.0,"list":[null,{"c":true},null],"x":{"b":{}}})");
  CHECK(at(R"({"x":7,"list":{"1":{"c":8}}})") == R"({"list":{"1":{"c":8}},"x":null})");
  CHECK(at(R"({"\u0061":1,"\u0078":{"b":2}})") == R"({"a":1,"x":{"b":2}})");
  CHECK(at(R"({"/":1,"~":2,"":3})", {{"/~1"}, {"/~0"}, {"/"}}) == R"({"":3,"/":1,"~":2})");
  CHECK(at("\xef\xbb\xbf \t\r\n{ \"a\" : 1 , \"x\" : { } } \n") == R"({"a":1,"x":{}})");
  for (const char* other : {"1", "\"a\"", "null"}) CHECK(at(other) == "null");
  CHECK(at("[[1],{\"a\":1}]") == "[null,null]");
}

TEST_CASE("twice at a place, or on the way to it, is an error; anywhere else it is not") {
  for (const char* text : {R"({"a":1,"a":1})", R"({"a":null,"b":2,"\u0061":1})", R"({"x":{"b":1,"b":2}})",
                           R"({"x":{},"x":{"b":1}})", R"({"list":[0,{"c":1,"c":2}]})", R"({"list":0,"list":[]})"}) {
    CAPTURE(text);
    CHECK(errorOf(parseLenientJson(text, places)) == Errc::malformed);
  }
  for (const char* text :
       {R"({"a":1,"b":{"a":2}})", R"({"a":1,"b":{"a":2,"a":3}})", R"({"a":1,"x":{"a":2,"a":3}})",
        R"({"a":1,"b":2,"b":3})", R"({"a":1,"list":[{"c":2,"c":3},{}]})", R"({"a":1,"b":[{"b":{"a":2,"a":2}}]})"}) {
    CAPTURE(text);
    CHECK(parseLenientJson(text, places).value().at("a") == 1);
  }
  CHECK(at(R"({"further":{"a":1},"further":2})") == R"({"further":2})");
  CHECK(at(R"({"y":{"b":1},"y":{"c":2}})", {{"/y/b", false}, {"/y/c", false}}) == R"({"y":{"c":2}})");
}

TEST_CASE("what is left out may be of any depth, size and spelling") {
  for (const std::string& other :
       {nested(65), nested(1000), nested(300'000), nested(150'000, "{\"a\":", "}"), nested(100'000, "[{\"\":", "}]"),
        std::string("1e999"), std::string("-1e999"), std::string(100'000, '9'), "0." + std::string(100'000, '1'),
        std::string("1E-999"), std::string(R"("\ud800")"), std::string(R"("\udc00\u0000")"), std::string("\"Ren\xe9\""),
        std::string("\"\0\x01\n\"", 5), std::string(R"("\x\'\u00")"), std::string(R"("\\")"), std::string(R"("\"}")"),
        std::string("{\"\xff\":[]}"), std::string("[ ] , \"w\" : [ { } , [ ] ]")}) {
    CAPTURE(other.substr(0, 40));
    CHECK(at("{\"a\":1,\"z\":" + other + ",\"x\":{\"c\":" + other + ",\"b\":2}}") == R"({"a":1,"x":{"b":2}})");
  }
}

TEST_CASE("at a place texts are read as far as JSON can hold them, and numbers of any size") {
  CHECK(at(R"({"a":"\ud800\u0000é"})") == "{\"a\":\"\xef\xbf\xbd\\u0000é\"}");
  CHECK(at("{\"a\":\"Ren\xe9\"}") == "{\"a\":\"Ren\xef\xbf\xbd\"}");
  for (const std::string& number : {std::string("1e999"), std::string("-1e999"), std::string(100'000, '9')}) {
    CHECK_FALSE(std::isfinite(parseLenientJson("{\"a\":" + number + "}", places)->at("a").get<double>()));
  }
  CHECK(at(R"({"a":18446744073709551615})") == R"({"a":18446744073709551615})");
  CHECK(parseLenientJson(R"({"a":18446744073709551616})", places)->at("a") == 18446744073709551616.0);
  for (const std::string& text : {std::string("\"\n\""), std::string("\"\0\"", 3), std::string(R"("\x")")}) {
    CHECK(at("{\"a\":" + text + "}") == "error");
    CHECK(at("{\"further\":" + text + "}") == R"({"further":null})");
  }
}

TEST_CASE("what is no JSON is none, wherever it stands") {
  for (const std::string& text : {std::string(),
                                  std::string(" "),
                                  std::string("{"),
                                  std::string("{}}"),
                                  std::string("{}{}"),
                                  std::string("{},"),
                                  std::string("{}\0", 3),
                                  std::string("\0{}", 3),
                                  std::string("{]"),
                                  std::string("\xff{}"),
                                  std::string("\xef\xbb\xbf\xef\xbb\xbf{}"),
                                  std::string("// c\n{}"),
                                  std::string("{a:1}"),
                                  std::string("{'a':1}"),
                                  std::string("{\"a\"}"),
                                  std::string("{\"a\":}"),
                                  std::string("{\"a\" 1}"),
                                  std::string("{,}"),
                                  std::string("{\"a\":1 \"b\":2}"),
                                  std::string(")]}'\n{}")}) {
    CAPTURE(text);
    CHECK(errorOf(parseLenientJson(text, places)) == Errc::malformed);
  }
  for (const std::string& value : {std::string("nul"),        std::string("True"),
                                   std::string("NaN"),        std::string("Infinity"),
                                   std::string("-"),          std::string("+1"),
                                   std::string("01"),         std::string("-01"),
                                   std::string(".5"),         std::string("1."),
                                   std::string("1.e5"),       std::string("1e"),
                                   std::string("1e+"),        std::string("0x10"),
                                   std::string("1 2"),        std::string("\""),
                                   std::string("\"\\"),       std::string("\"\\\""),
                                   std::string("'a'"),        std::string("[1,]"),
                                   std::string("[,1]"),       std::string("[1 2]"),
                                   std::string("[}"),         std::string("[[]"),
                                   std::string("{\"b\":1,}"), std::string("{\"b\":1,\"c\"}"),
                                   std::string("{1:2}"),      std::string("[] /* c */"),
                                   std::string(300'000, '['), std::string("[{\"b\":[}]"),
                                   std::string("\0", 1)}) {
    CAPTURE(value.substr(0, 40));
    CHECK(at("{\"a\":" + value + "}") == "error");
    CHECK(at("{\"z\":" + value + "}") == "error");
    CHECK(at("{\"x\":{\"z\":[{\"y\":" + value + "}]}}") == "error");
    CHECK(at("{\"list\":[0," + value + "]}") == "error");
  }
}

TEST_CASE("whatever is JSON is read alike at the places") {
  std::mt19937_64 random(7);
  for (int round = 0; round < 20'000; ++round) {
    Json data = support::randomJson(random);
    if (!data.is_object()) continue;
    const std::string text = data.dump();
    std::vector<JsonPlace> wanted;
    for (const auto& [name, value] : data.items()) {
      if (wanted.size() < 3) wanted.push_back({(Json::json_pointer() / name).to_string()});
    }
    const auto read = parseLenientJson(text, wanted);
    REQUIRE(read);
    CHECK(read->size() == wanted.size());
    for (const JsonPlace& place : wanted) {
      const Json::json_pointer where(place.pointer);
      if (data[where].is_structured()) {
        CHECK(read->at(where).type() == data[where].type());
      } else {
        CHECK(read->at(where) == data[where]);
      }
    }
    for (std::size_t cut = 0; cut < text.size(); cut += 1 + text.size() / 20) {
      CHECK(at(text.substr(0, cut), wanted) == "error");
    }
  }
}

TEST_CASE("a megabyte of anything is read in linear time") {
  constexpr std::size_t size = 1024 * 1024;
  const auto filled = [](const std::string& with) {
    std::string text;
    while (text.size() < size) text += with;
    return text;
  };
  for (const std::string& text :
       {filled("["), filled("{\"a\":"), filled("{\"\\u0061\":"), "{" + filled("\"\\u0062\":1,") + "\"a\":1}",
        "{\"x\":{" + filled("\"\xff\\u0062\":1,") + "\"a\":1}}", "{\"a\":\"" + filled("\xff") + "\"}",
        "{\"a\":\"" + filled("\\ud800") + "\"}", "{\"a\":[" + filled("\"\",") + "1]}",
        "{\"list\":[" + filled("0,") + "1]}", "{\"a\":" + filled("9") + "}", "{\"a\":" + filled(" ") + "}"}) {
    CAPTURE(text.substr(0, 20));
    const auto begin = std::chrono::steady_clock::now();
    static_cast<void>(parseLenientJson(text, places).has_value());
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds{20});  // quadratic takes minutes
  }
}

}  // namespace json_lenient_test

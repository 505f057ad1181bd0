#include "base/base64url.hpp"
#include "base/http_date.hpp"
#include "base/url.hpp"
#include "json/json.hpp"
#include "measure.hpp"

#include <ironjar/ironjar.hpp>

using namespace ironjar;

namespace worst {
namespace {

struct Bad {
  std::string what;
  std::function<std::string(std::size_t)> make;
};

std::string number(std::size_t i) { return std::to_string(i); }

}  // namespace

std::vector<std::pair<std::string, std::function<std::string(std::size_t)>>> badJson() {
  return {
      {"openings", repeated("[")},
      {"openings of objects", repeated("{\"a\":")},
      {"deep", nested("[", "1", "]")},
      {"deep objects", nested("{\"a\":", "1", "}")},
      {"deep, then a brace", nested("[", "1", "}")},
      {"64 levels, again and again", repeated(std::string(63, '[') + std::string(63, ']') + ",", "[", "0]")},
      {"wide", repeated("0,", "[", "0]")},
      {"empty arrays", repeated("[],", "[", "[]]")},
      {"empty objects", repeated("{},", "[", "{}]")},
      {"many keys", numbered([](std::size_t i) { return "\"" + number(i) + "\":0,"; }, "{", "\"x\":0}")},
      {"keys backwards",
       numbered([](std::size_t i) { return "\"" + number(9'999'999 - i) + "\":0,"; }, "{", "\"x\":0}")},
      {"long keys that end differently",
       numbered([](std::size_t i) { return "\"" + std::string(200, 'k') + number(i) + "\":0,"; }, "{", "\"x\":0}")},
      {"a key twice", repeated("\"a\":0,", "{", "\"a\":0}")},
      {"a key twice at the end", numbered([](std::size_t i) { return "\"" + number(i) + "\":0,"; }, "{", "\"0\":0}")},
      {"objects of one key", repeated("{\"a\":0},", "[", "0]")},
      {"a long text", repeated("x", "\"", "\"")},
      {"a text without an end", repeated("x", "\"")},
      {"escapes", repeated("\\u0000", "\"", "\"")},
      {"backslashes", repeated("\\\\", "\"", "\"")},
      {"lone surrogates", repeated("\\ud800", "\"", "\"")},
      {"surrogates the wrong way round", repeated("\\udc00\\ud800", "\"", "\"")},
      {"keys of lone surrogates", repeated("\"\\ud800\":0,", "{", "\"x\":0}")},
      {"no UTF-8 at the end", repeated("x", "\"", "\xff\"")},
      {"high bytes", repeated("\xff")},
      {"a number of digits", repeated("9")},
      {"a fraction of digits", repeated("1", "0.")},
      {"zeros before a digit", repeated("0", "0.", "1e99999")},
      {"an exponent of digits", repeated("9", "1e")},
      {"numbers with long fractions", repeated("0.1234567890123456789012345678901234567890,", "[", "0]")},
      {"largest numbers", repeated("1.7976931348623157e308,", "[", "0]")},
      {"numbers near a tie", repeated("9007199254740993.00000000000000000000000000000000001,", "[", "0]")},
      {"blanks", repeated(" ")},
      {"line breaks and a value", repeated("\n", "", "1")},
      {"commas", repeated(",", "[")},
      {"colons", repeated(":", "{\"a\"")}};
}

namespace {

template <class Use>
void addEach(std::vector<Family>& families, const std::string& entry, const std::vector<Bad>& inputs, Use use,
             const std::vector<std::size_t>& sizes, double perMegabyte = ofText) {
  for (const Bad& bad : inputs) {
    families.push_back({entry, bad.what, bad.make,
                        [use](const std::string& input) -> Call { return [use, &input] { use(input); }; }, sizes,
                        perMegabyte});
  }
}

// A value of so many levels, made without recursion.
Json deepValue(std::size_t levels) {
  Json value = 1;
  for (; levels > 0; --levels) {
    Json around = Json::array();
    around.push_back(std::move(value));
    value = std::move(around);
  }
  return value;
}

void addSession(std::vector<Family>& families) {
  // Bytes stand for levels: an opening each. What a handler would pass on, made outside of what is measured; it is
  // moved, as there is no measuring of how nlohmann copies what is deep.
  const auto add = [&](const std::string& entry, const std::string& what, auto use) {
    families.push_back({entry,
                        what,
                        repeated("["),
                        [use](const std::string& input) -> Call {
                          auto values = std::make_shared<std::vector<Json>>();
                          for (std::size_t i = 0; i < mostCalls; ++i) values->push_back(deepValue(input.size()));
                          return [use, values] {
                            Session session;
                            use(session, std::move(values->back()));
                            values->pop_back();
                          };
                        },
                        {64, 80'000, MiB},
                        ofJson});
  };
  add("Session::set", "deep", [](Session& session, Json&& value) { session.set("x", std::move(value)); });
  add("Session::assign", "deep", [](Session& session, Json&& value) { session.assign(std::move(value)); });
  add("Session::assign", "a member that is deep", [](Session& session, Json&& value) {
    Json data = Json::object();
    data["x"] = std::move(value);
    session.assign(std::move(data));
  });
}

void addParsers(std::vector<Family>& families) {
  std::vector<Bad> json;
  for (const auto& [what, make] : badJson()) json.push_back({what, make});
  addEach(
      families, "parseJson", json,
      [](const std::string& input) {
        auto parsed = detail::parseJson(input);
        if (!parsed) return;
        static_cast<void>(detail::writeJson(*parsed).has_value());
        detail::dismantle(*parsed);
      },
      bodySizes, ofJson);
  addEach(
      families, "parseJsonSlowly", json,
      [](const std::string& input) {
        auto parsed = detail::parseJsonSlowly(input);
        if (parsed) detail::dismantle(*parsed);
      },
      bodySizes, ofJson);
}

void addTexts(std::vector<Family>& families) {
  addEach(
      families, "decodeBase64url",
      {{"good", repeated("ABCD")},
       {"bad at the end", repeated("A", "", "!")},
       {"bad from the start", repeated("!")},
       {"an impossible length", repeated("AAAA", "A")}},
      [](const std::string& input) {
        std::string out(detail::base64urlDecodedSize(input.size()), '\0');
        static_cast<void>(detail::decodeBase64url(input, detail::writable(out.data(), out.size())));
      },
      bodySizes);
  addEach(
      families, "parseUrl",
      {{"dots", repeated(".", "https://")},
       {"labels", repeated("a.", "https://", "com/")},
       {"colons", repeated(":", "https://")},
       {"a bracket of colons", repeated(":", "https://[", "]/")},
       {"at signs", repeated("@", "https://a")},
       {"slashes", repeated("/", "https://a")},
       {"climbing", repeated("../", "https://a/")},
       {"percent signs", repeated("%2e", "https://a/")},
       {"question marks", repeated("?", "https://a/")},
       {"a port of digits", repeated("9", "https://a:")},
       {"zeros in a port", repeated("0", "https://a:", "443/")},
       {"a scheme", repeated("h")}},
      [](const std::string& input) { static_cast<void>(detail::parseUrl(input).has_value()); }, bodySizes);
  addEach(
      families, "parseHttpDate",
      {{"blanks", repeated(" ", "Sun, 06 Nov 1994")},
       {"digits", repeated("9", "Sun, 06 Nov ")},
       {"commas", repeated(",", "Sun")},
       {"dates", repeated("Sun, 06 Nov 1994 08:49:37 GMT")}},
      [](const std::string& input) { static_cast<void>(detail::parseHttpDate(input).has_value()); }, bodySizes);
}

}  // namespace

void addJson(std::vector<Family>& families) {
  addParsers(families);
  addSession(families);
  addTexts(families);
}

}  // namespace worst

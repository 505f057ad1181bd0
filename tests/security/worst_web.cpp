#include "measure.hpp"

#if __has_include(<ironjar/web.hpp>)
#include <ironjar/web.hpp>
#endif

namespace worst {

#if __has_include(<ironjar/web.hpp>)

namespace {

using namespace ironjar;

struct Bad {
  std::string what;
  std::function<std::string(std::size_t)> make;
};

using Fields = std::vector<std::pair<std::string_view, std::string_view>>;

void add(std::vector<Family>& families, const std::string& entry, const std::vector<Bad>& inputs,
         const std::function<void(const std::string&)>& use, const std::vector<std::size_t>& sizes) {
  for (const Bad& bad : inputs) {
    families.push_back({entry, bad.what, bad.make,
                        [use](const std::string& input) -> Call { return [use, &input] { use(input); }; }, sizes});
  }
}

std::vector<std::string> linesOf(const std::string& input) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < input.size();) {
    const std::size_t end = std::min(input.find('\n', at), input.size());
    lines.push_back(input.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

void ask(const Fields& fields) {
  static const Origins site = {"https://app.example.com"};
  const WebRequest request{.method = "POST", .target = "/x", .fields = fields};
  static_cast<void>(isSameOrigin(request) || isSameOrigin(request, site));
}

void addOrigins(std::vector<Family>& families) {
  const std::vector<Bad> origins = {{"letters", repeated("a", "https://")},
                                    {"dots", repeated(".", "https://")},
                                    {"colons", repeated(":", "https://")},
                                    {"blanks", repeated(" ")},
                                    {"slashes", repeated("/")},
                                    {"commas", repeated("https://a,")},
                                    {"digits", repeated("9", "https://a:")}};
  add(
      families, "isSameOrigin", origins,
      [](const std::string& input) {
        ask({{"Host", "a"}, {"Origin", input}});
      },
      headerSizes);
  add(
      families, "isSameOrigin, Host", origins,
      [](const std::string& input) {
        ask({{"Host", input}, {"Origin", "https://a"}});
      },
      headerSizes);
  add(
      families, "isSameOrigin", {{"many fields", repeated("x")}},
      [](const std::string& input) {
        Fields fields(input.size() / 8, {"X-Field", "v"});
        fields.emplace_back("Host", "a");
        ask(fields);
      },
      bodySizes);
}

void addPaths(std::vector<Family>& families) {
  add(
      families, "climbs",
      {{"climbing", repeated("../")},
       {"encoded", repeated("%2e%2e/")},
       {"encoded again and again", repeated("25", "%", "2e")},
       {"slashes", repeated("/")},
       {"dots", repeated(".")},
       {"percent signs", repeated("%")},
       {"parameters", repeated(";")},
       {"overlong", repeated("%c0%ae")},
       {"backslashes", repeated("\\..")},
       {"encoded percent signs", repeated("%25")},
       {"look-alikes", repeated("\xe2\x80\xa4x")},
       {"look-alikes that are none", repeated("\xe2\x80")}},
      [](const std::string& input) { static_cast<void>(climbs("/" + input)); }, headerSizes);
}

void addFields(std::vector<Family>& families) {
  add(families, "putFields",
      {{"many names", numbered([](std::size_t i) { return "x" + std::to_string(i) + "\n"; })},
       {"one name", repeated("etag\n")},
       {"one name", repeated("Set-Cookie\n")}},
      [](const std::string& input) {
        Headers answer;
        for (const std::string& name : linesOf(input)) answer.emplace_back(name, "0");
        Headers headers;
        putFields(headers, answer);
      },
      {4 * KiB, 8 * KiB, 16 * KiB});
  add(families, "putSetCookies",
      {{"many names", numbered([](std::size_t i) { return std::to_string(i) + "=1\n"; })},
       {"one name", repeated("a=1\n")},
       {"attributes", repeated("; Path=/", "a=1")},
       {"semicolons", repeated(";", "a=1")}},
      [](const std::string& input) {
        Headers headers;
        putSetCookies(headers, linesOf(input));
      },
      {4 * KiB, 8 * KiB, 16 * KiB});
}

}  // namespace

void addWeb(std::vector<Family>& families) {
  addOrigins(families);
  addPaths(families);
  addFields(families);
}

#else

void addWeb(std::vector<Family>&) {}

#endif

}  // namespace worst

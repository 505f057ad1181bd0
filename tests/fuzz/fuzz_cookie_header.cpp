// Cookie lines, separated by 0x1e: parsed as a second, slower reading of the rules does, into views of the header; and
// opened as sessions, which never fails.
#include "fuzz.hpp"

using namespace ironjar;

namespace {

std::string withoutBlanks(std::string text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.erase(text.begin());
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.pop_back();
  return text;
}

// One character after the other.
std::vector<std::pair<std::string, std::string>> slowly(const std::string& header) {
  std::vector<std::pair<std::string, std::string>> pairs;
  std::string name;
  std::string value;
  bool inValue = false;
  for (std::size_t i = 0; i <= header.size(); ++i) {
    if (i == header.size() || header[i] == ';') {
      if (inValue && !withoutBlanks(name).empty()) pairs.emplace_back(withoutBlanks(name), withoutBlanks(value));
      name.clear();
      value.clear();
      inValue = false;
    } else if (!inValue && header[i] == '=') {
      inValue = true;
    } else {
      (inValue ? value : name).push_back(header[i]);
    }
  }
  return pairs;
}

void requireSameAsSlowly(const std::string& header) {
  const std::vector<CookiePair> pairs = parseCookies(header);
  const auto expected = slowly(header);
  fuzz::require(pairs.size() == expected.size(), "as many pairs as the slow reading finds");
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    fuzz::require(pairs[i].name == expected[i].first && pairs[i].value == expected[i].second, "the same pairs");
    for (const std::string_view view : {pairs[i].name, pairs[i].value}) {
      const bool inside =
          view.empty() || (view.data() >= header.data() && view.data() + view.size() <= header.data() + header.size());
      fuzz::require(inside, "views into the header");
    }
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const SessionJar jar({.cookieName = "ij",
                               .passwords = fuzz::password,
                               .seal = {.formats = {SealFormat::native, SealFormat::fe26}, .now = fuzz::noon}});
  std::string joined;
  for (fuzz::Input input(data, size); !input.empty();) {
    const std::string line(input.text());
    requireSameAsSlowly(line);
    joined.append(joined.empty() ? "" : "; ").append(line);
  }
  requireSameAsSlowly(joined);
  Session session = jar.open(joined);
  fuzz::require(session.empty(), "no session from what nobody sealed");
  const auto due = jar.commit(session);
  fuzz::require(due.has_value(), "a visitor without a session is no error");
  for (const std::string& cookie : *due) {
    fuzz::require(cookie.find("; Max-Age=0") != std::string::npos, "nothing but deletions");
  }
  return 0;
}

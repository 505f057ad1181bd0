// Two sessions in chunks, and a script that mixes, drops, doubles and edits their cookies: what opens is one of the
// two, whole, or nothing.
#include "fuzz.hpp"

using namespace ironjar;

namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

Pairs cookiesOf(const SessionJar& jar, const Json& data) {
  Session session = jar.open("");
  session.assign(data);
  const auto due = jar.commit(session);
  fuzz::require(due.has_value(), "it fits");
  Pairs pairs;
  for (const std::string& cookie : *due) {
    const CookiePair pair = parseCookies(std::string_view(cookie).substr(0, cookie.find(';'))).at(0);
    pairs.emplace_back(pair.name, pair.value);
  }
  return pairs;
}

std::string headerOf(const Pairs& pairs) {
  std::string header;
  for (const auto& [name, value] : pairs)
    header.append(header.empty() ? "" : "; ").append(name).append("=").append(value);
  return header;
}

Pairs edited(Pairs pairs, const Pairs& others, fuzz::Input& script) {
  while (!script.empty() && pairs.size() < 64) {
    const unsigned edit = script.byte() % 8;
    const std::size_t at = pairs.empty() ? 0 : script.byte() % pairs.size();
    if (pairs.empty() && edit > 1) continue;
    switch (edit) {
      case 0:
        pairs.insert(pairs.begin() + static_cast<std::ptrdiff_t>(at), others[script.byte() % others.size()]);
        break;
      case 1:
        pairs.emplace_back(script.text(), script.text());
        break;
      case 2:
        pairs.erase(pairs.begin() + static_cast<std::ptrdiff_t>(at));
        break;
      case 3:
        pairs.push_back(pairs[at]);
        break;
      case 4:
        std::swap(pairs[at], pairs[script.byte() % pairs.size()]);
        break;
      case 5:
        pairs[at].second.resize(script.number(2) % (pairs[at].second.size() + 1));
        break;
      case 6:
        pairs[at].first = std::string("ij.").append(1, static_cast<char>('0' + script.byte() % 10));
        break;
      default:
        pairs[at].second.append(script.text());
        break;
    }
  }
  return pairs;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const SessionJar jar({.cookieName = "ij",
                               .passwords = fuzz::password,
                               .seal = {.formats = {SealFormat::native, SealFormat::fe26}, .now = fuzz::noon},
                               .chunk = true,
                               .maxCookieHeader = 16'000});
  fuzz::Input script(data, size);
  const Json a = {{"who", "a"}, {"filler", std::string(script.number(2) % 9'000, 'a')}};
  const Json b = {{"who", "b"}, {"filler", std::string(script.number(2) % 9'000, 'b')}};
  const Pairs cookiesOfA = cookiesOf(jar, a);
  fuzz::require(jar.open(headerOf(cookiesOfA)).data() == a, "what was split joins again");
  const Pairs mixed = edited(cookiesOfA, cookiesOf(jar, b), script);
  Session session = jar.open(headerOf(mixed));
  fuzz::require(session.empty() || session.data() == a || session.data() == b, "one session, whole, or none");
  const auto due = jar.commit(session);
  fuzz::require(due && due->size() <= 5, "and at most one cookie for each of our names");
  return 0;
}

// Our side of the exchange with Node: seals pseudo-random sessions as JSON lines, opens such lines.
//
//   interop seal FORMAT COUNT SEED   print COUNT lines {"passwords": {id: password}, "purpose", "context", "now": unix
//                                    seconds at which to open, "seal", "data"}; SEED decides all but the seals, and
//                                    with fe26 the time
//   interop open FORMAT < lines      open each seal and compare what it holds with "data"
//
// FORMAT is native or fe26.
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <exception>
#include <iostream>
#include <map>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <ironjar/ironjar.hpp>

using ironjar::Json;
using ironjar::Passwords;
using ironjar::Result;
using ironjar::SealFormat;
using ironjar::SealOptions;
using ironjar::Seconds;
using ironjar::TimePoint;

namespace {

constexpr std::int64_t aDay = 86400;

// The same throws on every platform, which the standard's distributions do not promise.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t bits() { return engine_(); }
  std::size_t below(std::size_t limit) { return static_cast<std::size_t>(engine_() % limit); }
  bool oneIn(std::size_t limit) { return below(limit) == 0; }
  template <class List>
  const auto& pick(const List& list) {
    return list[below(list.size())];
  }

 private:
  std::mt19937_64 engine_;
};

// ---- text ----

struct Script {
  char32_t first, last;
};

constexpr std::array<Script, 11> scripts = {{
    {U'a', U'z'},
    {0x20, 0x7e},  // ASCII, quotes and backslashes included
    {0x00, 0x1f},  // what JSON must escape
    {U'"', U'"'},
    {U'\\', U'\\'},
    {0x7f, 0x7ff},        // two bytes: C1 controls, Latin, Greek, Cyrillic, Hebrew, Arabic
    {0x800, 0xd7ff},      // three bytes: Devanagari, line separators, Chinese, Korean
    {0xe000, 0xffff},     // the rest of three bytes: private use, byte order mark, noncharacters
    {0x1f300, 0x1f6ff},   // emoji
    {0x1f1e6, 0x1f1ff},   // halves of flags
    {0x10000, 0x10ffff},  // four bytes
}};

void appendUtf8(std::string& out, char32_t c) {
  const auto put = [&out](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) return put(c);
  if (c < 0x800) return put(0xc0 | c >> 6U), put(0x80 | (c & 0x3f));
  if (c < 0x10000) return put(0xe0 | c >> 12U), put(0x80 | (c >> 6U & 0x3f)), put(0x80 | (c & 0x3f));
  put(0xf0 | c >> 18U), put(0x80 | (c >> 12U & 0x3f)), put(0x80 | (c >> 6U & 0x3f)), put(0x80 | (c & 0x3f));
}

std::string randomText(Dice& dice, std::size_t length) {
  const bool mixed = dice.oneIn(2);
  const Script only = dice.pick(scripts);
  std::string text;
  for (std::size_t i = 0; i < length; ++i) {
    const Script script = mixed ? dice.pick(scripts) : only;
    appendUtf8(text, script.first + static_cast<char32_t>(dice.below(script.last - script.first + 1)));
  }
  return text;
}

std::string randomLetters(Dice& dice, std::size_t length) {
  constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  for (std::size_t i = 0; i < length; ++i) text.push_back(dice.pick(letters));
  return text;
}

// ---- data ----

Json randomFloat(Dice& dice) {
  const std::uint64_t bits = dice.bits();
  double number = 0;
  std::memcpy(&number, &bits, sizeof number);
  return std::isfinite(number) ? number : 0.5;
}

Json randomNumber(Dice& dice) {
  const std::uint64_t natural = dice.bits() >> (11 + dice.below(53));  // up to 2^53 - 1, what JavaScript counts exactly
  switch (dice.below(5)) {
    case 0:
      return natural;
    case 1:
      return -static_cast<std::int64_t>(natural);
    case 2:
      return static_cast<double>(natural);
    case 3:
      return static_cast<double>(natural) / 1000;
    default:
      return randomFloat(dice);
  }
}

std::string randomKey(Dice& dice) {
  constexpr std::array<const char*, 5> special = {"__proto__", "constructor", "toString", "0", ""};
  return dice.oneIn(15) ? dice.pick(special) : randomText(dice, dice.below(12));
}

Json randomValue(Dice& dice, std::size_t depth);

Json randomArray(Dice& dice, std::size_t depth) {
  Json array = Json::array();
  for (std::size_t size = dice.below(4); size > 0; --size) array.push_back(randomValue(dice, depth + 1));
  return array;
}

Json randomObject(Dice& dice, std::size_t depth) {
  Json object = Json::object();
  for (std::size_t size = dice.below(4); size > 0; --size) object[randomKey(dice)] = randomValue(dice, depth + 1);
  return object;
}

Json randomScalar(Dice& dice) {
  switch (dice.below(7)) {
    case 0:
      return nullptr;
    case 1:
      return dice.oneIn(2);
    case 2:
      return dice.below(1000);
    case 3:
      return randomNumber(dice);
    default:
      return randomText(dice, dice.below(60));
  }
}

Json randomValue(Dice& dice, std::size_t depth) {
  const std::size_t kind = depth < 8 ? dice.below(4) : 0;
  if (kind == 3) return randomArray(dice, depth);
  return kind == 2 ? randomObject(dice, depth) : randomScalar(dice);
}

Json nested(Dice& dice, Json value) {
  for (std::size_t depth = dice.below(64); depth > 0; --depth) {
    value = dice.oneIn(2) ? Json::array({std::move(value)}) : Json::object({{"n", std::move(value)}});
  }
  return value;
}

Json randomMember(Dice& dice) { return dice.oneIn(20) ? nested(dice, randomNumber(dice)) : randomValue(dice, 1); }

// An object of up to some 3,000 bytes. Never an empty one, as that is also what iron-session makes of a seal that it
// does not open.
Json randomSession(Dice& dice) {
  const std::size_t target = dice.below(3000);
  Json session = Json::object();
  for (;;) {
    const std::string key = randomKey(dice);
    Json member = randomMember(dice);
    if (!session.empty() && session.dump().size() + member.dump().size() > target) return session;
    session[key] = std::move(member);
  }
}

// ---- sealing ----

using ById = std::map<std::uint32_t, std::string>;

Passwords passwordsOf(const ById& byId) {
  std::vector<std::pair<std::uint32_t, std::string_view>> list(byId.begin(), byId.end());
  return Passwords(list);
}

// Ends in a letter, as one that ends in a line break is refused.
std::string randomPassword(Dice& dice) {
  const std::string paserk = randomLetters(dice, 42) + "A";  // of 32 bytes, canonically
  return dice.oneIn(4) ? "k4.local." + paserk : randomText(dice, dice.below(200)) + paserk;
}

ById randomPasswords(Dice& dice) {
  ById byId;
  const auto id = static_cast<std::uint32_t>(1 + dice.below(dice.oneIn(4) ? 4'000'000'000 : 3));
  byId[id] = randomPassword(dice);
  if (dice.oneIn(2)) byId[id + 1] = randomPassword(dice);
  return byId;
}

std::int64_t nowInSeconds() { return std::chrono::floor<Seconds>(ironjar::systemClock()).time_since_epoch().count(); }

ironjar::Clock stoppedAt(std::int64_t seconds) {
  return [seconds] { return TimePoint(Seconds(seconds)); };
}

// What a line says besides the data.
struct Terms {
  SealOptions options;
  std::int64_t openAt;
};

// Sealed now, as iron-session opens by the system's clock alone.
Terms fe26Terms(Dice& dice) {
  constexpr std::array<std::int64_t, 3> ttls = {0, 3600, 14 * aDay};
  const Seconds ttl{dice.pick(ttls)};
  return {{.formats = {SealFormat::fe26}, .ttl = ttl}, nowInSeconds()};
}

// Sealed at some time between 2001 and 2128, to open between the first second that may and the last.
Terms nativeTerms(Dice& dice) {
  constexpr std::int64_t skew = 60;
  const auto sealedAt = static_cast<std::int64_t>(1'000'000'000 + dice.below(4'000'000'000));
  const std::size_t ttl = dice.oneIn(4) ? 0 : 1 + dice.below(30 * aDay);
  const std::size_t opensFor = ttl == 0 ? 300 * aDay : ttl + 2 * skew;
  const auto openAt = sealedAt - skew + static_cast<std::int64_t>(dice.below(opensFor));
  SealOptions options{.ttl = Seconds(ttl), .now = stoppedAt(sealedAt)};
  if (dice.oneIn(2)) options.purpose = "p" + randomText(dice, dice.below(30));
  if (dice.oneIn(2)) options.context = randomText(dice, dice.below(60));
  return {options, openAt};
}

Json lineOf(Dice& dice, SealFormat format) {
  const ById byId = randomPasswords(dice);
  const ById beforeRotation = {*byId.begin()};
  const Passwords sealedUnder = passwordsOf(dice.oneIn(2) ? byId : beforeRotation);
  const bool any = format == SealFormat::native && dice.oneIn(10);  // iron-session's sessions are objects
  const Json data = any ? randomValue(dice, 0) : randomSession(dice);
  const Terms terms = format == SealFormat::native ? nativeTerms(dice) : fe26Terms(dice);
  const std::string seal = ironjar::sealData(data, sealedUnder, terms.options).value();

  Json passwords = Json::object();
  for (const auto& [id, password] : byId) passwords[std::to_string(id)] = password;
  return {{"passwords", passwords},
          {"purpose", terms.options.purpose},
          {"context", terms.options.context},
          {"now", terms.openAt},
          {"seal", seal},
          {"data", data}};
}

// ---- opening ----

std::uint64_t toNumber(std::string_view digits) {
  std::uint64_t number = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (problem != std::errc() || end != digits.data() + digits.size()) throw std::invalid_argument("not a number");
  return number;
}

Passwords passwordsIn(const Json& line) {
  ById byId;
  for (const auto& [id, password] : line.at("passwords").items()) {
    byId[static_cast<std::uint32_t>(toNumber(id))] = password.get<std::string>();
  }
  return passwordsOf(byId);
}

// What is wrong with a line, if anything; never what it holds.
std::optional<std::string> difference(std::string_view text, SealFormat format) {
  const Json line = Json::parse(text, nullptr, false);  // as an exception's text would quote the line
  if (line.is_discarded()) return "is not JSON";
  const SealOptions options{.formats = {format},
                            .purpose = line.at("purpose").get<std::string>(),
                            .context = line.at("context").get<std::string>(),
                            .now = stoppedAt(line.at("now").get<std::int64_t>())};
  const Result<Json> data = ironjar::unsealData(line.at("seal").get<std::string>(), passwordsIn(line), options);
  if (!data) return "does not open: " + std::string(describe(data.error().code));
  if (*data != line.at("data")) return "holds other data";
  return std::nullopt;
}

// ---- command line ----

SealFormat formatOf(std::string_view name) {
  if (name == "native") return SealFormat::native;
  if (name == "fe26") return SealFormat::fe26;
  throw std::invalid_argument("the formats are native and fe26");
}

int seal(SealFormat format, std::uint64_t count, std::uint64_t seed) {
  Dice dice(seed);
  for (; count > 0; --count) std::cout << lineOf(dice, format) << '\n';
  return std::cout.flush() ? 0 : 1;
}

int open(SealFormat format) {
  std::size_t count = 0;
  for (std::string line; std::getline(std::cin, line);) {
    ++count;
    std::optional<std::string> found;
    try {
      found = difference(line, format);
    } catch (const std::exception& error) {
      found = error.what();
    }
    if (found) throw std::runtime_error("line " + std::to_string(count) + ' ' + *found);
  }
  std::cout << count << " sessions opened\n";
  return 0;
}

int run(const std::vector<std::string_view>& arguments) {
  if (arguments.size() == 4 && arguments[0] == "seal") {
    return seal(formatOf(arguments[1]), toNumber(arguments[2]), toNumber(arguments[3]));
  }
  if (arguments.size() == 2 && arguments[0] == "open") return open(formatOf(arguments[1]));
  throw std::invalid_argument("usage: interop seal FORMAT COUNT SEED | open FORMAT < lines");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}

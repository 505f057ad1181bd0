// Our side of the exchange with Node: seals pseudo-random sessions as JSON lines, opens such lines.
//
//   interop seal FORMAT COUNT SEED   print COUNT lines {"passwords": {id: password}, "purpose", "context", "now": unix
//                                    seconds at which to open, "seal", "data"}; SEED decides all but the seals, and
//                                    with fe26 the time
//   interop open FORMAT < lines      open each seal and compare what it holds with "data"
//
// FORMAT is native or fe26.
#include "../support/random_json.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <exception>
#include <iostream>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <ironjar/ironjar.hpp>
#include <ironjar/testing/clock.hpp>

using ironjar::Json;
using ironjar::Passwords;
using ironjar::Result;
using ironjar::SealFormat;
using ironjar::SealOptions;
using ironjar::Seconds;
using ironjar::TimePoint;
using support::Dice;
using support::randomLetters;
using support::randomSession;
using support::randomText;
using support::randomValue;

namespace {

constexpr std::int64_t aDay = 86400;

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
  return ironjar::testing::VirtualClock(TimePoint(Seconds(seconds))).wall();
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

// The same cases for every way into the library.
//
//   parity make COUNT SEED        print COUNT requests, a JSON object per line, in the form that `ironjar jsonl` takes
//   parity cpp < requests         answer them through the C++ library, an answer per line
//   parity c < requests           answer them through the C interface
//   parity check REQUESTS CPP ANSWERS
//                                 compare a file of answers with those of C++; seals are opened, as no two are the same
#include "../support/random_json.hpp"
#include "answer.hpp"

#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <regex>
#include <stdexcept>
#include <string>
#include <vector>

#include <ironjar/ironjar.hpp>

using parity::Json;
using support::Dice;

namespace {

constexpr std::int64_t aTime = 1'700'000'000'000;
const std::vector<std::string> secrets = {
    "Zk3-first-password-that-is-long-enough-0001", "Qm8-second-password-that-is-long-enough-002",
    "k4.local.AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", "пароль-достаточной-длины-для-любой-печати"};

// ---- requests ----

// Languages write most fractions in ways of their own, and lengths are compared here: some number and a half stays.
Json withPlainNumbers(Json value) {
  if (value.is_number_float()) return static_cast<double>(value.dump().size()) + 0.5;
  if (value.is_structured()) {
    for (Json& element : value) element = withPlainNumbers(std::move(element));
  }
  return value;
}

Json plainValue(Dice& dice) { return withPlainNumbers(support::randomValue(dice, 0)); }
Json plainSession(Dice& dice) { return withPlainNumbers(support::randomSession(dice)); }

Json randomPasswords(Dice& dice) {
  if (dice.oneIn(3)) return dice.pick(secrets);
  Json byId = Json::object();
  const std::size_t first = dice.below(3);
  for (std::size_t i = 0; i <= dice.below(2); ++i) byId[std::to_string(first + i)] = secrets[i + dice.below(3)];
  return byId.size() == 2 && byId.front() == byId.back() ? Json(secrets.front()) : byId;
}

const char* randomFormat(Dice& dice) { return dice.oneIn(2) ? "native" : "fe26"; }

Json randomSeal(Dice& dice) {
  Json request = {{"op", "seal"},
                  {"format", randomFormat(dice)},
                  {"passwords", randomPasswords(dice)},
                  {"data", dice.oneIn(4) ? plainValue(dice) : plainSession(dice)},
                  {"nowMs", aTime + static_cast<std::int64_t>(dice.below(1'000'000'000))}};
  if (dice.oneIn(2)) request["ttl"] = dice.below(100'000);
  if (dice.oneIn(3)) request["purpose"] = support::randomText(dice, dice.below(20));
  if (dice.oneIn(3)) request["context"] = support::randomText(dice, dice.below(20));
  if (dice.oneIn(12)) request["data"] = std::string(40'000 + dice.below(30'000), 'x');
  return request;
}

void spoil(Dice& dice, std::string& seal) {
  switch (dice.below(5)) {
    case 0:
      seal[dice.below(seal.size())] = "AZaz09-_*.~ %"[dice.below(13)];
      return;
    case 1:
      seal.resize(dice.below(seal.size()));
      return;
    case 2:
      seal += support::randomLetters(dice, 1 + dice.below(4));
      return;
    case 3:
      seal = support::randomText(dice, dice.below(200));
      return;
    default:
      seal.insert(dice.below(seal.size()), 1, dice.oneIn(2) ? '*' : '.');
  }
}

Json randomUnseal(Dice& dice) {
  const Json sealing = randomSeal(dice);
  const Json answer = parity::answerThroughCpp(sealing);
  std::string seal = answer.value("seal", "ij1.none");
  if (dice.oneIn(3)) spoil(dice, seal);
  Json request = {{"op", "unseal"},
                  {"passwords", dice.oneIn(6) ? randomPasswords(dice) : sealing.at("passwords")},
                  {"seal", seal},
                  {"nowMs", sealing.at("nowMs").get<std::int64_t>() + 1000}};
  if (!dice.oneIn(4)) request["formats"] = {"native", "fe26"};
  for (const char* name : {"purpose", "context"}) {
    if (sealing.contains(name) && !dice.oneIn(8)) request[name] = sealing.at(name);
  }
  if (dice.oneIn(5)) request["nowMs"] = sealing.at("nowMs").get<std::int64_t>() - 200'000;
  if (dice.oneIn(4)) request["nowMs"] = sealing.at("nowMs").get<std::int64_t>() + 200'000'000;
  if (dice.oneIn(4)) request["clockSkew"] = dice.below(500);
  return request;
}

std::string randomHeader(Dice& dice) {
  const std::vector<std::string> pieces = {"a",  "b",   "=",        ";", "; ", " ",   "\t",
                                           "\"", "%3B", "$Version", "é", ",",  "sid", "sid=ij1.x"};
  std::string header;
  for (std::size_t i = dice.below(25); i > 0; --i) header += dice.pick(pieces);
  return header;
}

Json randomOptions(Dice& dice) {
  Json options = {{"cookieName", dice.oneIn(2) ? "sid" : "__Host-session"}, {"passwords", randomPasswords(dice)}};
  if (dice.oneIn(2))
    options["seal"] = {{"formats", dice.oneIn(2) ? Json{"fe26", "native"} : Json{"native", "fe26"}},
                       {"ttl", 60 + dice.below(10'000)}};
  if (dice.oneIn(3)) options["cookie"] = {{"sameSite", "strict"}, {"priority", "high"}};
  if (dice.oneIn(3)) options["chunk"] = true;
  if (dice.oneIn(5)) options["untilBrowserCloses"] = true;
  if (const Json& byId = options["passwords"]; byId.is_object() && dice.oneIn(2))
    options["sealUnder"] = std::stoul(byId.begin().key());
  if (dice.oneIn(5)) options["former"] = {{{"path", "/"}, {"partitioned", true}}};
  return options;
}

// What a browser sends back.
std::string headerOf(const Json& setCookies) {
  std::string header;
  for (const Json& value : setCookies) {
    const auto& text = value.get_ref<const std::string&>();
    header += (header.empty() ? "" : "; ") + text.substr(0, text.find(';'));
  }
  return header;
}

Json sessionData(Dice& dice) {
  return dice.oneIn(4) ? Json{{"blob", std::string(dice.below(7000), 'y')}} : plainSession(dice);
}

Json randomCommit(Dice& dice, const Json& options) {
  return {{"op", "commit"},
          {"options", options},
          {"header", randomHeader(dice)},
          {"data", dice.oneIn(8) ? Json(nullptr) : sessionData(dice)},
          {"nowMs", aTime}};
}

Json randomOpen(Dice& dice) {
  const Json options = randomOptions(dice);
  Json commit = randomCommit(dice, options);
  commit["data"] = sessionData(dice);
  std::string header = headerOf(parity::answerThroughCpp(commit).value("setCookie", Json::array()));
  if (dice.oneIn(3) && !header.empty()) spoil(dice, header);
  if (dice.oneIn(3)) header = randomHeader(dice) + "; " + header;
  return {{"op", "open"},
          {"options", dice.oneIn(6) ? randomOptions(dice) : options},
          {"header", header},
          {"nowMs", aTime + static_cast<std::int64_t>(dice.below(20'000'000))}};
}

Json randomRequest(Dice& dice, std::size_t number) {
  switch (number % 5) {
    case 0:
      return randomSeal(dice);
    case 1:
      return randomUnseal(dice);
    case 2:
      return {{"op", "cookies"}, {"header", randomHeader(dice)}};
    case 3:
      return randomOpen(dice);
    default:
      return randomCommit(dice, randomOptions(dice));
  }
}

int make(std::size_t count, std::uint64_t seed) {
  Dice dice(seed);
  for (std::size_t i = 0; i < count; ++i) std::cout << randomRequest(dice, i) << '\n';
  return std::cout.flush() ? 0 : 1;
}

// ---- comparing ----

// Seals differ; their length does not, nor what is around them.
std::string masked(const std::string& setCookie) {
  static const std::regex sealed("^([^=]*)=([^;]+)");
  std::smatch parts;
  if (!std::regex_search(setCookie, parts, sealed)) return setCookie;
  return parts[1].str() + "=<" + std::to_string(parts[2].length()) + ">" + parts.suffix().str();
}

Json maskedAnswer(Json answer) {
  if (answer.contains("setCookie")) {
    for (Json& value : answer["setCookie"]) value = masked(value.get<std::string>());
  }
  if (answer.contains("seal")) answer["seal"] = answer["seal"].get_ref<const std::string&>().size();
  return answer;
}

// What an answer's seal or cookies hold, as C++ opens them.
Json contentOf(const Json& request, const Json& answer) {
  if (answer.contains("seal")) {
    Json unseal = {{"op", "unseal"}, {"seal", answer.at("seal")}, {"formats", {"native", "fe26"}}};
    for (const char* name : {"passwords", "purpose", "context", "nowMs"}) {
      if (request.contains(name)) unseal[name] = request.at(name);
    }
    return parity::answerThroughCpp(unseal).at("data");
  }
  if (!answer.contains("setCookie")) return nullptr;
  return parity::answerThroughCpp({{"op", "open"},
                                   {"options", request.at("options")},
                                   {"header", headerOf(answer.at("setCookie"))},
                                   {"nowMs", request.at("nowMs")}})
      .at("data");
}

std::vector<Json> linesOf(const char* file) {
  std::ifstream in(file);
  if (!in) throw std::runtime_error(std::string("cannot read ") + file);
  std::vector<Json> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(Json::parse(line));
  return lines;
}

int check(char** files) {
  const auto requests = linesOf(files[0]);
  const auto expected = linesOf(files[1]);
  const auto answers = linesOf(files[2]);
  if (requests.empty() || requests.size() != expected.size() || requests.size() != answers.size()) {
    throw std::runtime_error("another number of answers");
  }
  std::size_t refusals = 0;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const std::string where =
        "request " + std::to_string(i + 1) + " (" + requests[i].at("op").get<std::string>() + ") ";
    if (maskedAnswer(answers[i]) != maskedAnswer(expected[i])) {
      throw std::runtime_error(where + "is answered\n" + maskedAnswer(answers[i]).dump() + "\nand not\n" +
                               maskedAnswer(expected[i]).dump());
    }
    if (contentOf(requests[i], answers[i]) != contentOf(requests[i], expected[i]))
      throw std::runtime_error(where + "holds other data");
    if (!answers[i].at("ok").get<bool>() || answers[i].contains("rejection")) ++refusals;
  }
  const std::size_t least = requests.size() / 10;  // or the cases would be too easy
  if (refusals < least || requests.size() - refusals < least * 4)
    throw std::runtime_error("the cases are not what they should be");
  std::cout << requests.size() << " answers alike, " << refusals << " of them refusals\n";
  return 0;
}

int answerAll(Json (*answer)(const Json&)) {
  for (std::string line; std::getline(std::cin, line);) std::cout << answer(Json::parse(line)) << '\n';
  return std::cout.flush() ? 0 : 1;
}

int run(const std::vector<std::string_view>& arguments, char** argv) {
  const std::string_view command = arguments.empty() ? "" : arguments[0];
  if (command == "make" && arguments.size() == 3)
    return make(std::strtoull(argv[2], nullptr, 10), std::strtoull(argv[3], nullptr, 10));
  if (command == "cpp" && arguments.size() == 1) return answerAll(parity::answerThroughCpp);
  if (command == "c" && arguments.size() == 1) return answerAll(parity::answerThroughC);
  if (command == "check" && arguments.size() == 4) return check(argv + 2);
  throw std::invalid_argument("usage: parity make COUNT SEED | cpp | c | check REQUESTS CPP ANSWERS");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run({argv + 1, argv + argc}, argv);
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}

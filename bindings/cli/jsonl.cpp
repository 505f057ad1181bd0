#include "commands.hpp"
#include "crypto/secret.hpp"
#include "json/json.hpp"
#include "options.hpp"
#include "printable.hpp"
#include "seal/seal_format.hpp"

#include <array>
#include <cstdio>
#include <iostream>
#include <stdexcept>

#include <ironjar/session.hpp>

namespace ironjar::cli {
namespace {

using Answer = nlohmann::ordered_json;

constexpr std::size_t longestLine = 1024 * 1024;

Answer refusal(const Error& error) { return {{"ok", false}, {"error", nameOf(error.code)}, {"detail", error.detail}}; }
Answer malformed(std::string_view why) { return refusal(fail(Errc::malformed, std::string(why))); }

// A request's members are taken out as they are read: what is left is the options, or a mistake.
Json take(Json& request, const char* name) {
  const auto member = request.find(name);
  if (member == request.end()) throw std::invalid_argument(std::string("ironjar: `") + name + "` is missing");
  Json value = std::move(*member);
  request.erase(member);
  return value;
}

std::string takeText(Json& request, const char* name) {
  const Json value = take(request, name);
  if (!value.is_string()) throw std::invalid_argument(std::string("ironjar: `") + name + "` is not a text");
  return value.get<std::string>();
}

Clock takeClock(Json& request) {
  if (!request.contains("nowMs")) return systemClock;
  const Json now = take(request, "nowMs");
  constexpr std::uint64_t latest = 9'223'372'036'854;  // the year 2262
  if (!now.is_number_unsigned() || now.get<std::uint64_t>() > latest) {
    throw std::invalid_argument("ironjar: `nowMs` is no time between 1970 and 2262");
  }
  const TimePoint time = detail::fromUnixMilliseconds(now.get<std::int64_t>());
  return [time] { return time; };
}

void requireNothingElse(const Json& request) {
  if (!request.empty()) throw std::invalid_argument("ironjar: the request has a member that is not known");
}

// `format` is a list of one; beside `formats` it is refused as what is not known.
void takeFormat(Json& request) {
  if (!request.contains("format") || request.contains("formats")) return;
  request["formats"] = Json::array({take(request, "format")});
}

// The time and all that is left: options of a seal.
bindings::Sealing takeSealing(Json& request) {
  const Clock now = takeClock(request);
  takeFormat(request);
  const bindings::SecretJson options(std::move(request));
  return bindings::sealingFrom(*options, now);
}

Answer seal(Json& request) {
  const Json data = take(request, "data");
  const auto sealing = takeSealing(request);
  const auto sealed = sealData(data, sealing.passwords, sealing.options);
  if (!sealed) return refusal(sealed.error());
  return {{"ok", true}, {"seal", *sealed}};
}

Answer unseal(Json& request) {
  const std::string text = takeText(request, "seal");
  const auto sealing = takeSealing(request);
  const auto data = unsealData(text, sealing.passwords, sealing.options);
  if (!data) return refusal(data.error());
  return {{"ok", true}, {"data", *data}};
}

Answer cookies(Json& request) {
  const std::string header = takeText(request, "header");
  requireNothingElse(request);
  Answer pairs = Answer::array();
  for (const auto& [name, value] : parseCookies(header)) pairs.push_back({name, value});
  return {{"ok", true}, {"cookies", pairs}};
}

struct Visit {
  SessionJar jar;
  Session session;
};

Visit visit(Json& request) {
  const Clock now = takeClock(request);
  const bindings::SecretJson options(take(request, "options"));
  const std::string header = takeText(request, "header");
  requireNothingElse(request);
  SessionJar jar(bindings::sessionOptionsFrom(*options, now));
  Session session = jar.open(header);
  return {std::move(jar), std::move(session)};
}

Answer committed(Visit& visit, Answer answer) {
  const auto due = visit.jar.commit(visit.session);
  if (!due) return refusal(due.error());
  answer["setCookie"] = *due;
  return answer;
}

Answer open(Json& request) {
  Visit opened = visit(request);
  Answer answer = {{"ok", true}, {"data", opened.session.data()}};
  if (const auto& rejection = opened.session.rejection()) {
    answer["rejection"] = {{"error", nameOf(rejection->code)}, {"detail", rejection->detail}};
  }
  return committed(opened, answer);
}

Answer commit(Json& request) {
  Json data = take(request, "data");
  Visit changed = visit(request);
  if (data.is_null()) {
    changed.session.destroy();
  } else if (data.is_object()) {
    if (const auto writable = detail::writeJson(data); !writable) return refusal(writable.error());
    changed.session.assign(std::move(data));
  } else {
    return malformed("`data` is neither an object nor null");
  }
  return committed(changed, {{"ok", true}});
}

// Data may have 64 levels, and a request is around it.
Result<Json> parseRequest(std::string_view line) {
  Result<Json> request = detail::parseJson(line);
  if (request || request.error().code != Errc::tooLarge) return request;
  Json deep = Json::parse(line.begin(), line.end(), nullptr, false);
  if (deep.is_discarded()) return fail(Errc::malformed, "the JSON text holds something that is not JSON");
  return deep;
}

Answer answerTo(std::string_view line) {
  constexpr std::array<std::pair<std::string_view, Answer (*)(Json&)>, 5> operations = {
      {{"seal", seal}, {"unseal", unseal}, {"cookies", cookies}, {"open", open}, {"commit", commit}}};
  Result<Json> request = parseRequest(line);
  if (!request) return refusal(request.error());
  if (!request->is_object()) return malformed("a request is a JSON object");
  const std::string operation = takeText(*request, "op");
  for (const auto& [name, function] : operations) {
    if (name == operation) return function(*request);
  }
  return malformed("`op` is none of seal, unseal, cookies, open and commit");
}

Answer totalAnswerTo(std::string_view line) {
  try {
    return answerTo(line);
  } catch (const std::invalid_argument& mistake) {
    return malformed(mistake.what());
  }
}

// The next line without its end, up to what a request may be; the rest of a longer one is skipped.
bool nextLine(std::string& line, bool& tooLong) {
  line.clear();
  tooLong = false;
  std::streambuf& in = *std::cin.rdbuf();
  for (int c = in.sbumpc(); c != std::char_traits<char>::eof(); c = in.sbumpc()) {
    if (c == '\n') return true;
    if (line.size() == longestLine) {
      tooLong = true;
    } else {
      line.push_back(static_cast<char>(c));
    }
  }
  return !line.empty();
}

}  // namespace

int jsonl() {
  bool tooLong = false;
  std::string line;
  line.reserve(longestLine);  // as it grew it would leave passwords behind
  while (nextLine(line, tooLong)) {
    const detail::WipeAtExit wiped(line);
    const Answer answer = tooLong ? malformed("a line is longer than a megabyte") : totalAnswerTo(line);
    std::cout << printableJson(answer.dump(-1, ' ', false, Json::error_handler_t::replace)) << '\n' << std::flush;
    if (!std::cout) return 2;  // nobody reads any more
  }
  if (std::ferror(stdin) != 0) throw std::invalid_argument("stdin cannot be read");
  return 0;
}

}  // namespace ironjar::cli

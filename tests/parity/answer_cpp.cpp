#include "answer.hpp"

#include <ironjar.h>
#include <ironjar/ironjar.hpp>
#include <ironjar/testing/clock.hpp>

namespace parity {
namespace {

using ironjar::SealFormat;
using ironjar::Seconds;

Json refusal(const ironjar::Error& error) {
  return {
      {"ok", false}, {"error", ironjar_status_name(static_cast<ironjar_status>(error.code))}, {"detail", error.detail}};
}

ironjar::Passwords passwordsOf(const Json& passwords) {
  if (passwords.is_string()) return ironjar::Passwords(passwords.get<std::string>());
  std::vector<std::pair<std::uint32_t, std::string_view>> byId;
  for (const auto& [id, text] : passwords.items()) {
    byId.emplace_back(static_cast<std::uint32_t>(std::stoul(id)), text.get_ref<const std::string&>());
  }
  return ironjar::Passwords(byId);
}

std::vector<SealFormat> formatsOf(const Json& names) {
  std::vector<SealFormat> formats;
  for (const Json& name : names) formats.push_back(name == "fe26" ? SealFormat::fe26 : SealFormat::native);
  return formats;
}

ironjar::Clock clockOf(const Json& request) {
  const ironjar::TimePoint time{std::chrono::milliseconds(request.at("nowMs").get<std::int64_t>())};
  return ironjar::testing::VirtualClock(time).wall();
}

ironjar::SealOptions sealingOf(const Json& request) {
  ironjar::SealOptions options;
  if (request.contains("formats")) options.formats = formatsOf(request.at("formats"));
  if (request.contains("format")) options.formats = formatsOf(Json::array({request.at("format")}));
  if (request.contains("ttl")) options.ttl = Seconds(request.at("ttl").get<std::int64_t>());
  options.clockSkew = Seconds(request.value("clockSkew", options.clockSkew.count()));
  options.purpose = request.value("purpose", options.purpose);
  options.context = request.value("context", options.context);
  options.now = clockOf(request);
  return options;
}

ironjar::SessionJar jarOf(const Json& request) {
  const Json& from = request.at("options");
  ironjar::SessionOptions options{.cookieName = from.at("cookieName").get<std::string>(),
                                  .passwords = passwordsOf(from.at("passwords"))};
  if (from.contains("sealUnder")) options.passwords = options.passwords.sealingUnder(from.at("sealUnder"));
  if (from.contains("seal")) {
    options.seal.formats = formatsOf(from.at("seal").at("formats"));
    options.seal.ttl = Seconds(from.at("seal").at("ttl").get<std::int64_t>());
  }
  if (from.contains("cookie")) {
    options.cookie.sameSite = ironjar::SameSite::strict;
    options.cookie.priority = ironjar::CookiePriority::high;
  }
  options.chunk = from.value("chunk", false);
  if (from.contains("former")) options.former = {{.path = "/", .partitioned = true}};
  options.untilBrowserCloses = from.value("untilBrowserCloses", false);
  options.seal.now = clockOf(request);
  return ironjar::SessionJar(options);
}

Json visit(const Json& request) {
  const ironjar::SessionJar jar = jarOf(request);
  ironjar::Session session = jar.open(request.at("header").get<std::string>());
  Json answer = {{"ok", true}};
  if (request.at("op") == "open") {
    answer["data"] = session.data();
    if (const auto& rejection = session.rejection()) {
      answer["rejection"] = refusal(*rejection);
      answer["rejection"].erase("ok");
    }
  } else if (request.at("data").is_null()) {
    session.destroy();
  } else {
    session.assign(request.at("data"));
  }
  const auto due = jar.commit(session);
  if (!due) return refusal(due.error());
  answer["setCookie"] = *due;
  return answer;
}

}  // namespace

Json answerThroughCpp(const Json& request) {
  const std::string operation = request.at("op").get<std::string>();
  if (operation == "seal") {
    const auto seal = ironjar::sealData(request.at("data"), passwordsOf(request.at("passwords")), sealingOf(request));
    return seal ? Json{{"ok", true}, {"seal", *seal}} : refusal(seal.error());
  }
  if (operation == "unseal") {
    const auto data = ironjar::unsealData(request.at("seal").get<std::string>(), passwordsOf(request.at("passwords")),
                                          sealingOf(request));
    return data ? Json{{"ok", true}, {"data", *data}} : refusal(data.error());
  }
  if (operation == "cookies") {
    const std::string header = request.at("header").get<std::string>();
    Json pairs = Json::array();
    for (const auto& [name, value] : ironjar::parseCookies(header)) pairs.push_back({name, value});
    return {{"ok", true}, {"cookies", pairs}};
  }
  return visit(request);
}

}  // namespace parity

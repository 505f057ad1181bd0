#include "answer.hpp"

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <ironjar.h>

namespace parity {
namespace {

template <auto free>
struct Freed {
  template <class T>
  void operator()(T* handle) const {
    free(handle);
  }
};

// A refusal, on its way to being the answer.
struct Refused {
  Json answer;
};

void require(ironjar_status status, const ironjar_error& error) {
  if (status == IRONJAR_OK) return;
  throw Refused{{{"ok", false}, {"error", ironjar_status_name(status)}, {"detail", error.detail}}};
}

template <class T, class Make>
T* made(const Json& options, const Make& make) {
  const std::string text = options.dump();
  T* handle = nullptr;
  ironjar_error error = IRONJAR_ERROR_INIT;
  require(make(text.data(), text.size(), &handle, &error), error);
  return handle;
}

template <class Call>
std::string textOf(const Call& call) {
  std::string buffer(2 * IRONJAR_MAX_SEAL_SIZE, '\0');
  std::size_t size = buffer.size();
  ironjar_error error = IRONJAR_ERROR_INIT;
  require(call(buffer.data(), &size, &error), error);
  buffer.resize(size);
  return buffer;
}

std::unique_ptr<ironjar_sealer, Freed<ironjar_sealer_free>> sealerOf(const Json& request) {
  Json options = Json::object();
  if (request.contains("format")) options["formats"] = Json::array({request.at("format")});
  for (const char* name : {"passwords", "formats", "ttl", "clockSkew", "purpose", "context"}) {
    if (request.contains(name)) options[name] = request.at(name);
  }
  return std::unique_ptr<ironjar_sealer, Freed<ironjar_sealer_free>>(made<ironjar_sealer>(options, ironjar_sealer_new));
}

Json convert(const Json& request) {
  const bool isSeal = request.at("op") == "seal";
  const auto sealer = sealerOf(request);
  const std::string in = isSeal ? request.at("data").dump() : request.at("seal").get<std::string>();
  const auto now = request.at("nowMs").get<std::int64_t>();
  const std::string out = textOf([&](char* buffer, std::size_t* size, ironjar_error* error) {
    const auto call = isSeal ? ironjar_seal_data : ironjar_unseal_data;
    return call(sealer.get(), in.data(), in.size(), now, buffer, size, error);
  });
  if (isSeal) return {{"ok", true}, {"seal", out}};
  return {{"ok", true}, {"data", Json::parse(out)}};
}

Json cookies(const Json& request) {
  const std::string header = request.at("header").get<std::string>();
  std::vector<ironjar_cookie_pair> pairs(header.size());
  std::size_t count = pairs.size();
  ironjar_error error = IRONJAR_ERROR_INIT;
  require(ironjar_parse_cookies(header.data(), header.size(), pairs.data(), &count, &error), error);
  Json list = Json::array();
  for (std::size_t i = 0; i < count; ++i) {
    list.push_back(
        {header.substr(pairs[i].name, pairs[i].name_size), header.substr(pairs[i].value, pairs[i].value_size)});
  }
  return {{"ok", true}, {"cookies", list}};
}

void change(ironjar_session* session, const Json& data) {
  ironjar_error error = IRONJAR_ERROR_INIT;
  if (data.is_null()) return require(ironjar_session_destroy(session, &error), error);
  const std::string json = data.dump();
  require(ironjar_session_set_data(session, json.data(), json.size(), &error), error);
}

Json visit(const Json& request) {
  const std::unique_ptr<ironjar_jar, Freed<ironjar_jar_free>> jar(
      made<ironjar_jar>(request.at("options"), ironjar_jar_new));
  const std::string header = request.at("header").get<std::string>();
  const auto now = request.at("nowMs").get<std::int64_t>();
  ironjar_session* opened = nullptr;
  ironjar_error error = IRONJAR_ERROR_INIT;
  require(ironjar_jar_open(jar.get(), header.data(), header.size(), now, &opened, &error), error);
  const std::unique_ptr<ironjar_session, Freed<ironjar_session_free>> session(opened);
  Json answer = {{"ok", true}};
  if (request.at("op") == "open") {
    answer["data"] = Json::parse(textOf([&](char* buffer, std::size_t* size, ironjar_error* e) {
      return ironjar_session_data(opened, buffer, size, e);
    }));
    const Json info = Json::parse(textOf([&](char* buffer, std::size_t* size, ironjar_error* e) {
      return ironjar_session_info(opened, buffer, size, e);
    }));
    if (!info.at("rejection").is_null()) answer["rejection"] = info.at("rejection");
  } else {
    change(opened, request.at("data"));
  }
  std::size_t count = 0;
  require(ironjar_session_commit(opened, now, &count, &error), error);
  answer["setCookie"] = Json::array();
  for (std::size_t i = 0; i < count; ++i) {
    answer["setCookie"].push_back(textOf([&](char* buffer, std::size_t* size, ironjar_error* e) {
      return ironjar_session_set_cookie(opened, i, buffer, size, e);
    }));
  }
  return answer;
}

}  // namespace

Json answerThroughC(const Json& request) {
  const std::string operation = request.at("op").get<std::string>();
  try {
    if (operation == "seal" || operation == "unseal") return convert(request);
    return operation == "cookies" ? cookies(request) : visit(request);
  } catch (const Refused& refused) {
    return refused.answer;
  }
}

}  // namespace parity

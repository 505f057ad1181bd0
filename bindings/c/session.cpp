#include "crypto/secret.hpp"
#include "guard.hpp"
#include "handles.hpp"
#include "json/json.hpp"
#include "options.hpp"

using ironjar::Json;
using ironjar::c::AtTime;
using ironjar::c::failed;
using ironjar::c::guard;
using ironjar::c::jsonText;
using ironjar::c::live;
using ironjar::c::Outcome;
using ironjar::c::release;
using ironjar::c::requireOut;
using ironjar::c::textIn;
using ironjar::c::TextOut;

namespace {

// Written by hand: a Json object that goes out of scope without memory would end the program.
std::string infoOf(const ironjar::Session& session) {
  const auto milliseconds = [](ironjar::TimePoint time) {
    return std::to_string(ironjar::detail::unixMilliseconds(time));
  };
  const auto word = [](bool is) { return is ? "true" : "false"; };
  const auto& expiresAt = session.expiresAt();
  std::string info = R"({"id":")" + session.id() + R"(","startedAt":)" + milliseconds(session.startedAt()) +
                     R"(,"expiresAt":)" + (expiresAt ? milliseconds(*expiresAt) : "null") +  //
                     R"(,"changed":)" + word(session.changed()) +                            //
                     R"(,"resealOnly":)" + word(session.isResealOnly()) +                    //
                     R"(,"destroyed":)" + word(session.destroyed()) + R"(,"rejection":)";
  const auto& rejection = session.rejection();
  if (!rejection) return info + "null}";
  const std::string_view code = ironjar_status_name(static_cast<ironjar_status>(rejection->code));
  return info + R"({"error":)" + jsonText(code) + R"(,"detail":)" + jsonText(rejection->detail) + "}}";
}

// Unlike Session::assign, which a request handler calls: says what was refused instead of keeping it for later.
Outcome assign(ironjar::Session& session, std::string_view json) {
  if (session.destroyed()) return {IRONJAR_NOT_ALLOWED, "written to after it was destroyed"};
  auto data = ironjar::detail::parseJson(json);
  if (!data) return failed(data.error());
  const ironjar::detail::Dismantled unlessTaken(*data);
  if (!data->is_object()) return {IRONJAR_MALFORMED, "a session's data is a JSON object"};
  session.assign(*std::move(data));
  return {};
}

}  // namespace

ironjar_status ironjar_jar_new(const char* options, std::size_t options_size, ironjar_jar** jar, ironjar_error* error) {
  return guard(error, [&]() -> Outcome {
    requireOut(jar, "jar") = nullptr;
    const ironjar::bindings::SecretJson json(textIn(options, options_size, "options"));
    *jar = new ironjar_jar{ironjar::SessionJar(ironjar::bindings::sessionOptionsFrom(*json, AtTime::now))};
    return {};
  });
}

ironjar_status ironjar_jar_free(ironjar_jar* jar) {
  return guard(nullptr, [&]() -> Outcome {
    release(jar);
    return {};
  });
}

ironjar_status ironjar_jar_open(const ironjar_jar* jar, const char* cookie_header, std::size_t cookie_header_size,
                                std::int64_t now_ms, ironjar_session** session, ironjar_error* error) {
  return guard(error, [&]() -> Outcome {
    requireOut(session, "session") = nullptr;
    const ironjar::SessionJar& from = live(jar).jar;
    const AtTime at(now_ms);
    *session = new ironjar_session{from, from.open(textIn(cookie_header, cookie_header_size, "cookie_header"))};
    return {};
  });
}

ironjar_status ironjar_session_free(ironjar_session* session) {
  return guard(nullptr, [&]() -> Outcome {
    release(session);
    return {};
  });
}

ironjar_status ironjar_session_data(const ironjar_session* session, char* json, std::size_t* json_size,
                                    ironjar_error* error) {
  return guard(error, [&]() -> Outcome {
    const TextOut out(json, json_size, "json");
    auto text = ironjar::detail::writeJson(live(session).session.data());
    if (!text) return failed(text.error());
    const ironjar::detail::WipeAtExit wiped(*text);
    return out.put(*text);
  });
}

ironjar_status ironjar_session_set_data(ironjar_session* session, const char* json, std::size_t json_size,
                                        ironjar_error* error) {
  return guard(error, [&] { return assign(live(session).session, textIn(json, json_size, "json")); });
}

ironjar_status ironjar_session_replace(ironjar_session* session, std::int64_t now_ms, ironjar_error* error) {
  return guard(error, [&]() -> Outcome {
    ironjar::Session& old = live(session).session;
    if (old.destroyed()) return {IRONJAR_NOT_ALLOWED, "written to after it was destroyed"};
    const AtTime at(now_ms);
    old.replace();
    return {};
  });
}

ironjar_status ironjar_session_destroy(ironjar_session* session, ironjar_error* error) {
  return guard(error, [&]() -> Outcome {
    live(session).session.destroy();
    return {};
  });
}

ironjar_status ironjar_session_info(const ironjar_session* session, char* json, std::size_t* json_size,
                                    ironjar_error* error) {
  return guard(error, [&]() -> Outcome {
    const TextOut out(json, json_size, "json");
    return out.put(infoOf(live(session).session));
  });
}

ironjar_status ironjar_session_commit(ironjar_session* session, std::int64_t now_ms, std::size_t* count,
                                      ironjar_error* error) {
  return guard(error, [&]() -> Outcome {
    requireOut(count, "count") = 0;
    ironjar_session& committed = live(session);
    committed.setCookies.clear();
    const AtTime at(now_ms);
    auto due = committed.jar.commit(committed.session);
    if (!due) return failed(due.error());
    committed.setCookies = *std::move(due);
    *count = committed.setCookies.size();
    return {};
  });
}

ironjar_status ironjar_session_set_cookie(const ironjar_session* session, std::size_t index, char* value,
                                          std::size_t* value_size, ironjar_error* error) {
  return guard(error, [&]() -> Outcome {
    const TextOut out(value, value_size, "value");
    const std::vector<std::string>& values = live(session).setCookies;
    if (index >= values.size()) return {IRONJAR_INVALID_ARGUMENT, "index is not below the count that commit gave"};
    return out.put(values[index]);
  });
}

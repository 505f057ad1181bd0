#include "abi.hpp"

#include <cstddef>
#include <thread>

using abi::aTime;
using abi::Json;

namespace {

const Json sealing = {{"passwords", abi::password}};
const Json keeping = {{"cookieName", "sid"}, {"passwords", abi::password}};
constexpr auto invalid = IRONJAR_INVALID_ARGUMENT;
constexpr std::size_t endless = static_cast<std::size_t>(-1);

}  // namespace

TEST_CASE("A01: null pointers and impossible lengths end in an error code: of options, and freed") {
  ironjar_sealer* noSealer = nullptr;
  ironjar_jar* noJar = nullptr;
  const std::string text = sealing.dump();
  CHECK(ironjar_sealer_new(nullptr, 0, &noSealer, nullptr) == invalid);
  CHECK(ironjar_sealer_new(nullptr, 5, &noSealer, nullptr) == invalid);
  CHECK(ironjar_sealer_new(nullptr, endless, &noSealer, nullptr) == invalid);
  CHECK(ironjar_sealer_new(text.data(), endless, &noSealer, nullptr) == IRONJAR_TOO_LARGE);
  CHECK(ironjar_sealer_new(text.data(), text.size(), nullptr, nullptr) == invalid);
  CHECK(ironjar_jar_new(nullptr, 0, &noJar, nullptr) == invalid);
  CHECK(ironjar_jar_new(text.data(), endless, &noJar, nullptr) == IRONJAR_TOO_LARGE);
  CHECK(ironjar_jar_new(text.data(), text.size(), nullptr, nullptr) == invalid);
  CHECK(noSealer == nullptr);
  CHECK(noJar == nullptr);
  CHECK(ironjar_sealer_free(nullptr) == IRONJAR_OK);
  CHECK(ironjar_jar_free(nullptr) == IRONJAR_OK);
  CHECK(ironjar_session_free(nullptr) == IRONJAR_OK);
}

TEST_CASE("A01: null pointers and impossible lengths end in an error code: of data and seals") {
  const abi::Sealer sealer = abi::sealer(sealing);
  std::string buffer(4096, '\0');
  std::size_t size = buffer.size();
  CHECK(ironjar_seal_data(nullptr, "1", 1, aTime, buffer.data(), &size, nullptr) == invalid);
  CHECK(ironjar_seal_data(sealer.get(), nullptr, 1, aTime, buffer.data(), &(size = 99), nullptr) == invalid);
  CHECK(ironjar_seal_data(sealer.get(), nullptr, 0, aTime, buffer.data(), &(size = 99), nullptr) == IRONJAR_MALFORMED);
  CHECK(ironjar_seal_data(sealer.get(), "1", endless, aTime, buffer.data(), &(size = 99), nullptr) ==
        IRONJAR_TOO_LARGE);
  CHECK(ironjar_seal_data(sealer.get(), "1", 1, aTime, nullptr, &(size = endless), nullptr) == invalid);
  CHECK(ironjar_seal_data(sealer.get(), "1", 1, aTime, buffer.data(), nullptr, nullptr) == invalid);
  CHECK(ironjar_seal_data(sealer.get(), "1", 1, aTime, nullptr, &(size = 0), nullptr) == IRONJAR_BUFFER_TOO_SMALL);
  CHECK(size > 0);
  CHECK(ironjar_unseal_data(nullptr, "1", 1, aTime, buffer.data(), &size, nullptr) == invalid);
  CHECK(ironjar_unseal_data(sealer.get(), nullptr, endless, aTime, buffer.data(), &size, nullptr) == invalid);
  CHECK(ironjar_unseal_data(sealer.get(), "1", endless, aTime, buffer.data(), &(size = 99), nullptr) ==
        IRONJAR_TOO_LARGE);
  CHECK(ironjar_unseal_data(sealer.get(), "1", 1, aTime, buffer.data(), nullptr, nullptr) == invalid);
}

TEST_CASE("A01: null pointers and impossible lengths end in an error code: of sessions") {
  const abi::Jar jar = abi::jar(keeping);
  const abi::Session session = abi::open(jar, "");
  ironjar_session* noSession = nullptr;
  std::string buffer(4096, '\0');
  std::size_t size = buffer.size();
  std::size_t count = 0;
  CHECK(ironjar_jar_open(nullptr, "", 0, aTime, &noSession, nullptr) == invalid);
  CHECK(ironjar_jar_open(jar.get(), nullptr, 1, aTime, &noSession, nullptr) == invalid);
  CHECK(ironjar_jar_open(jar.get(), "a", endless, aTime, &noSession, nullptr) == IRONJAR_TOO_LARGE);
  CHECK(ironjar_jar_open(jar.get(), "", 0, aTime, nullptr, nullptr) == invalid);
  CHECK(noSession == nullptr);
  CHECK(ironjar_session_data(nullptr, buffer.data(), &size, nullptr) == invalid);
  CHECK(ironjar_session_data(session.get(), buffer.data(), nullptr, nullptr) == invalid);
  CHECK(ironjar_session_data(session.get(), nullptr, &(size = 1), nullptr) == invalid);
  CHECK(ironjar_session_info(nullptr, buffer.data(), &size, nullptr) == invalid);
  CHECK(ironjar_session_info(session.get(), buffer.data(), nullptr, nullptr) == invalid);
  CHECK(ironjar_session_set_data(nullptr, "{}", 2, nullptr) == invalid);
  CHECK(ironjar_session_set_data(session.get(), nullptr, 2, nullptr) == invalid);
  CHECK(ironjar_session_set_data(session.get(), nullptr, 0, nullptr) == IRONJAR_MALFORMED);
  CHECK(ironjar_session_set_data(session.get(), "{}", endless, nullptr) == IRONJAR_TOO_LARGE);
  CHECK(ironjar_session_replace(nullptr, aTime, nullptr) == invalid);
  CHECK(ironjar_session_destroy(nullptr, nullptr) == invalid);
  CHECK(ironjar_session_commit(nullptr, aTime, &count, nullptr) == invalid);
  CHECK(ironjar_session_commit(session.get(), aTime, nullptr, nullptr) == invalid);
  CHECK(ironjar_session_set_cookie(nullptr, 0, buffer.data(), &size, nullptr) == invalid);
  CHECK(ironjar_session_set_cookie(session.get(), 0, buffer.data(), nullptr, nullptr) == invalid);
  CHECK(ironjar_session_set_cookie(session.get(), endless, buffer.data(), &size, nullptr) == invalid);
}

TEST_CASE("A01: null pointers and impossible lengths end in an error code: of Cookie headers") {
  ironjar_cookie_pair pair{};
  std::size_t count = 0;
  CHECK(ironjar_parse_cookies(nullptr, 0, nullptr, &(count = 0), nullptr) == IRONJAR_OK);
  CHECK(count == 0);
  CHECK(ironjar_parse_cookies(nullptr, 1, &pair, &(count = 1), nullptr) == invalid);
  CHECK(ironjar_parse_cookies("a=b", 3, nullptr, &(count = 1), nullptr) == invalid);
  CHECK(ironjar_parse_cookies("a=b", endless, &pair, &(count = 1), nullptr) == IRONJAR_TOO_LARGE);
  CHECK(ironjar_parse_cookies("a=b", 3, &pair, nullptr, nullptr) == invalid);
}

TEST_CASE("A01: null pointers and impossible lengths end in an error code: of cookies to be set") {
  std::string buffer(4096, '\0');
  std::size_t size = 0;
  const auto serialize = [&](const char* name, std::size_t nameSize, const char* value, std::size_t valueSize,
                             const char* how, std::size_t howSize) {
    size = buffer.size();
    return ironjar_serialize_cookie(name, nameSize, value, valueSize, how, howSize, buffer.data(), &size, nullptr);
  };
  CHECK(serialize("n", 1, nullptr, 0, "{}", 2) == IRONJAR_OK);
  CHECK(serialize(nullptr, 1, "v", 1, "{}", 2) == invalid);
  CHECK(serialize("n", 1, nullptr, 1, "{}", 2) == invalid);
  CHECK(serialize("n", 1, "v", 1, nullptr, 0) == invalid);
  CHECK(serialize("n", 1, "v", endless, "{}", 2) == IRONJAR_TOO_LARGE);
  CHECK(ironjar_serialize_cookie("n", 1, "v", 1, "{}", 2, buffer.data(), nullptr, nullptr) == invalid);
  CHECK(ironjar_serialize_cookie("n", 1, "v", 1, "{}", 2, nullptr, &(size = 1), nullptr) == invalid);
  CHECK(ironjar_split_seal(nullptr, 0, 1, buffer.data(), &(size = buffer.size()), nullptr) == invalid);
  CHECK(ironjar_split_seal("{}", endless, 1, buffer.data(), &(size = buffer.size()), nullptr) == IRONJAR_TOO_LARGE);
  CHECK(ironjar_split_seal(R"({"cookieName":"s"})", 18, 1, nullptr, &(size = 1), nullptr) == invalid);
  CHECK(ironjar_split_seal(R"({"cookieName":"s"})", 18, 1, buffer.data(), nullptr, nullptr) == invalid);
}

TEST_CASE("A01: a time that no clock can show is an error code") {
  const abi::Sealer sealer = abi::sealer(sealing);
  ironjar_status status = IRONJAR_OK;
  for (const std::int64_t time : {std::int64_t{-2}, INT64_MIN, INT64_MAX, std::int64_t{9'300'000'000'000'000}}) {
    CHECK_FALSE(abi::seal(sealer, "1", time, &status));
    CHECK(status == invalid);
  }
  CHECK(abi::seal(sealer, "1", 0, &status));
}

TEST_CASE("A02: a NUL inside a text is kept or refused, and never an end") {
  using namespace std::string_literals;
  const abi::Sealer sealer = abi::sealer(sealing);
  ironjar_status status = IRONJAR_OK;
  CHECK_FALSE(abi::seal(sealer, "1\0002"s, aTime, &status));
  CHECK(status == IRONJAR_MALFORMED);
  const std::string seal = abi::seal(sealer, R"("a\u0000b")").value();
  CHECK(abi::unseal(sealer, seal) == R"("a\u0000b")");
  CHECK_FALSE(abi::unseal(sealer, seal + "\0junk"s, aTime, &status));
  CHECK(status == IRONJAR_MALFORMED);

  const abi::Sealer other = abi::sealer({{"passwords", abi::password}, {"context", "sid\0x"s}});
  const abi::Sealer cut = abi::sealer({{"passwords", abi::password}, {"context", "sid"}});
  CHECK_FALSE(abi::unseal(cut, abi::seal(other, "1").value(), aTime, &status));
  CHECK(status == IRONJAR_TAMPERED);
  const abi::Sealer longer = abi::sealer({{"passwords", abi::password + "\0tail"s}});
  CHECK_FALSE(abi::unseal(sealer, abi::seal(longer, "1").value(), aTime, &status));
  CHECK(status == IRONJAR_UNKNOWN_KEY);

  const abi::Jar jar = abi::jar(keeping);
  const abi::Session session = abi::open(jar, "");
  REQUIRE(abi::setData(session, R"({"k\u0000":"v\u0000w"})") == IRONJAR_OK);
  const abi::Session again = abi::open(jar, "x=\0y; "s + abi::sentBack(abi::commit(session).at(0)));
  CHECK(abi::data(again) == Json{{"k\0"s, "v\0w"s}});
}

TEST_CASE("A02: a password that was no UTF-8 before it became JSON is refused") {
  // As Python and JavaScript write what they could not decode: with all of it the same, anybody would know the key.
  std::string escapes;
  for (int i = 0; i < 40; ++i) escapes += "\\udc" + std::string(i % 2 == 0 ? "80" : "ff");
  const std::string part = std::string(abi::password) + "\\ud800";
  for (const std::string& password : {escapes, part, std::string(abi::password) + "\xef\xbf\xbd"}) {
    for (const std::string& passwords : {"\"" + password + "\"", "{\"1\":\"" + password + "\"}"}) {
      const std::string options = R"({"cookieName":"sid","passwords":)" + passwords + "}";
      ironjar_jar* jar = nullptr;
      abi::Failure failure;
      CHECK(ironjar_jar_new(options.data(), options.size(), &jar, failure) == invalid);
      CHECK(failure.detail().find("not UTF-8") != std::string::npos);
    }
  }
}

TEST_CASE("A03: an error struct of another size is filled as far as it goes") {
  const auto call = [](ironjar_error* error) {
    return ironjar_sealer_free(nullptr), ironjar_sealer_new("[]", 2, nullptr, error);
  };
  struct {
    ironjar_error error = IRONJAR_ERROR_INIT;
    char behind[16] = "untouched";
  } newer;
  newer.error.size = sizeof newer;
  CHECK(call(&newer.error) == invalid);
  CHECK(std::string(newer.error.detail) == "ironjar: sealer is null");
  CHECK(std::string(newer.behind) == "untouched");

  ironjar_error older = IRONJAR_ERROR_INIT;
  std::fill(std::begin(older.detail), std::end(older.detail), '#');
  older.size = offsetof(ironjar_error, detail) + 8;
  CHECK(call(&older) == invalid);
  CHECK(std::string(older.detail) == "ironjar");
  CHECK(older.detail[8] == '#');

  for (const std::uint32_t size : {0U, 4U, 8U}) {
    ironjar_error unset = {size, 77, "as it was"};
    CHECK(call(&unset) == invalid);
    CHECK(unset.status == 77);
    CHECK(std::string(unset.detail) == "as it was");
  }
}

TEST_CASE("A04: a handle of another kind is refused") {
  const abi::Sealer sealer = abi::sealer(sealing);
  const abi::Jar jar = abi::jar(keeping);
  const abi::Session session = abi::open(jar, "");
  std::string buffer(4096, '\0');
  std::size_t size = buffer.size();
  // Large enough for any handle, and of no kind.
  alignas(16) unsigned char junk[1024] = {};
  const auto as = [&](auto* kind) { return reinterpret_cast<decltype(kind)>(junk); };
  CHECK(ironjar_session_data(as(session.get()), buffer.data(), &size, nullptr) == invalid);
  CHECK(ironjar_unseal_data(as(sealer.get()), "x", 1, aTime, buffer.data(), &size, nullptr) == invalid);
  ironjar_session* opened = nullptr;
  CHECK(ironjar_jar_open(as(jar.get()), "", 0, aTime, &opened, nullptr) == invalid);
  CHECK(ironjar_sealer_free(as(sealer.get())) == invalid);
  CHECK(ironjar_jar_free(as(jar.get())) == invalid);
  CHECK(ironjar_session_free(as(session.get())) == invalid);
}

TEST_CASE("A06: eight threads share a sealer and a jar, each at its own time") {
  const abi::Sealer sealer = abi::sealer({{"passwords", abi::password}, {"formats", {"native", "fe26"}}, {"ttl", 100}});
  const abi::Jar jar = abi::jar(keeping);
  std::vector<int> good(8);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < good.size(); ++t) {
    threads.emplace_back([&, t] {
      const std::int64_t now = aTime + static_cast<std::int64_t>(t) * 1'000'000;
      for (int i = 0; i < 200; ++i) {
        const std::string json = R"({"n":)" + std::to_string(i) + "}";
        const auto seal = abi::seal(sealer, json, now);
        ironjar_status late = IRONJAR_OK;
        const bool expires = seal && !abi::unseal(sealer, *seal, now + 200'000, &late) && late == IRONJAR_EXPIRED;
        ironjar_session* session = nullptr;
        std::size_t count = 0;
        const bool kept = ironjar_jar_open(jar.get(), "", 0, now, &session, nullptr) == IRONJAR_OK &&
                          ironjar_session_set_data(session, json.data(), json.size(), nullptr) == IRONJAR_OK &&
                          ironjar_session_commit(session, now, &count, nullptr) == IRONJAR_OK && count == 1;
        ironjar_session_free(session);
        if (expires && kept && abi::unseal(sealer, *seal, now) == json) ++good[t];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(good == std::vector<int>(8, 200));
}

// The C interface as the tests hold it: handles that free themselves, texts as std::string.
#pragma once

#include "../support/canary.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <ironjar.h>
#include <nlohmann/json.hpp>

namespace abi {

using Json = nlohmann::json;

inline const char* const password =
    support::secret("IRONJAR_TEST_PASSWORD", "Zk3-first-password-that-is-long-enough-0001");
inline const char* const otherPassword =
    support::secret("IRONJAR_TEST_OTHER_PASSWORD", "Qm8-second-password-that-is-long-enough-002");
inline constexpr std::int64_t aTime = 1'700'000'000'000;

template <auto free>
struct Freed {
  template <class T>
  void operator()(T* handle) const {
    free(handle);
  }
};
using Sealer = std::unique_ptr<ironjar_sealer, Freed<ironjar_sealer_free>>;
using Jar = std::unique_ptr<ironjar_jar, Freed<ironjar_jar_free>>;
using Session = std::unique_ptr<ironjar_session, Freed<ironjar_session_free>>;

struct Failure {
  ironjar_error error = IRONJAR_ERROR_INIT;
  operator ironjar_error*() { return &error; }  // NOLINT: passed where the interface takes one
  [[nodiscard]] std::string detail() const {
    support::tell(ironjar_status_name(error.status), error.detail);
    return error.detail;
  }
};

inline Sealer sealer(const Json& options, ironjar_status expected = IRONJAR_OK) {
  const std::string text = options.dump();
  ironjar_sealer* made = nullptr;
  Failure failure;
  const ironjar_status status = ironjar_sealer_new(text.data(), text.size(), &made, failure);
  CAPTURE(failure.detail());
  CHECK(status == expected);
  return Sealer(made);
}

inline Jar jar(const Json& options, ironjar_status expected = IRONJAR_OK) {
  const std::string text = options.dump();
  ironjar_jar* made = nullptr;
  Failure failure;
  const ironjar_status status = ironjar_jar_new(text.data(), text.size(), &made, failure);
  CAPTURE(failure.detail());
  CHECK(status == expected);
  return Jar(made);
}

// Asks for the size first, then for the text, as a caller without a buffer would. Nothing when the call fails.
template <class Call>
std::optional<std::string> text(const Call& call, ironjar_status* status = nullptr) {
  std::size_t size = 0;
  ironjar_status got = call(nullptr, &size);
  std::string buffer;
  if (got == IRONJAR_BUFFER_TOO_SMALL) {
    buffer.resize(size);
    got = call(buffer.data(), &size);
  }
  if (status != nullptr) *status = got;
  if (got != IRONJAR_OK) return std::nullopt;
  buffer.resize(size);
  return buffer;
}

inline std::optional<std::string> seal(const Sealer& with, std::string_view json, std::int64_t now = aTime,
                                       ironjar_status* status = nullptr) {
  return text(
      [&](char* buffer, std::size_t* size) {
        return ironjar_seal_data(with.get(), json.data(), json.size(), now, buffer, size, nullptr);
      },
      status);
}

inline std::optional<std::string> unseal(const Sealer& with, std::string_view seal, std::int64_t now = aTime,
                                         ironjar_status* status = nullptr) {
  return text(
      [&](char* buffer, std::size_t* size) {
        return ironjar_unseal_data(with.get(), seal.data(), seal.size(), now, buffer, size, nullptr);
      },
      status);
}

inline Session open(const Jar& from, std::string_view header, std::int64_t now = aTime) {
  ironjar_session* session = nullptr;
  REQUIRE(ironjar_jar_open(from.get(), header.data(), header.size(), now, &session, nullptr) == IRONJAR_OK);
  return Session(session);
}

inline Json data(const Session& of) {
  const auto json =
      text([&](char* buffer, std::size_t* size) { return ironjar_session_data(of.get(), buffer, size, nullptr); });
  return Json::parse(json.value());
}

inline Json info(const Session& of) {
  const auto json =
      text([&](char* buffer, std::size_t* size) { return ironjar_session_info(of.get(), buffer, size, nullptr); });
  return Json::parse(json.value());
}

inline ironjar_status setData(const Session& of, std::string_view json) {
  return ironjar_session_set_data(of.get(), json.data(), json.size(), nullptr);
}

inline std::vector<std::string> commit(const Session& session, std::int64_t now = aTime,
                                       ironjar_status expected = IRONJAR_OK) {
  std::size_t count = 0;
  CHECK(ironjar_session_commit(session.get(), now, &count, nullptr) == expected);
  std::vector<std::string> values;
  for (std::size_t i = 0; i < count; ++i) {
    values.push_back(text([&](char* buffer, std::size_t* size) {
                       return ironjar_session_set_cookie(session.get(), i, buffer, size, nullptr);
                     }).value());
  }
  return values;
}

// What a browser sends back of a Set-Cookie value.
inline std::string sentBack(const std::string& setCookie) { return setCookie.substr(0, setCookie.find(';')); }

}  // namespace abi

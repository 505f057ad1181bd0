// What the benchmarks share: sessions of known sizes, a password, options.
#pragma once

#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

#include <ironjar/ironjar.hpp>

namespace bench {

inline constexpr const char* password = "Zk3-first-password-that-is-long-enough-0001";

// The JSON text of a session, of exactly so many bytes. 128: what a site without logins keeps. 1024: a login with its
// tokens. 1000: the same with a shop's small things, 26 values in all. 3072: a login and a history, mostly text. The
// peers read the same files.
inline std::string sessionText(std::int64_t size) {
  const std::string name = std::string(IRONJAR_BENCH_SESSIONS) + "/" + std::to_string(size) + ".json";
  std::ifstream file(name);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (text.size() != static_cast<std::size_t>(size)) throw std::runtime_error("wrong or missing: " + name);
  return text;
}

inline ironjar::Json session(std::int64_t size) { return ironjar::Json::parse(sessionText(size)); }

inline ironjar::SealOptions sealing(ironjar::SealFormat format) {
  return {.formats = {format}, .context = "__Host-session"};
}

}  // namespace bench

// Options as JSON: what the C interface and the command line are configured by. A member that is not known is refused,
// so that a misspelt one does not silently leave a default in force.
#pragma once

#include <string_view>

#include <ironjar/session.hpp>

namespace ironjar::bindings {

struct Sealing {
  Passwords passwords;
  SealOptions options;
};

struct SetCookie {
  CookieOptions options = {};
  bool keepsPromises = true;  // false: also what browsers do not keep
};

// JSON that may hold passwords: its texts are wiped when it goes.
class SecretJson {
 public:
  // Strict: no key twice, at most 64 levels. Throws std::invalid_argument.
  explicit SecretJson(std::string_view text);
  // The same of what was parsed elsewhere, where only the levels are left to see.
  explicit SecretJson(Json value);
  SecretJson(const SecretJson&) = delete;
  SecretJson& operator=(const SecretJson&) = delete;
  ~SecretJson();

  [[nodiscard]] const Json& operator*() const { return value_; }

 private:
  Json value_;
};

// Each throws std::invalid_argument, naming the member and what to change, never a value.

// `passwords`, `sealUnder`, and the members of SealOptions but `now`.
[[nodiscard]] Sealing sealingFrom(const Json& object, const Clock& now);
// The members of CookieOptions, and `promises`. expires is in unix milliseconds.
[[nodiscard]] SetCookie setCookieFrom(const Json& object);
// The members of SessionOptions but the functions. cookie.expires is in unix milliseconds.
[[nodiscard]] SessionOptions sessionOptionsFrom(const Json& object, const Clock& now);

}  // namespace ironjar::bindings

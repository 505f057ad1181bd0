// Passwords: the secrets that cookies are sealed under. Every id unseals; the highest seals, or the one that
// sealingUnder() names. So a password is rotated by adding a higher id, and the old one is removed when its last
// cookies have expired. Where several servers share cookies, no server seals under a password before every server has
// it: first one server after the other learns it and seals under the old one, then one after the other seals under it.
//
// A password is at least 32 UTF-16 code units (what JavaScript's `length` counts, the rule of iron-session) of random
// text: it is not stretched. `openssl rand -base64 32` makes one. The form `k4.local.` + 43 characters (PASERK,
// https://github.com/paseto-standard/paserk) is a raw 32-byte key to the native format and plain text to Fe26.2.
//
// Example:
//   const ironjar::Passwords rotated({{2, std::getenv("SESSION_PASSWORD_2")}, {1, std::getenv("SESSION_PASSWORD")}});
//   const ironjar::Passwords learned = rotated.sealingUnder(1);
#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace ironjar {

namespace detail {
class Keyring;
}

// Immutable and cheap to copy; copies share the keys, which are wiped with the last of them. Thread-safe.
//
// Every constructor throws std::invalid_argument, naming what to change and never the password, when a password is
// null, too short, not UTF-8, easy to guess (a repetition, sequences, words as `changeme`, a sample published in some
// README), or ends in a line break; when an id or a password occurs twice; and when there are none or more than 32. No
// random text is taken for one that is easy to guess.
class Passwords {
 public:
  // One password, with id 1. std::getenv goes straight in.
  Passwords(const char* only);         // NOLINT: implicit, so that `.passwords = std::getenv("SESSION_PASSWORD")` works
  Passwords(const std::string& only);  // NOLINT: and so does a text from a configuration file
  Passwords(std::initializer_list<std::pair<std::uint32_t, const char*>> byId);
  explicit Passwords(std::span<const std::pair<std::uint32_t, std::string_view>> byId);

  // A file of lines `id:password`, as secrets are mounted into containers; a line `seal:id` is sealingUnder(id). Empty
  // lines and lines that start with `#` are skipped, one line break ends each line. Throws std::invalid_argument also
  // when the file cannot be read, is not a regular file, is larger than 64 KiB, or can be changed by others than root
  // and the user whom this process runs as: by its group, by everybody, or by an owner who is neither. Links are
  // followed, and modes such as 0644 and 0440 are fine: so Kubernetes mounts secrets.
  [[nodiscard]] static Passwords fromFile(const std::filesystem::path& file);

  // The same passwords, of which this one seals. Cookies under another are sealed under it as their users come. Throws
  // std::invalid_argument when none has this id.
  [[nodiscard]] Passwords sealingUnder(std::uint32_t id) const;

  // For the library's own use.
  explicit Passwords(std::shared_ptr<const detail::Keyring> keyring) : keyring_(std::move(keyring)) {}
  [[nodiscard]] const detail::Keyring& keyring() const { return *keyring_; }

 private:
  std::shared_ptr<const detail::Keyring> keyring_;
};

}  // namespace ironjar

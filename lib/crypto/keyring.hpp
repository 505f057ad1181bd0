// The keys behind Passwords: everything that is derived once per password.
#pragma once

#include "crypto/libcrypto.hpp"
#include "crypto/secret.hpp"

#include <array>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ironjar::detail {

inline constexpr std::size_t keyIdSize = 8;

// Recordings of other programs have passwords that nobody may use.
enum class Guessable { refused, allowed };

struct Key {
  // Throws std::invalid_argument when the password is not acceptable.
  Key(std::uint32_t id, std::string_view password, Guessable guessable = Guessable::refused);

  std::uint32_t id;
  Secret<aeadKeySize> native;
  std::array<unsigned char, keyIdSize> nativeId;  // commits to `native`
  Pbkdf2Password fe26;
};

// Keys from the highest id to the lowest. Immutable.
class Keyring {
 public:
  explicit Keyring(std::list<Key> keys);

  [[nodiscard]] const Key& newest() const { return keys_.front(); }
  [[nodiscard]] const std::list<Key>& all() const { return keys_; }  // the newest first
  [[nodiscard]] const Key* only() const { return keys_.size() == 1 ? &keys_.front() : nullptr; }
  [[nodiscard]] const Key* byId(std::uint32_t id) const;
  [[nodiscard]] const Key* byNativeId(Bytes nativeId) const;

  // A key that opens nothing, so that a seal under an unknown id costs what a forgery under a known one does.
  [[nodiscard]] const Key& decoy() const { return decoy_; }

 private:
  std::list<Key> keys_;
  Key decoy_;
};

// The passwords by id in a text of lines, as Passwords::fromFile has them: views into it. `source` is what the text is
// called in std::invalid_argument.
[[nodiscard]] std::vector<std::pair<std::uint32_t, std::string_view>> passwordLines(std::string_view text,
                                                                                    const std::string& source);

}  // namespace ironjar::detail

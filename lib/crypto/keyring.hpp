// The keys behind Passwords: everything that is derived once per password.
#pragma once

#include "crypto/libcrypto.hpp"
#include "crypto/secret.hpp"

#include <array>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>

#include <ironjar/passwords.hpp>

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

// Keys from the highest id to the lowest, and which of them seals. Immutable; copies share the keys.
class Keyring {
 public:
  // The one with the highest id seals.
  explicit Keyring(std::list<Key> keys);
  // Throws std::invalid_argument when none has this id.
  [[nodiscard]] Keyring sealingUnder(std::uint32_t id) const;

  [[nodiscard]] const Key& sealing() const { return *sealing_; }
  [[nodiscard]] const std::list<Key>& all() const { return keys_->byId; }  // the highest id first
  [[nodiscard]] const Key* only() const { return all().size() == 1 ? &all().front() : nullptr; }
  [[nodiscard]] const Key* byId(std::uint32_t id) const;
  [[nodiscard]] const Key* byNativeId(Bytes nativeId) const;

  // A key that opens nothing, so that a seal under an unknown id costs what a forgery under a known one does.
  [[nodiscard]] const Key& decoy() const { return keys_->decoy; }

 private:
  struct Keys {
    explicit Keys(std::list<Key> all);
    std::list<Key> byId;
    Key decoy;
  };
  std::shared_ptr<const Keys> keys_;
  const Key* sealing_;
};

// A text of lines, as Passwords::fromFile has them. `source` is what the text is called in std::invalid_argument.
[[nodiscard]] Passwords passwordsInLines(std::string_view text, const std::string& source);

}  // namespace ironjar::detail

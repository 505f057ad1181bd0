// Passwords as recordings of other programs have them, also those that are refused as easy to guess.
#pragma once

#include "crypto/keyring.hpp"
#include "support.hpp"

namespace support {

inline ironjar::Passwords recordedPasswords(const Json& recorded) {
  using ironjar::detail::Guessable;
  std::list<ironjar::detail::Key> keys;
  if (recorded.is_string()) {
    keys.emplace_back(1, recorded.get_ref<const std::string&>(), Guessable::allowed);
  } else {
    for (const auto& [id, secret] : recorded.items()) {
      keys.emplace_back(static_cast<std::uint32_t>(std::stoul(id)), secret.get_ref<const std::string&>(),
                        Guessable::allowed);
    }
  }
  return ironjar::Passwords(std::make_shared<const ironjar::detail::Keyring>(std::move(keys)));
}

}  // namespace support

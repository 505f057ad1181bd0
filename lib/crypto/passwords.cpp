#include "base/base64url.hpp"
#include "base/descriptor.hpp"
#include "base/number.hpp"
#include "base/utf8.hpp"
#include "crypto/guessable.hpp"
#include "crypto/keyring.hpp"

#include <algorithm>
#include <array>
#include <fcntl.h>
#include <optional>
#include <stdexcept>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include <ironjar/passwords.hpp>

namespace ironjar {
namespace detail {
namespace {

constexpr std::size_t minLength = 32;
constexpr std::size_t maxPasswords = 32;
constexpr std::string_view paserkPrefix = "k4.local.";
constexpr std::string_view nativeContext = "ironjar native seal v1";
constexpr std::string_view keyIdContext = "ironjar key id v1";

constexpr const char* makeOne = ": use `openssl rand -base64 32`";

// Passwords printed in the READMEs and examples of iron-session, next-iron-session and their tutorials.
constexpr std::array<std::string_view, 5> published = {
    "complex_password_at_least_32_characters_long",          "complex_password_at_least_32_characters_long_",
    "this_is_a_secret_password_at_least_32_characters_long", "passwordpasswordpasswordpassword",
    "some-long-password-that-is-at-least-32-characters",
};

[[noreturn]] void refuse(std::uint32_t id, const std::string& why) {
  throw std::invalid_argument("ironjar: password " + std::to_string(id) + " " + why);
}

void requireHardToGuess(std::uint32_t id, std::string_view password) {
  if (const std::string_view why = guessable(password); !why.empty()) refuse(id, std::string(why) + makeOne);
}

std::uint32_t checked(std::uint32_t id, std::string_view password, Guessable allowed) {
  if (password.empty()) refuse(id, "is empty or missing: is its environment variable set?");
  if (password.back() == '\n' || password.back() == '\r') refuse(id, "ends in a line break: strip it");
  const std::optional<std::size_t> length = utf16Length(password);
  if (!length) refuse(id, "is not UTF-8: use text, for example from `openssl rand -base64 32`");
  if (*length < minLength) {
    refuse(id, "is too short: " + std::to_string(*length) + " characters where at least 32 are needed");
  }
  if (allowed == Guessable::allowed) return id;
  if (std::find(published.begin(), published.end(), password) != published.end()) {
    refuse(id, std::string("is a published sample that anybody can look up") + makeOne);
  }
  if (!password.starts_with(paserkPrefix)) requireHardToGuess(id, password);
  return id;
}

void deriveNative(Secret<aeadKeySize>& key, std::uint32_t id, std::string_view password, Guessable allowed) {
  if (!password.starts_with(paserkPrefix)) return blake2b(key.fill(), bytes(nativeContext), bytes(password));
  if (!decodeBase64url(password.substr(paserkPrefix.size()), key.fill())) {
    refuse(id, "starts with k4.local. but is not a PASERK: 43 base64url characters must follow");
  }
  if (std::all_of(key.expose().begin(), key.expose().end(), [](unsigned char byte) { return byte == 0; })) {
    refuse(id, "is the PASERK of an all-zero key");
  }
  if (allowed == Guessable::refused) requireHardToGuess(id, password.substr(paserkPrefix.size()));
}

std::string randomPassword() {
  Secret<aeadKeySize> bytes;
  random(bytes.fill());
  std::string text;
  appendBase64url(text, bytes.expose());
  return text;
}

}  // namespace

Key::Key(std::uint32_t id_, std::string_view password, Guessable allowed)
    : id(checked(id_, password, allowed)), nativeId{}, fe26(bytes(password)) {
  deriveNative(native, id, password, allowed);
  std::array<unsigned char, 16> commitment{};
  blake2b(commitment, native.expose(), bytes(keyIdContext));
  std::copy_n(commitment.begin(), nativeId.size(), nativeId.begin());
}

Keyring::Keys::Keys(std::list<Key> all) : byId(std::move(all)), decoy(0, randomPassword(), Guessable::allowed) {
  if (byId.empty()) throw std::invalid_argument("ironjar: no passwords: give at least one");
  if (byId.size() > maxPasswords) throw std::invalid_argument("ironjar: more than 32 passwords: remove old ones");
  byId.sort([](const Key& a, const Key& b) { return a.id > b.id; });
  for (auto key = byId.begin(); key != byId.end(); ++key) {
    for (auto other = std::next(key); other != byId.end(); ++other) {
      if (key->id == other->id) refuse(key->id, "is given twice: ids must differ");
      if (key->nativeId == other->nativeId) {
        refuse(key->id, "is the same as password " + std::to_string(other->id) + ": remove one of them");
      }
    }
  }
}

Keyring::Keyring(std::list<Key> keys)
    : keys_(std::make_shared<const Keys>(std::move(keys))), sealing_(&keys_->byId.front()) {}

Keyring Keyring::sealingUnder(std::uint32_t id) const {
  Keyring chosen(*this);
  chosen.sealing_ = byId(id);
  if (chosen.sealing_ == nullptr) {
    throw std::invalid_argument("ironjar: there is no password " + std::to_string(id) +
                                " to seal under: choose an id of those that are given");
  }
  return chosen;
}

const Key* Keyring::byId(std::uint32_t id) const {
  const auto found = std::find_if(all().begin(), all().end(), [&](const Key& key) { return key.id == id; });
  return found == all().end() ? nullptr : &*found;
}

const Key* Keyring::byNativeId(Bytes nativeId) const {
  const auto found = std::find_if(all().begin(), all().end(), [&](const Key& key) {
    return std::equal(nativeId.begin(), nativeId.end(), key.nativeId.begin(), key.nativeId.end());
  });
  return found == all().end() ? nullptr : &*found;
}

Passwords passwordsInLines(std::string_view text, const std::string& source) {
  std::vector<std::pair<std::uint32_t, std::string_view>> byId;
  std::optional<std::uint32_t> sealing;
  const auto refuseLine = [&source](std::size_t number, const char* why) {
    throw std::invalid_argument("ironjar: line " + std::to_string(number) + " of " + source + " " + why);
  };
  std::size_t number = 0;
  for (std::string_view rest = text; !rest.empty();) {
    ++number;
    const std::size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.front() == '#') continue;
    const std::size_t colon = line.find(':');
    const bool choosesSealing = line.substr(0, colon) == "seal" && colon != std::string_view::npos;
    const auto id = parseDecimal<std::uint32_t>(choosesSealing ? line.substr(colon + 1) : line.substr(0, colon));
    if (!id || colon == std::string_view::npos) refuseLine(number, "is neither `id:password` nor `seal:id`");
    if (choosesSealing && sealing) refuseLine(number, "names the password that seals again: leave one of them");
    if (choosesSealing) {
      sealing = id;
    } else {
      byId.emplace_back(*id, line.substr(colon + 1));
    }
  }
  const Passwords passwords(byId);
  return sealing ? passwords.sealingUnder(*sealing) : passwords;
}

namespace {

template <class Range>
std::shared_ptr<const Keyring> makeKeyring(const Range& byId) {
  std::list<Key> keys;
  for (const auto& [id, password] : byId) keys.emplace_back(id, password);
  return std::make_shared<const Keyring>(std::move(keys));
}

std::string_view orEmpty(const char* text) { return text == nullptr ? std::string_view() : std::string_view(text); }

std::string readSecretFile(const std::filesystem::path& file) {
  constexpr std::size_t maxSize = 64 * 1024;
  const auto refuseFile = [&](const char* why) {
    throw std::invalid_argument("ironjar: password file " + file.string() + " " + why);
  };
  const Descriptor descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  // What names no file may be the password itself.
  if (::stat(file.c_str(), &status) != 0) {
    throw std::invalid_argument("ironjar: the password file is not there, or not to be read: is its path right?");
  }
  if (descriptor.get() < 0 || ::fstat(descriptor.get(), &status) != 0) refuseFile("cannot be read");
  if (!S_ISREG(status.st_mode)) refuseFile("is not a regular file");
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    refuseFile("can be written by its group or by everybody: chmod go-w");
  if (status.st_uid != 0 && status.st_uid != ::geteuid()) {
    refuseFile("belongs to another user, who can change it: chown it to root or to the user of this program");
  }
  if (static_cast<std::uintmax_t>(status.st_size) > maxSize) refuseFile("is larger than 64 KiB");
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(descriptor.get(), text.data() + size, text.size() - size);
    if (got < 0) refuseFile("cannot be read");
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  text.resize(size);
  return text;
}

}  // namespace
}  // namespace detail

Passwords::Passwords(const char* only) : Passwords({std::pair<std::uint32_t, const char*>(1, only)}) {}

Passwords::Passwords(const std::string& only) {
  const std::array<std::pair<std::uint32_t, std::string_view>, 1> list = {{{1, only}}};
  keyring_ = detail::makeKeyring(list);
}

Passwords::Passwords(std::initializer_list<std::pair<std::uint32_t, const char*>> byId) {
  std::vector<std::pair<std::uint32_t, std::string_view>> list;
  for (const auto& [id, password] : byId) list.emplace_back(id, detail::orEmpty(password));
  keyring_ = detail::makeKeyring(list);
}

Passwords::Passwords(std::span<const std::pair<std::uint32_t, std::string_view>> byId)
    : keyring_(detail::makeKeyring(byId)) {}

Passwords Passwords::fromFile(const std::filesystem::path& file) {
  std::string text = detail::readSecretFile(file);
  const detail::WipeAtExit wiped(text);
  return detail::passwordsInLines(text, "password file " + file.string());
}

Passwords Passwords::sealingUnder(std::uint32_t id) const {
  return Passwords(std::make_shared<const detail::Keyring>(keyring_->sealingUnder(id)));
}

}  // namespace ironjar

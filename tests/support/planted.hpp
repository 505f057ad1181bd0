// Cookies as an attacker collects them: of a session that begins now, of an Fe26.2 seal made by hand, forged.
#pragma once

#include "browser.hpp"
#include "forge.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace support {

using namespace ironjar;

// A jar's cookies for a session that begins with `data` at the clock's time, as a browser sends them.
inline std::string cookieOf(const SessionJar& jar, const Json& data) {
  Session session = jar.open("");
  session.assign(data);
  Browser browser;
  browser.take(jar.commit(session).value());
  return browser.header();
}

inline std::string user(const Session& session) { return session.get<std::string>("user").value_or(""); }

struct Iron {
  std::string json = R"({"user":"ada"})";
  std::int64_t expires = 0;
  unsigned iterations = 1;
  char salt = 'a';
};

// As h3 or iron-session seals, under id 1.
inline std::string ironSeal(const Iron& iron) {
  using namespace detail;
  const Passwords passwords(password);
  const Key& key = passwords.keyring().sealing();
  const std::string salt(64, iron.salt);
  std::string ciphertext(aesPaddedSize(iron.json.size()), '\0');
  std::copy(iron.json.begin(), iron.json.end(), ciphertext.begin());
  Secret<aesKeySize> aesKey;
  key.fe26.derive(aesKey.fill(), bytes(salt), iron.iterations);
  const std::array<unsigned char, aesBlockSize> iv{};
  aesEncrypt(writable(ciphertext.data(), ciphertext.size()), iron.json.size(), aesKey.expose(), iv);
  const std::string text = "Fe26.2*1*" + salt + "*" + base64url(iv) + "*" + base64url(bytes(ciphertext)) + "*" +
                           (iron.expires == 0 ? "" : std::to_string(iron.expires));
  Secret<sha256Size> macKey;
  key.fe26.derive(macKey.fill(), bytes(salt), iron.iterations);
  std::array<unsigned char, sha256Size> mac{};
  hmacSha256(mac, macKey.expose(), bytes(text));
  return text + "*" + salt + "*" + base64url(mac) + "~2";
}

inline std::string forged(std::string seal) {
  const std::size_t mac = seal.rfind('*') + 3;
  seal[mac] = seal[mac] == 'A' ? 'B' : 'A';
  return seal;
}

inline SessionOptions with(const testing::VirtualClock& clock, std::vector<SealFormat> formats,
                           std::string name = "sid") {
  SessionOptions options = basicOptions(clock);
  options.cookieName = std::move(name);
  options.seal.formats = std::move(formats);
  return options;
}

inline constexpr auto native = SealFormat::native;
inline constexpr auto fe26 = SealFormat::fe26;

}  // namespace support

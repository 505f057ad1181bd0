// Fe26.2 behind a good MAC, which the harness makes, or behind a bad one: whatever the parts hold there is a value or a
// typed error, and nothing is decrypted before the MAC has been verified. Linked with --wrap=EVP_DecryptUpdate.
#include "../support/decryptions.hpp"
#include "base/base64url.hpp"
#include "crypto/keyring.hpp"
#include "fuzz.hpp"

#include <array>

using namespace ironjar;
using support::decryptions;

namespace {

std::string base64url(detail::Bytes bytes) {
  std::string text;
  detail::appendBase64url(text, bytes);
  return text;
}

// The text up to the MAC's salt, with the MAC that @hapi/iron would give it.
std::string withMac(const std::string& text, const std::string& salt, const detail::Key& key) {
  detail::Secret<detail::sha256Size> macKey;
  key.fe26.derive(macKey.fill(), detail::bytes(salt), 1);
  std::array<unsigned char, detail::sha256Size> mac{};
  detail::hmacSha256(mac, macKey.expose(), detail::bytes(text));
  return text + "*" + salt + "*" + base64url(mac);
}

std::string ciphertextOf(std::string_view plaintext, const std::string& salt,
                         std::span<const unsigned char, detail::aesBlockSize> iv, const detail::Key& key) {
  detail::Secret<detail::aesKeySize> aesKey;
  key.fe26.derive(aesKey.fill(), detail::bytes(salt), 1);
  std::string out(detail::aesPaddedSize(plaintext.size()), '\0');
  std::copy(plaintext.begin(), plaintext.end(), out.begin());
  detail::aesEncrypt(detail::writable(out.data(), out.size()), plaintext.size(), aesKey.expose(), iv);
  return out;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Passwords passwords(fuzz::password);
  static const SealOptions options{.formats = {SealFormat::fe26}, .now = fuzz::noon};
  const detail::Key& key = passwords.keyring().sealing();
  fuzz::Input input(data, size);
  const unsigned shape = input.byte();
  const bool goodMac = (shape & 1U) != 0;
  const std::string id = (shape & 2U) != 0 ? "1" : std::string(input.text());
  const std::string salt = (shape & 4U) != 0 ? std::string(64, 'a') : std::string(input.text());
  const std::string expires = (shape & 8U) != 0 ? "" : std::string(input.text());
  const std::string macSalt = (shape & 16U) != 0 ? std::string(64, 'b') : std::string(input.text());
  const std::string tail = (shape & 32U) != 0 ? "~2" : "";
  const std::array<unsigned char, detail::aesBlockSize> iv{};
  const std::string_view rest = input.rest();
  // Encrypted, so that the JSON behind is reached; or as it is, so that the padding is whatever comes out.
  const std::string ciphertext = (shape & 64U) != 0
                                     ? base64url(detail::bytes(ciphertextOf(rest, salt, iv, key)))
                                     : ((shape & 128U) != 0 ? std::string(rest) : base64url(detail::bytes(rest)));
  std::string text =
      withMac("Fe26.2*" + id + "*" + salt + "*" + base64url(iv) + "*" + ciphertext + "*" + expires, macSalt, key);
  if (!goodMac) text.back() = text.back() == 'A' ? 'E' : 'A';  // canonical spellings of other last bits

  decryptions = 0;
  const Result<Json> opened = unsealData(text + tail, passwords, options);
  if (!goodMac) fuzz::require(!opened && decryptions == 0, "nothing is decrypted behind a bad MAC");
  if (opened) fuzz::require(decryptions == 1, "what opened was decrypted (the counter works)");
  if (!opened) {
    fuzz::requireError(
        opened, {Errc::malformed, Errc::unsupported, Errc::unknownKey, Errc::tampered, Errc::expired, Errc::tooLarge});
  }
  return 0;
}

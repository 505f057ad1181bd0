// What an authentic seal holds may still be anything, from an older release or another program that has the key. The
// harness seals the input by itself; the result is a value that seals again, or a typed error.
#include "base/base64url.hpp"
#include "crypto/keyring.hpp"
#include "fuzz.hpp"

using namespace ironjar;

namespace {

// Bytes as lib/README.md describes them, from the cipher alone.
std::string sealedByHand(std::string_view plaintext, const detail::Key& key) {
  const auto le64 = [](std::uint64_t value) {
    std::string out;
    for (unsigned shift = 0; shift < 64; shift += 8) out.push_back(static_cast<char>(value >> shift));
    return out;
  };
  const std::string kid(key.nativeId.begin(), key.nativeId.end());
  std::string associated = le64(4);
  for (const std::string_view piece :
       {std::string_view("ij1"), std::string_view(kid), std::string_view("session"), std::string_view()}) {
    associated.append(le64(piece.size())).append(piece);
  }
  const std::array<unsigned char, detail::aeadNonceSize> nonce{};
  std::string sealed = kid + std::string(nonce.begin(), nonce.end());
  const std::size_t begin = sealed.size();
  sealed.resize(begin + plaintext.size() + detail::aeadTagSize);
  detail::aeadSeal(detail::writable(sealed.data() + begin, sealed.size() - begin), detail::bytes(plaintext),
                   detail::bytes(associated), nonce, key.native.expose());
  std::string text = "ij1.";
  detail::appendBase64url(text, detail::bytes(sealed));
  return text;
}

std::size_t depthOf(const Json& value) {
  std::size_t deepest = 0;
  if (value.is_structured()) {
    for (const Json& element : value) deepest = std::max(deepest, depthOf(element));
    return deepest + 1;
  }
  return 0;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Passwords passwords(fuzz::password);
  static const SealOptions options{.now = fuzz::noon};
  fuzz::Input input(data, size);
  std::string head;
  if (input.flag()) {
    head = input.bytes(40);
    head.resize(40);
  } else {  // issued at noon, never expires
    for (unsigned shift = 0; shift < 64; shift += 8)
      head.push_back(static_cast<char>(std::uint64_t{1'700'000'000} >> shift));
    head.resize(40);
  }
  const std::string json(input.rest());
  const Result<Json> opened = unsealData(sealedByHand(head + json, passwords.keyring().sealing()), passwords, options);
  if (!opened) {
    fuzz::requireError(opened, {Errc::malformed, Errc::tooLarge, Errc::expired, Errc::notYetValid});
    return 0;
  }
  fuzz::require(depthOf(*opened) <= 64, "at most 64 levels");
  const Result<std::string> sealed = sealData(*opened, passwords, options);
  fuzz::require(sealed || sealed.error().code == Errc::tooLarge, "what opened seals again");
  if (sealed) fuzz::require(*unsealData(*sealed, passwords, options) == *opened, "and is the same then");
  // A lone surrogate escape is the one thing that is mended, and a general parser refuses it.
  const Json second = Json::parse(json, nullptr, false);
  const bool mended = json.find("\\u") != std::string::npos;
  fuzz::require(mended || second == *opened, "what a general parser reads");
  return 0;
}

// Both ways, against libsodium's own.
#include "base/base64url.hpp"
#include "fuzz.hpp"

#include <sodium.h>

using namespace ironjar;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const detail::Bytes bytes(data, size);
  std::string text;
  detail::appendBase64url(text, bytes);
  std::string reference(sodium_base64_encoded_len(size, sodium_base64_VARIANT_URLSAFE_NO_PADDING), '\0');
  sodium_bin2base64(reference.data(), reference.size(), data, size, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  reference.pop_back();  // the NUL
  fuzz::require(text == reference, "encoded as libsodium does");
  std::string slowly(text.size(), '\0');
  detail::writeBase64url(slowly.data(), bytes, detail::Base64urlBy::table);
  fuzz::require(slowly == reference, "on every machine");
  std::vector<unsigned char> back(detail::base64urlDecodedSize(text.size()));
  fuzz::require(detail::decodeBase64url(text, back), "what is encoded decodes");
  fuzz::require(std::equal(back.begin(), back.end(), bytes.begin(), bytes.end()), "to what it was");

  const std::string_view raw(reinterpret_cast<const char*>(data), size);
  std::vector<unsigned char> ours(detail::base64urlDecodedSize(size));
  std::vector<unsigned char> byTable(ours.size());
  std::vector<unsigned char> theirs(size + 1);
  std::size_t theirSize = 0;
  const bool accepted = detail::decodeBase64url(raw, ours);
  const bool acceptedByTable = detail::decodeBase64url(raw, byTable, detail::Base64urlBy::table);
  fuzz::require(accepted == acceptedByTable && (!accepted || ours == byTable), "every machine decodes alike");
  // libsodium 1.0.18 takes any byte above 127 for a digit: there we are stricter.
  const bool isAscii = std::all_of(raw.begin(), raw.end(), [](char c) { return c >= 0; });
  const bool expected =
      isAscii && sodium_base642bin(theirs.data(), theirs.size(), raw.data(), raw.size(), nullptr, &theirSize, nullptr,
                                   sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0;
  fuzz::require(accepted == expected, "accepted exactly when libsodium accepts");
  if (!accepted) return 0;
  theirs.resize(theirSize);
  fuzz::require(ours == theirs, "to the same bytes");
  std::string again;
  detail::appendBase64url(again, ours);
  fuzz::require(again == raw, "one spelling only");
  return 0;
}

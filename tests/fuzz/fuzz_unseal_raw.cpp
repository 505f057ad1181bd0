// Bytes that nobody sealed, behind each prefix: they never open, and the error is one of the contract.
#include "fuzz.hpp"

#include <array>

using namespace ironjar;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Passwords passwords({{2, fuzz::password}, {1, fuzz::otherPassword}});
  static const SealOptions options{.formats = {SealFormat::native, SealFormat::fe26}, .now = fuzz::noon};
  static constexpr std::array<std::string_view, 4> prefixes = {"", "ij1.", "Fe26.2*", "Fe26.2*1*"};
  fuzz::Input input(data, size);
  const std::string_view prefix = prefixes[input.byte() % prefixes.size()];
  const std::string text = std::string(prefix).append(input.rest());
  const Result<Json> opened = unsealData(text, passwords, options);
  fuzz::require(!opened, "what nobody sealed does not open");
  fuzz::requireError(opened, {Errc::malformed, Errc::unsupported, Errc::unknownKey, Errc::tampered, Errc::tooLarge});
  for (const char c : opened.error().detail) fuzz::require(c >= ' ' && c < '\x7f', "an error of plain text");
  return 0;
}

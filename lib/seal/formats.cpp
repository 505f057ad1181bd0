#include "seal/formats.hpp"

#include "seal/seal_fe26.hpp"
#include "seal/seal_native.hpp"

#include <algorithm>
#include <array>

namespace ironjar::detail {
namespace {

// In SealFormat's order.
constexpr std::array<Format, 2> table = {{
    {SealFormat::native, "native", nativePrefix, true, sealNative, openNative, nativeKeyId, nullptr},
    {SealFormat::fe26, "fe26", fe26Prefix, false, sealFe26, openFe26, fe26KeyId, claimedEndOfFe26},
}};

template <class Matches>
const Format* find(Matches matches) {
  const auto* const found = std::find_if(table.begin(), table.end(), matches);
  return found == table.end() ? nullptr : found;
}

}  // namespace

std::span<const Format> formats() { return table; }

const Format& formatOf(SealFormat format) { return table.at(static_cast<std::size_t>(format)); }

const Format* formatNamed(std::string_view name) {
  return find([name](const Format& format) { return format.name == name; });
}

const Format* formatOfText(std::string_view text) {
  return find([text](const Format& format) { return text.starts_with(format.prefix); });
}

}  // namespace ironjar::detail

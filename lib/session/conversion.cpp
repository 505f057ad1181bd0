#include <cmath>

#include <ironjar/conversion.hpp>

namespace ironjar::detail {
namespace {

std::uint64_t bitsOf(const Json& whole) {
  return whole.is_number_unsigned() ? whole.get<std::uint64_t>()
                                    : static_cast<std::uint64_t>(whole.get<std::int64_t>());
}

bool isWhole(const Json& number) { return number.is_number_integer(); }

bool isNegative(const Json& whole) { return !whole.is_number_unsigned() && whole.get<std::int64_t>() < 0; }

}  // namespace

bool isCut(const Json& before, const Json& after) {
  if (before.is_boolean()) return after.is_number();
  if (!before.is_number()) return false;
  if (after.is_boolean()) return true;
  if (!after.is_number()) return false;
  if (isWhole(before) && isWhole(after)) {
    // The same bits with another sign, or but for those above the 8, 16 or 32 lowest.
    if (bitsOf(before) == bitsOf(after)) return isNegative(before) != isNegative(after);
    return (bitsOf(before) - bitsOf(after)) % 256 == 0;
  }
  if (isWhole(after)) return true;  // a fraction before
  const auto number = after.get<double>();
  if (isWhole(before)) {
    return number == before.get<double>() ? !holdsNumber<double>(before) : number == before.get<float>();
  }
  const auto fraction = before.get<double>();
  if (number == fraction) return false;
  const bool isInFloat = std::abs(fraction) <= static_cast<double>(std::numeric_limits<float>::max());
  return !std::isfinite(number) || (isInFloat && number == static_cast<double>(static_cast<float>(fraction)));
}

bool hasCut(const Json& before, const Json& after) {
  if (before.is_object() && after.is_object()) {
    for (const auto& [name, value] : after.items()) {
      const auto member = before.find(name);
      if (member != before.end() && hasCut(*member, value)) return true;
    }
    return false;
  }
  if (before.is_array() && after.is_array()) {
    for (std::size_t i = 0; i < before.size() && i < after.size(); ++i) {
      if (hasCut(before[i], after[i])) return true;
    }
    return false;
  }
  return isCut(before, after);
}

bool probeFractions(Json& value) {
  if (value.is_number_float()) {
    value = 0.5;
    return true;
  }
  bool found = false;
  if (value.is_structured()) {
    for (Json& element : value) found = probeFractions(element) || found;
  }
  return found;
}

}  // namespace ironjar::detail

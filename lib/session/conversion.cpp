#include <cmath>
#include <functional>
#include <set>
#include <vector>

#include <ironjar/conversion.hpp>

namespace ironjar::detail {
namespace {

std::uint64_t bitsOf(const Json& whole) {
  return whole.is_number_unsigned() ? whole.get<std::uint64_t>()
                                    : static_cast<std::uint64_t>(whole.get<std::int64_t>());
}

bool isWhole(const Json& number) { return number.is_number_integer(); }

bool isNegative(const Json& whole) { return !whole.is_number_unsigned() && whole.get<std::int64_t>() < 0; }

using Elements = std::vector<const Json*>;

// Those of one array that the other does not have, as often as it has them, in their order.
Elements without(const Json& array, const Json& other) {
  std::multiset<std::reference_wrapper<const Json>, std::less<Json>> there(other.begin(), other.end());
  Elements left;
  for (const Json& element : array) {
    const auto found = there.find(element);
    found == there.end() ? left.push_back(&element) : static_cast<void>(there.erase(found));
  }
  return left;
}

// Sets and hashed containers order their elements anew, and drop some.
bool hasCutElement(const Json& before, const Json& after) {
  const Elements gone = without(before, after);
  const Elements come = without(after, before);
  for (std::size_t i = 0; i < gone.size() && i < come.size(); ++i) {
    if (hasCut(*gone[i], *come[i])) return true;
  }
  return false;
}

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
    return hasCutElement(before, after);
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

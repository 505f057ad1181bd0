// How Session's get(), as(), set() and assign() convert between JSON and C++ types: no deeper than JSON may be, and
// every number exactly or not at all.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iterator>
#include <limits>
#include <optional>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include <ironjar/types.hpp>

namespace ironjar::detail {

template <class T>
concept Iterable = requires(const T& values) {
  std::begin(values) == std::end(values);
};
template <class T>
concept ListLike = Iterable<T> && requires {
  typename T::value_type;
};
template <class T>
concept MapLike = Iterable<T> && requires {
  typename T::key_type;
  typename T::mapped_type;
};
template <class T>
concept TupleLike = requires {
  std::tuple_size<T>::value;
};
template <class T>
inline constexpr bool isJson = nlohmann::detail::is_basic_json<T>::value;

// Whether what is made into JSON has at most so many levels, as far as its type tells: JSON values, and containers,
// pairs and tuples of them. nlohmann copies them recursively, so they are looked at before.
template <class T>
bool isWithin(const T& value, std::size_t levels) {
  if constexpr (isJson<T>) {
    if (!value.is_structured()) return true;
    return levels > 0 && std::all_of(value.begin(), value.end(), [&](const T& v) { return isWithin(v, levels - 1); });
  } else if constexpr (TupleLike<T>) {
    return std::apply([&](const auto&... members) { return (isWithin(members, levels) && ...); }, value);
  } else if constexpr (Iterable<T>) {
    using Element = std::remove_cvref_t<decltype(*std::begin(value))>;
    if constexpr (!std::is_scalar_v<Element> && !std::is_same_v<Element, T>) {
      for (const Element& element : value) {
        if (!isWithin(element, levels)) return false;
      }
    }
    return true;
  } else {
    return true;
  }
}

// What set() and assign() turn into JSON themselves.
template <class T>
concept Convertible = !std::is_base_of_v<Json, std::remove_cvref_t<T>> && std::is_convertible_v<T, Json>;

// Whether a floating-point type has enough digits for an integer.
template <class T>
bool holdsInteger(std::uint64_t magnitude) {
  const int bits = 64 - std::countl_zero(magnitude) - std::countr_zero(magnitude);
  return magnitude == 0 || bits <= std::numeric_limits<T>::digits;
}

template <class T>
bool holdsNumber(const Json& value) {
  if constexpr (std::is_same_v<T, bool>) {
    return value.is_boolean();
  } else if constexpr (std::is_integral_v<T>) {
    using Whole = std::conditional_t<std::is_signed_v<T>, std::make_signed_t<T>, std::make_unsigned_t<T>>;
    if (value.is_number_unsigned()) return std::in_range<Whole>(value.template get<std::uint64_t>());
    return value.is_number_integer() && std::in_range<Whole>(value.template get<std::int64_t>());
  } else {
    if (value.is_number_unsigned()) return holdsInteger<T>(value.template get<std::uint64_t>());
    if (value.is_number_integer()) {
      const auto whole = value.template get<std::int64_t>();
      return holdsInteger<T>(whole < 0 ? 0 - static_cast<std::uint64_t>(whole) : static_cast<std::uint64_t>(whole));
    }
    if (!value.is_number_float()) return false;
    const auto number = value.template get<double>();
    if constexpr (sizeof(T) >= sizeof(double)) return true;
    return std::abs(number) <= static_cast<double>(std::numeric_limits<T>::max()) &&
           static_cast<double>(static_cast<T>(number)) == number;
  }
}

// Whether T is made of what holdsNumbers() knows.
template <class T>
constexpr bool isKnown() {
  if constexpr (isJson<T> || std::is_arithmetic_v<T> || std::is_enum_v<T> ||
                std::is_convertible_v<T, std::string_view>) {
    return true;
  } else if constexpr (MapLike<T>) {
    return isKnown<typename T::key_type>() && isKnown<typename T::mapped_type>();
  } else if constexpr (ListLike<T>) {
    return isKnown<typename T::value_type>();
  } else if constexpr (TupleLike<T>) {
    return []<std::size_t... i>(std::index_sequence<i...>) { return (isKnown<std::tuple_element_t<i, T>>() && ...); }
    (std::make_index_sequence<std::tuple_size_v<T>>());
  } else {
    return false;
  }
}

// Whether an enumeration is written as what it was read from: NLOHMANN_JSON_SERIALIZE_ENUM may map it to any number.
template <class T>
bool isGivenBack(const Json& value) {
  try {
    return Json(value.get<T>()) == value;
  } catch (const std::exception&) {
    return false;
  }
}

// Whether T can hold every number in `value`, as far as T is known. What is of another shape is for the conversion to
// refuse.
template <class T>
bool holdsNumbers(const Json& value) {
  if constexpr (isJson<T> || std::is_convertible_v<T, std::string_view>) {
    return true;
  } else if constexpr (std::is_arithmetic_v<T>) {
    return holdsNumber<T>(value);
  } else if constexpr (std::is_enum_v<T>) {
    return !(value.is_number() || value.is_boolean()) || holdsNumber<std::underlying_type_t<T>>(value) ||
           isGivenBack<T>(value);
  } else if constexpr (MapLike<T>) {
    if (!value.is_object() && !value.is_array()) return true;
    const bool isObject = value.is_object();
    return std::all_of(value.begin(), value.end(), [isObject](const Json& member) {
      if (isObject) return holdsNumbers<typename T::mapped_type>(member);
      return !member.is_array() || member.size() != 2 ||
             (holdsNumbers<typename T::key_type>(member[0]) && holdsNumbers<typename T::mapped_type>(member[1]));
    });
  } else if constexpr (ListLike<T>) {
    return !value.is_array() || std::all_of(value.begin(), value.end(), holdsNumbers<typename T::value_type>);
  } else if constexpr (TupleLike<T>) {
    if (!value.is_array() || value.size() < std::tuple_size_v<T>) return true;
    return [&value]<std::size_t... i>(std::index_sequence<i...>) {
      return (holdsNumbers<std::tuple_element_t<i, T>>(value[i]) && ...);
    }
    (std::make_index_sequence<std::tuple_size_v<T>>());
  } else {
    return true;
  }
}

// What became of a number, or of a boolean, in a type that gives JSON back: whether it was cut to fewer bits, rounded
// or made into another kind. A type that writes other numbers than it reads, on purpose, is let through.
bool isCut(const Json& before, const Json& after);
// The same of all that both have.
bool hasCut(const Json& before, const Json& after);
// Puts 0.5 in place of every fraction: it tells integers from fractions, and is converted to any type without undefined
// behaviour. False when there is none.
bool probeFractions(Json& value);

// Types that are not known all through: those with from_json and to_json of their own. What to_json gives back is
// compared. Without to_json nothing can be.
template <class T>
bool cutsNumbers(const Json& value) {
  if constexpr (std::is_constructible_v<Json, const T&>) {
    Json probe = value;
    if (!probeFractions(probe)) return false;
    try {
      const T probed = probe.get<T>();
      return hasCut(probe, Json(probed));
    } catch (const std::exception&) {  // 0.5 is nothing that the type accepts: what it makes of the value tells
      return false;
    }
  } else {
    return false;
  }
}

// Nothing when `value` is not of type T or holds a number that T cannot.
template <class T>
std::optional<T> convertExactly(const Json& value) {
  try {
    if (!holdsNumbers<T>(value)) return std::nullopt;
    if constexpr (isKnown<T>() || !std::is_constructible_v<Json, const T&>) {
      return value.get<T>();
    } else {
      if (cutsNumbers<T>(value)) return std::nullopt;
      std::optional<T> result(value.get<T>());
      if (hasCut(value, Json(*result))) return std::nullopt;
      return result;
    }
  } catch (const std::exception&) {  // the user's own from_json may throw what it likes
    return std::nullopt;
  }
}

}  // namespace ironjar::detail

#include "members.hpp"

#include <algorithm>
#include <stdexcept>

#include <ironjar/conversion.hpp>

namespace ironjar::bindings {
namespace {

// A member's name may be told only when it cannot be a password that slipped: those have at least 32 characters.
std::string quotable(std::string_view name) {
  const bool isPlain = name.size() < 32 && std::all_of(name.begin(), name.end(), [](char c) {
                         return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
                       });
  return isPlain ? "`" + std::string(name) + "`" : "a member with an odd name";
}

}  // namespace

Members::Members(const Json& object, std::string where) : object_(object), where_(std::move(where)) {
  if (!object.is_object()) throw std::invalid_argument("ironjar: " + where_ + " is not a JSON object");
}

void Members::refuse(std::string_view name, std::string_view why) const {
  throw std::invalid_argument("ironjar: " + where_ + ": " + quotable(name) + ' ' + std::string(why));
}

const Json* Members::find(std::string_view name) {
  known_.push_back(name);
  const auto member = object_.find(name);
  return member == object_.end() ? nullptr : &*member;
}

const Json& Members::require(std::string_view name) {
  const Json* value = find(name);
  if (value == nullptr) refuse(name, "is missing");
  return *value;
}

void Members::read(std::string_view name, bool& field) {
  const Json* value = find(name);
  if (value == nullptr) return;
  if (!value->is_boolean()) refuse(name, "is not true or false");
  field = value->get<bool>();
}

void Members::read(std::string_view name, std::string& field) {
  const Json* value = find(name);
  if (value == nullptr) return;
  if (!value->is_string()) refuse(name, "is not a text");
  field = value->get_ref<const std::string&>();
}

void Members::read(std::string_view name, std::int64_t& field) {
  constexpr std::int64_t most = 9'007'199'254'740'991;  // what JavaScript counts exactly
  const Json* value = find(name);
  if (value == nullptr) return;
  if (!value->is_number_integer()) refuse(name, "is not a whole number");
  const bool fits = value->is_number_unsigned() ? value->get<std::uint64_t>() <= static_cast<std::uint64_t>(most)
                                                : value->get<std::int64_t>() >= -most;
  if (!fits) refuse(name, "is out of range");
  field = value->get<std::int64_t>();
}

void Members::read(std::string_view name, Seconds& field) {
  std::int64_t count = field.count();
  read(name, count);
  field = Seconds(count);
}

void Members::read(std::string_view name, std::size_t& field) {
  auto number = static_cast<std::int64_t>(field);
  read(name, number);
  if (number < 0) refuse(name, "is negative");
  field = static_cast<std::size_t>(number);
}

void Members::read(std::string_view name, std::optional<Seconds>& field) {
  if (find(name) == nullptr) return;
  Seconds seconds{0};
  read(name, seconds);
  field = seconds;
}

void Members::read(std::string_view name, std::optional<std::uint32_t>& field) {
  const Json* value = find(name);
  if (value == nullptr) return;
  field = detail::convertExactly<std::uint32_t>(*value);
  if (!field) refuse(name, "is not a whole number from 0 to 4294967295");
}

void Members::finish() const {
  for (const auto& [name, value] : object_.items()) {
    if (std::find(known_.begin(), known_.end(), name) == known_.end()) refuse(name, "is not known here");
  }
}

}  // namespace ironjar::bindings

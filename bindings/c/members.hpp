// Reads the members of a JSON object into fields of C++ types, and knows which members nobody asked for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ironjar/seal.hpp>

namespace ironjar::bindings {

// Throws std::invalid_argument that names the member; a field whose member is absent keeps its value.
class Members {
 public:
  Members(const Json& object, std::string where);

  [[nodiscard]] const Json* find(std::string_view name);
  [[nodiscard]] const Json& require(std::string_view name);
  void read(std::string_view name, bool& field);
  void read(std::string_view name, std::string& field);
  void read(std::string_view name, Seconds& field);
  void read(std::string_view name, std::int64_t& field);
  void read(std::string_view name, std::size_t& field);
  void read(std::string_view name, std::optional<Seconds>& field);
  void read(std::string_view name, std::optional<std::uint32_t>& field);
  // One of the words in `choices`.
  template <class Enum, class Choices>
  void read(std::string_view name, Enum& field, const Choices& choices) {
    if (const Json* value = find(name)) field = choose<Enum>(name, *value, choices);
  }
  template <class Enum, class Choices>
  [[nodiscard]] Enum choose(std::string_view name, const Json& value, const Choices& choices) const {
    for (const auto& [word, meaning] : choices) {
      if (value.is_string() && value.get_ref<const std::string&>() == word) return meaning;
    }
    refuse(name, "is none of its words");
  }

  // Throws when the object has a member that was never asked for.
  void finish() const;

  [[noreturn]] void refuse(std::string_view name, std::string_view why) const;

 private:
  const Json& object_;
  std::string where_;
  std::vector<std::string_view> known_;
};

}  // namespace ironjar::bindings

// application/x-www-form-urlencoded: bodies of forms, and queries.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ironjar::detail {

using FormFields = std::vector<std::pair<std::string, std::string>>;

// https://url.spec.whatwg.org/#urlencoded-serializing
[[nodiscard]] std::string formEncoded(std::string_view text);
[[nodiscard]] std::string form(const FormFields& fields);

// https://url.spec.whatwg.org/#urlencoded-parsing, in order, duplicates included; bytes are not looked at. Total.
[[nodiscard]] FormFields parseForm(std::string_view text);

}  // namespace ironjar::detail

#include "base/form.hpp"

#include "base/percent.hpp"

#include <algorithm>

namespace ironjar::detail {
namespace {

std::string formDecoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = escapeAt(text, i);
    out.push_back(byte ? *byte : text[i] == '+' ? ' ' : text[i]);
    if (byte) i += 2;
  }
  return out;
}

}  // namespace

std::string formEncoded(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (isAlphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '*') {
      out.push_back(c);
    } else if (c == ' ') {
      out.push_back('+');
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out.append("%").append(1, digits[byte >> 4U]).append(1, digits[byte & 15U]);
    }
  }
  return out;
}

std::string form(const FormFields& fields) {
  std::string out;
  for (const auto& [name, value] : fields) {
    if (!out.empty()) out.push_back('&');
    out.append(formEncoded(name)).append("=").append(formEncoded(value));
  }
  return out;
}

FormFields parseForm(std::string_view text) {
  FormFields fields;
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(pair.size() + 1, text.size()));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    const std::string_view value = pair.substr(std::min(equals + 1, pair.size()));
    if (!pair.empty()) fields.emplace_back(formDecoded(pair.substr(0, equals)), formDecoded(value));
  }
  return fields;
}

}  // namespace ironjar::detail

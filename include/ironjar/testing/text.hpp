// Reading and writing what travels between a client and a fake server. Part of Provider and Api.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <ironjar/coordinator.hpp>

namespace ironjar::testing::detail {

using Fields = std::map<std::string, std::string>;

inline std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  return out;
}

// Of an absolute URL: lower case, without the scheme's own port.
inline std::string originOf(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  std::string origin = lower(url.substr(0, url.find_first_of("/?#", scheme + 3)));
  const std::string_view port = origin.starts_with("https:") ? ":443" : ":80";
  if (origin.ends_with(port)) origin.resize(origin.size() - port.size());
  return origin;
}

// What follows the origin, the query included.
inline std::string_view targetOf(std::string_view url) {
  const std::size_t scheme = url.find("://");
  const std::size_t start = url.find_first_of("/?#", scheme == std::string_view::npos ? 0 : scheme + 3);
  return start == std::string_view::npos ? std::string_view("/") : url.substr(start);
}
inline std::string_view pathOf(std::string_view url) {
  const std::string_view target = targetOf(url);
  return target.substr(0, target.find_first_of("?#"));
}
inline std::string_view queryOf(std::string_view url) {
  const std::string_view target = targetOf(url);
  const std::size_t question = target.find('?');
  if (question == std::string_view::npos) return {};
  return target.substr(question + 1, target.substr(question + 1).find('#'));
}

// https://url.spec.whatwg.org/#urlencoded-parsing: what is no escape stands for itself.
inline std::string formDecoded(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    unsigned char byte = 0;
    const std::string_view code = text[at] == '%' ? text.substr(at + 1, 2) : std::string_view();
    const auto [end, problem] = std::from_chars(code.data(), code.data() + code.size(), byte, 16);
    if (code.size() == 2 && problem == std::errc() && end == code.data() + 2) {
      out.push_back(static_cast<char>(byte));
      at += 2;
    } else {
      out.push_back(text[at] == '+' ? ' ' : text[at]);
    }
  }
  return out;
}

// For a query: everything but RFC 3986's unreserved characters is escaped.
inline std::string percentEncoded(std::string_view text) {
  constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (plain.find(c) != std::string_view::npos) {
      out.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out.append("%").append(1, digits[byte >> 4U]).append(1, digits[byte & 15U]);
    }
  }
  return out;
}

// For an attribute's value in HTML.
inline std::string htmlQuoted(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("&\"<>'").find(c) == std::string_view::npos) {
      out.push_back(c);
    } else {
      out.append("&#").append(std::to_string(static_cast<int>(c))).append(";");
    }
  }
  return out;
}

// The first of each name.
inline Fields formFields(std::string_view form) {
  Fields fields;
  while (!form.empty()) {
    const std::string_view one = form.substr(0, form.find('&'));
    form.remove_prefix(std::min(one.size() + 1, form.size()));
    const std::size_t equals = std::min(one.find('='), one.size());
    const std::string_view value = one.substr(std::min(equals + 1, one.size()));
    fields.emplace(formDecoded(one.substr(0, equals)), formDecoded(value));
  }
  return fields;
}

// A body's members, be it a form or a JSON object of strings.
inline Fields bodyFields(const Request& request) {
  const std::string type = lower(findHeader(request.headers, "Content-Type").value_or(""));
  if (!type.starts_with("application/json")) return formFields(request.body);
  Fields fields;
  const Json body = Json::parse(request.body, nullptr, false);
  if (!body.is_object()) return fields;
  for (const auto& [name, value] : body.items()) {
    if (value.is_string()) fields.emplace(name, value.get<std::string>());
  }
  return fields;
}

inline constexpr std::string_view base64urlAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

inline std::string base64url(std::string_view bytes) {
  std::string out;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : bytes) {
    bits = (bits << 8U) | static_cast<unsigned char>(c);
    for (count += 8; count >= 6; count -= 6) out.push_back(base64urlAlphabet[(bits >> (count - 6)) & 63U]);
  }
  if (count > 0) out.push_back(base64urlAlphabet[(bits << (6 - count)) & 63U]);
  return out;
}

// Lenient: what is no base64url is left out.
inline std::string base64urlDecoded(std::string_view text) {
  std::string out;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    const std::size_t value = base64urlAlphabet.find(c);
    if (value == std::string_view::npos) continue;
    bits = (bits << 6U) | static_cast<std::uint32_t>(value);
    count += 6;
    if (count >= 8) out.push_back(static_cast<char>((bits >> (count -= 8)) & 255U));
  }
  return out;
}

}  // namespace ironjar::testing::detail

// Base64url against libsodium, by the machine's instructions and without them.
#include "base/base64url.hpp"

#include "support/guarded.hpp"
#include "support/support.hpp"

#include <algorithm>
#include <array>
#include <random>

#include <sodium.h>

namespace base64url_test {

using namespace ironjar;
using namespace ironjar::detail;

namespace {

constexpr std::array bothWays = {Base64urlBy::fastest, Base64urlBy::table};

std::string encoded(const std::string& data) {
  std::string text;
  appendBase64url(text, bytes(data));
  return text;
}

std::optional<std::string> decoded(std::string_view text, Base64urlBy by = Base64urlBy::fastest) {
  std::string out(base64urlDecodedSize(text.size()), '\0');
  if (!decodeBase64url(text, writable(out.data(), out.size()), by)) return std::nullopt;
  return out;
}

// libsodium 1.0.18 takes bytes over 127 for digits.
std::optional<std::string> sodiumDecoded(const std::string& text) {
  if (std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) > 127; })) return {};
  std::string out(text.size(), '\0');
  std::size_t size = 0;
  if (sodium_base642bin(writable(out.data(), out.size()).data(), out.size(), text.data(), text.size(), nullptr, &size,
                        nullptr, sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0) {
    return std::nullopt;
  }
  out.resize(size);
  return out;
}

std::string sodiumEncoded(const std::string& data) {
  constexpr int variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
  std::string text(sodium_base64_encoded_len(data.size(), variant), '\0');
  sodium_bin2base64(text.data(), text.size(), bytes(data).data(), data.size(), variant);
  text.pop_back();
  return text;
}

}  // namespace

TEST_CASE("base64url agrees with libsodium at every length, whatever the machine's instructions") {
  std::mt19937 random(1);
  for (std::size_t length = 0; length <= 1024; ++length) {
    std::string data(length, '\0');
    for (char& c : data) c = static_cast<char>(random());
    const std::string expected = sodiumEncoded(data);
    for (const Base64urlBy by : bothWays) {
      std::string text(base64urlSize(length) + 1, '!');
      const char* const end = writeBase64url(text.data(), bytes(data), by);
      REQUIRE(end == text.data() + text.size() - 1);
      REQUIRE(text == expected + '!');
      REQUIRE(decoded(expected, by) == data);
    }
    REQUIRE(encoded(data) == expected);
  }
}

TEST_CASE("base64url stays within its texts and its bytes, whatever the machine's instructions") {
  const support::Guarded of(1'024);
  const support::Guarded to(base64urlSize(1'024));
  for (std::size_t length = 0; length <= 1024; ++length) {
    const std::size_t size = base64urlSize(length);
    for (const Base64urlBy by : bothWays) {
      const auto data = of.last(length);
      std::fill(data.begin(), data.end(), static_cast<unsigned char>(length));
      char* const begin = writableText(to.last(size));
      REQUIRE(writeBase64url(begin, data, by) == begin + size);
      std::fill(data.begin(), data.end(), static_cast<unsigned char>(0));
      REQUIRE(decodeBase64url(text(to.last(size)), data, by));
      REQUIRE(std::count(data.begin(), data.end(), static_cast<unsigned char>(length)) ==
              static_cast<std::ptrdiff_t>(length));
    }
  }
}

TEST_CASE("base64url refuses what libsodium refuses: every character at every place") {
  std::mt19937 random(2);
  std::size_t tried = 0;
  for (const std::size_t length : {1U, 2U, 3U, 24U, 25U, 26U, 48U, 71U, 76U}) {
    std::string data(length, '\0');
    for (char& c : data) c = static_cast<char>(random());
    std::string text = encoded(data);
    for (char& place : text) {
      const char good = place;
      for (int c = 0; c < 256; ++c, ++tried) {
        place = static_cast<char>(c);
        const auto expected = sodiumDecoded(text);
        for (const Base64urlBy by : bothWays) {
          if (decoded(text, by) != expected) FAIL("character ", c, " in a text of ", text.size());
        }
      }
      place = good;
    }
  }
  CHECK(tried == 256 * (2 + 3 + 4 + 32 + 34 + 35 + 64 + 95 + 102));
}

TEST_CASE("base64url decodes one spelling only (S08 b64-noncanonical)") {
  const std::string text = encoded("any carnal pleas");  // two unused bits of four at the end
  const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (int c = 0; c < 256; ++c) {
      std::string changed = text;
      changed[at] = static_cast<char>(c);
      const auto data = decoded(changed);
      if (data) REQUIRE(encoded(*data) == changed);
      if (alphabet.find(static_cast<char>(c)) == std::string::npos) REQUIRE_FALSE(data);
    }
  }
  CHECK_FALSE(decoded(text + "="));
  CHECK_FALSE(decoded("A"));
  CHECK_FALSE(decoded("AB"));
  CHECK(decoded("AA") == std::string(1, '\0'));
}

}  // namespace base64url_test

// Storage for key material: never copied, wiped when it goes, read only through expose().
#pragma once

#include "detail/sodium.hpp"

#include <array>
#include <cstddef>
#include <span>
#include <string>

namespace ironjar::detail {

template <std::size_t N>
class Secret {
 public:
  Secret() = default;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { wipe(bytes_); }

  // The key itself. Grep for this word to find every place where one is used.
  [[nodiscard]] std::span<const unsigned char, N> expose() const { return bytes_; }
  [[nodiscard]] std::span<unsigned char, N> fill() { return bytes_; }

 private:
  std::array<unsigned char, N> bytes_{};
};

// Wipes a text when the scope ends: decrypted plaintexts and file contents, which have to be std::string.
class WipeAtExit {
 public:
  explicit WipeAtExit(std::string& text) : text_(text) {}
  WipeAtExit(const WipeAtExit&) = delete;
  WipeAtExit& operator=(const WipeAtExit&) = delete;
  ~WipeAtExit() { wipe(writable(text_.data(), text_.size())); }

 private:
  std::string& text_;
};

}  // namespace ironjar::detail

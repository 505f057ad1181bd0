// Storage for key material: never copied, wiped when it goes, read only through expose().
#pragma once

#include "crypto/sodium.hpp"

#include <array>
#include <cstddef>
#include <memory>
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

// Memory for plaintext on its way, asked for once with the size that it needs. What it holds is undefined until it is
// written; it never grows, and it is wiped when it goes. What a cookie can hold stays off the heap.
class Scratch {
 public:
  Scratch() = default;
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() { wipe(all_); }

  MutableBytes take(std::size_t size) {
    if (size > near_.size()) far_.reset(new unsigned char[size]);
    all_ = {far_ ? far_.get() : near_.data(), size};
    return all_;
  }

 private:
  std::array<unsigned char, 4096> near_;  // not zeroed: that would cost as much as a small seal
  std::unique_ptr<unsigned char[]> far_;
  MutableBytes all_;
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

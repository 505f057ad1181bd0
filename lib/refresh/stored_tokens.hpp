// A TokenSet in one piece of memory, which is wiped when it goes: reading it back touches one place, not one for each
// of its texts.
#pragma once

#include <cstddef>
#include <memory>

#include <ironjar/tokens.hpp>

namespace ironjar::detail {

class StoredTokens {
 public:
  StoredTokens() = default;  // none
  explicit StoredTokens(const TokenSet& tokens);

  explicit operator bool() const { return memory_ != nullptr; }
  [[nodiscard]] std::size_t size() const;  // in bytes
  void copyTo(TokenSet& tokens) const;
  // Begins to read them, for a copyTo() that follows.
  void prefetch() const {
    __builtin_prefetch(memory_.get());
    __builtin_prefetch(memory_.get() + 64);  // they are longer than a cache line, whatever is in them
  }

 private:
  struct Wiping {
    void operator()(unsigned char* memory) const noexcept;
  };
  std::unique_ptr<unsigned char[], Wiping> memory_;  // begins with its size
};

}  // namespace ironjar::detail

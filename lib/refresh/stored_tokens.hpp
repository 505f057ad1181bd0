// What has taken a token's place: its successor's key and the TokenSet, in one piece of memory, which is wiped when it
// goes. Reading it touches one place, not one for each of its texts.
#pragma once

#include "refresh/token_key.hpp"

#include <cstddef>
#include <memory>

#include <ironjar/tokens.hpp>

namespace ironjar::detail {

class StoredTokens {
 public:
  struct Deleter {
    void operator()(StoredTokens* stored) const noexcept;
  };
  using Pointer = std::unique_ptr<StoredTokens, Deleter>;

  [[nodiscard]] static Pointer make(const TokenKey& successor, const TokenSet& tokens);

  [[nodiscard]] const TokenKey& successor() const { return successor_; }
  [[nodiscard]] std::size_t size() const { return size_; }  // of all of it, in bytes
  void copyTo(TokenSet& tokens) const;
  // Begins to read it: two cache lines, which it has in any case.
  void prefetch() const;

 private:
  StoredTokens(std::size_t size, const TokenKey& successor) : size_(size), successor_(successor) {}
  ~StoredTokens() = default;

  std::size_t size_;
  TokenKey successor_;
  // The tokens' values follow.
};

}  // namespace ironjar::detail

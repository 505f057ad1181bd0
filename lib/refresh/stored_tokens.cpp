#include "refresh/stored_tokens.hpp"

#include "crypto/sodium.hpp"
#include "session/token_set.hpp"

#include <cstring>
#include <new>
#include <type_traits>

namespace ironjar::detail {
namespace {

template <class Set, class Visit>
void forEachValue(Set& tokens, const Visit& visit) {
  forEachTokenMember([&](const auto& member) { visit(tokens.*member.value); });
  visit(tokens.resource);
}

template <class T>
std::size_t sizeOf(const T&) {
  return sizeof(T);
}
std::size_t sizeOf(const std::string& text) { return sizeof(std::size_t) + text.size(); }
std::size_t sizeOf(const std::map<std::string, std::string>& texts) {
  std::size_t size = sizeof size;
  for (const auto& [name, text] : texts) size += sizeOf(name) + sizeOf(text);
  return size;
}

template <class T>
void write(unsigned char*& to, const T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  std::memcpy(to, &value, sizeof value);
  to += sizeof value;
}
void write(unsigned char*& to, const std::string& text) {
  write(to, text.size());
  std::memcpy(to, text.data(), text.size());
  to += text.size();
}
void write(unsigned char*& to, const std::map<std::string, std::string>& texts) {
  write(to, texts.size());
  for (const auto& [name, text] : texts) {
    write(to, name);
    write(to, text);
  }
}

template <class T>
void read(const unsigned char*& from, T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  std::memcpy(&value, from, sizeof value);
  from += sizeof value;
}
void read(const unsigned char*& from, std::string& text) {
  std::size_t size = 0;
  read(from, size);
  text.assign(reinterpret_cast<const char*>(from), size);
  from += size;
}
void read(const unsigned char*& from, std::map<std::string, std::string>& texts) {
  std::size_t size = 0;
  read(from, size);
  texts.clear();
  std::string name;
  for (; size > 0; --size) {
    read(from, name);
    read(from, texts[name]);
  }
}

}  // namespace

StoredTokens::Pointer StoredTokens::make(const TokenKey& successor, const TokenSet& tokens) {
  std::size_t size = sizeof(StoredTokens);
  forEachValue(tokens, [&size](const auto& value) { size += sizeOf(value); });
  auto* memory = static_cast<unsigned char*>(::operator new(size));
  Pointer stored(new (memory) StoredTokens(size, successor));
  unsigned char* to = memory + sizeof(StoredTokens);
  forEachValue(tokens, [&to](const auto& value) { write(to, value); });
  return stored;
}

void StoredTokens::copyTo(TokenSet& tokens) const {
  const unsigned char* from = reinterpret_cast<const unsigned char*>(this) + sizeof(StoredTokens);
  forEachValue(tokens, [&from](auto& value) { read(from, value); });
}

void StoredTokens::prefetch() const {
  const auto* memory = reinterpret_cast<const unsigned char*>(this);
  __builtin_prefetch(memory);
  __builtin_prefetch(memory + 64);
}

void StoredTokens::Deleter::operator()(StoredTokens* stored) const noexcept {
  wipe({reinterpret_cast<unsigned char*>(stored), stored->size()});
  ::operator delete(stored);
}

}  // namespace ironjar::detail

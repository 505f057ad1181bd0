#include "refresh/stored_tokens.hpp"

#include "crypto/sodium.hpp"
#include "session/token_set.hpp"

#include <cstring>
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

std::size_t sizeAt(const unsigned char* memory) {
  std::size_t size = 0;
  read(memory, size);
  return size;
}

}  // namespace

StoredTokens::StoredTokens(const TokenSet& tokens) {
  std::size_t size = sizeof size;
  forEachValue(tokens, [&size](const auto& value) { size += sizeOf(value); });
  memory_.reset(new unsigned char[size]);
  unsigned char* to = memory_.get();
  write(to, size);
  forEachValue(tokens, [&to](const auto& value) { write(to, value); });
}

std::size_t StoredTokens::size() const { return memory_ ? sizeAt(memory_.get()) : 0; }

void StoredTokens::copyTo(TokenSet& tokens) const {
  const unsigned char* from = memory_.get() + sizeof(std::size_t);
  forEachValue(tokens, [&from](auto& value) { read(from, value); });
}

void StoredTokens::Wiping::operator()(unsigned char* memory) const noexcept {
  wipe({memory, sizeAt(memory)});
  delete[] memory;
}

}  // namespace ironjar::detail

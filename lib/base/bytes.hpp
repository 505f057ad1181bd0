// Text and bytes are the same memory seen twice.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace ironjar::detail {

using Bytes = std::span<const unsigned char>;
using MutableBytes = std::span<unsigned char>;

inline Bytes bytes(std::string_view text) { return {reinterpret_cast<const unsigned char*>(text.data()), text.size()}; }

inline std::string_view text(Bytes data) { return {reinterpret_cast<const char*>(data.data()), data.size()}; }

inline MutableBytes writable(char* data, std::size_t size) { return {reinterpret_cast<unsigned char*>(data), size}; }
inline char* writableText(MutableBytes data) { return reinterpret_cast<char*>(data.data()); }

}  // namespace ironjar::detail

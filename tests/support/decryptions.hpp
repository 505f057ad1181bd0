// Counts what libcrypto is asked to decrypt, in programs that link decryptions.cpp with -Wl,--wrap=EVP_DecryptUpdate.
#pragma once

#include <atomic>
#include <cstddef>

namespace support {

extern std::atomic<std::size_t> decryptions;

}  // namespace support

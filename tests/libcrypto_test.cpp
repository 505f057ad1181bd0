// Known answers of what lib/crypto builds from libcrypto's primitives.
#include "crypto/libcrypto.hpp"

#include "support/support.hpp"

#include <array>

namespace libcrypto_test {

using namespace ironjar::detail;

TEST_CASE("SHA-1: FIPS 180-2, appendix A") {
  const auto hashed = [](std::string_view message) {
    std::array<unsigned char, sha1Size> hash{};
    sha1(hash, bytes(message));
    return support::hex({reinterpret_cast<const char*>(hash.data()), hash.size()});
  };
  CHECK(hashed("abc") == "a9993e364706816aba3e25717850c26c9cd0d89d");
  CHECK(hashed("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
}

TEST_CASE("PBKDF2-HMAC-SHA1: RFC 6070") {
  const auto derived = [](std::string_view password, std::string_view salt, unsigned iterations, std::size_t size) {
    std::string key(size, '\0');
    Pbkdf2Password(bytes(password)).derive(writable(key.data(), size), bytes(salt), iterations);
    return support::hex(key);
  };
  CHECK(derived("password", "salt", 1, 20) == "0c60c80f961f0e71f3a9b524af6012062fe037a6");
  CHECK(derived("password", "salt", 2, 20) == "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957");
  CHECK(derived("password", "salt", 4096, 20) == "4b007901b765489abead49d926f721d065a429c1");
  CHECK(derived("passwordPASSWORDpassword", "saltSALTsaltSALTsaltSALTsaltSALTsalt", 4096, 25) ==
        "3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038");
  CHECK(derived({"pass\0word", 9}, {"sa\0lt", 5}, 4096, 16) == "56fa6aa75548099dcc37d7f03425e0c3");
  // Around the block that longer passwords are hashed to fit; by Python's hashlib.
  CHECK(derived(std::string(64, 'p'), "salt", 1, 32) ==
        "0ee153b147985a0d7bb6ead7ef72e56d45bd2396683caac4383eb786188aed3a");
  CHECK(derived(std::string(64, 'p'), "salt", 3, 45) ==
        "e3b09c012d7ef712e6d6fa000b358daea42ea4cc6487a5603760ffc290b0612bd4d2877e3703a1383576b2d23e");
  CHECK(derived(std::string(65, 'p'), "salt", 1, 32) ==
        "636c54ded9b9a90cb970c571b9d21325c3a7fcfd2a2902586d27d2b87fe37f0a");
  CHECK(derived(std::string(65, 'p'), "salt", 3, 45) ==
        "2831545255ebdfddea03e922dfe6b5ad3ce6b3f3194d4427b01cd2c359ce77689fd0190bb85f30fb09223f39a4");
  CHECK(derived(std::string(100, 'p'), "salt", 1, 32) ==
        "36fd47adbebbb152891db1ee7b82c9f404e41da16d28352a60c8f6f8f313490f");
  CHECK(derived(std::string(100, 'p'), "salt", 3, 45) ==
        "bb44bd3139365e925decbcc5e3287debe405a9891beecc56c5d97d94141968b2a3e6de5a3efffb8be28abdf5d2");
}

}  // namespace libcrypto_test

#include "base/base64url_avx2.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace ironjar::detail {

#if defined(__x86_64__)

namespace {

// 24 bytes, twelve in each half, as 32 numbers of six bits.
[[gnu::target("avx2")]] __m256i spread(__m128i first, __m128i second) {
  const __m256i bytes = _mm256_inserti128_si256(_mm256_castsi128_si256(first), second, 1);
  const __m256i order = _mm256_setr_epi8(1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10,  //
                                         1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10);
  const __m256i groups = _mm256_shuffle_epi8(bytes, order);
  // Each group of three bytes stands twice in 32 bits; multiplying shifts each number to where it belongs.
  const __m256i ac =
      _mm256_mulhi_epu16(_mm256_and_si256(groups, _mm256_set1_epi32(0x0fc0fc00)), _mm256_set1_epi32(0x04000040));
  const __m256i bd =
      _mm256_mullo_epi16(_mm256_and_si256(groups, _mm256_set1_epi32(0x003f03f0)), _mm256_set1_epi32(0x01000010));
  return _mm256_or_si256(ac, bd);
}

// The alphabet is five runs; each number gets the distance from itself to its character. Run 0 is A-Z, 1 is a-z, 2 to
// 11 are the digits, 12 is `-` and 13 is `_`.
[[gnu::target("avx2")]] __m256i characters(__m256i numbers) {
  const __m256i distances = _mm256_setr_epi8(65, 71, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, -17, 32, 0, 0,  //
                                             65, 71, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, -17, 32, 0, 0);
  const __m256i beyondLower = _mm256_subs_epu8(numbers, _mm256_set1_epi8(51));
  const __m256i beyondUpper = _mm256_cmpgt_epi8(numbers, _mm256_set1_epi8(25));  // -1 where it is so
  return _mm256_add_epi8(numbers, _mm256_shuffle_epi8(distances, _mm256_sub_epi8(beyondLower, beyondUpper)));
}

struct Numbers {
  __m256i numbers;
  __m256i bad;  // not zero where the character is not of the alphabet
};

// Told by the two halves of each character, high and low: a bit in common means that they do not go together. 1 stands
// for 2_ (only `-`), 2 for 3_ (the digits), 4 for 4_ and 6_, 8 for 5_, 16 for 7_, 32 for all others.
[[gnu::target("avx2")]] Numbers numbers(__m256i text) {
  const __m256i byHigh = _mm256_setr_epi8(32, 32, 1, 2, 4, 8, 4, 16, 32, 32, 32, 32, 32, 32, 32, 32,  //
                                          32, 32, 1, 2, 4, 8, 4, 16, 32, 32, 32, 32, 32, 32, 32, 32);
  const __m256i byLow = _mm256_setr_epi8(
      0x25, 0x21, 0x21, 0x21, 0x21, 0x21, 0x21, 0x21, 0x21, 0x21, 0x23, 0x3b, 0x3b, 0x3a, 0x3b, 0x33,  //
      0x25, 0x21, 0x21, 0x21, 0x21, 0x21, 0x21, 0x21, 0x21, 0x21, 0x23, 0x3b, 0x3b, 0x3a, 0x3b, 0x33);
  const __m256i distances = _mm256_setr_epi8(0, 0, 17, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0,  //
                                             0, 0, 17, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0);
  const __m256i half = _mm256_set1_epi8(0x0f);
  const __m256i high = _mm256_and_si256(_mm256_srli_epi32(text, 4), half);
  const __m256i low = _mm256_and_si256(text, half);
  // `_` stands among the capitals and is further on.
  const __m256i more = _mm256_and_si256(_mm256_cmpeq_epi8(text, _mm256_set1_epi8('_')), _mm256_set1_epi8(33));
  const __m256i distance = _mm256_add_epi8(_mm256_shuffle_epi8(distances, high), more);
  return {_mm256_add_epi8(text, distance),
          _mm256_and_si256(_mm256_shuffle_epi8(byHigh, high), _mm256_shuffle_epi8(byLow, low))};
}

// 32 numbers of six bits as twice twelve bytes, at the beginning of each half.
[[gnu::target("avx2")]] __m256i packed(__m256i numbers) {
  const __m256i twelveBits = _mm256_maddubs_epi16(numbers, _mm256_set1_epi32(0x01400140));
  const __m256i groups = _mm256_madd_epi16(twelveBits, _mm256_set1_epi32(0x00011000));
  const __m256i order = _mm256_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1,  //
                                         2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
  return _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(groups, order), _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 3, 7));
}

const __m128i* block(const void* at) { return static_cast<const __m128i*>(at); }

}  // namespace

bool hasAvx2() { return __builtin_cpu_supports("avx2") != 0; }

[[gnu::target("avx2")]] std::size_t writeBase64urlAvx2(char* text, Bytes data) {
  std::size_t done = 0;
  // The second half is read from byte 12, sixteen bytes long.
  for (; data.size() - done >= 28; done += 24, text += 32) {
    const unsigned char* const in = data.data() + done;
    const __m256i numbers = spread(_mm_loadu_si128(block(in)), _mm_loadu_si128(block(in + 12)));
    _mm256_storeu_si256(static_cast<__m256i*>(static_cast<void*>(text)), characters(numbers));
  }
  return done;
}

[[gnu::target("avx2")]] std::size_t decodeBase64urlAvx2(std::string_view text, MutableBytes out) {
  __m256i bad = _mm256_setzero_si256();
  std::size_t done = 0;
  unsigned char* to = out.data();
  for (; text.size() - done >= 32; done += 32, to += 24) {
    const Numbers in =
        numbers(_mm256_loadu_si256(static_cast<const __m256i*>(static_cast<const void*>(text.data() + done))));
    bad = _mm256_or_si256(bad, in.bad);
    const __m256i bytes = packed(in.numbers);
    _mm_storeu_si128(static_cast<__m128i*>(static_cast<void*>(to)), _mm256_castsi256_si128(bytes));
    _mm_storel_epi64(static_cast<__m128i*>(static_cast<void*>(to + 16)), _mm256_extracti128_si256(bytes, 1));
  }
  return _mm256_testz_si256(bad, bad) != 0 ? done : badBase64url;
}

#else

bool hasAvx2() { return false; }
std::size_t writeBase64urlAvx2(char*, Bytes) { return 0; }
std::size_t decodeBase64urlAvx2(std::string_view, MutableBytes) { return 0; }

#endif

}  // namespace ironjar::detail

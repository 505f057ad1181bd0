#include "http/content_coding.hpp"

#include "base/ascii.hpp"

#include <algorithm>
#include <array>
#include <new>
#include <string_view>
#include <vector>
#include <zlib.h>

namespace ironjar::detail {
namespace {

constexpr std::size_t mostCodings = 2;
constexpr std::size_t step = 16 * 1024;
constexpr std::string_view gzipMagic = "\x1f\x8b";

// What zlib's windowBits say of the format (zlib.h, inflateInit2).
constexpr int zlibFormat = 15;
constexpr int rawFormat = -15;
constexpr int gzipFormat = 15 + 16;

// Fields of a name are one list (RFC 9110 section 5.3).
std::vector<std::string> codingsOf(const Response& response) {
  std::vector<std::string> codings;
  for (const auto& [name, value] : response.headers) {
    if (!equalIgnoringCase(name, "Content-Encoding")) continue;
    std::string_view list = value;
    while (!list.empty()) {
      const std::size_t end = std::min(list.find(','), list.size());
      std::string coding = lower(trim(list.substr(0, end)));
      if (!coding.empty() && coding != "identity") codings.push_back(std::move(coding));
      list.remove_prefix(std::min(end + 1, list.size()));
    }
  }
  return codings;
}

// RFC 1950 section 2.2: the method is 8, and the first two bytes are a multiple of 31.
bool hasZlibHeader(std::string_view text) {
  if (text.size() < 2) return false;
  const auto first = static_cast<unsigned char>(text[0]);
  const auto second = static_cast<unsigned char>(text[1]);
  return (first & 0x0fU) == 8 && (first * 256U + second) % 31 == 0;
}

class Inflater {
 public:
  Inflater(std::string_view coded, int format) : coded_(coded) {
    if (inflateInit2(&stream_, format) != Z_OK) throw std::bad_alloc();
    // zlib 1.2 has no const here unless a macro says so; it does not write there.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(coded.data()));
    stream_.avail_in = static_cast<uInt>(coded.size());
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() { inflateEnd(&stream_); }

  // Decodes the next piece into `out`; returns its size.
  std::size_t fill(std::array<char, step>& out) {
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(out.size());
    status_ = inflate(&stream_, Z_NO_FLUSH);
    if (status_ == Z_MEM_ERROR) throw std::bad_alloc();
    return out.size() - stream_.avail_out;
  }
  [[nodiscard]] bool hasEnded() const { return status_ == Z_STREAM_END; }
  [[nodiscard]] bool goesOn() const { return status_ == Z_OK; }
  [[nodiscard]] std::string_view rest() const { return coded_.substr(coded_.size() - stream_.avail_in); }

 private:
  std::string_view coded_;
  z_stream stream_ = {};
  int status_ = Z_OK;
};

// One member, and what follows it.
struct Inflated {
  std::string text;
  std::string_view rest;
};

Result<Inflated> inflated(std::string_view coded, int format, std::size_t maxSize) {
  Inflater inflater(coded, format);
  Inflated out;
  std::array<char, step> piece{};
  while (!inflater.hasEnded()) {
    const std::size_t size = inflater.fill(piece);
    if (size > maxSize - out.text.size()) return fail(Errc::tooLarge, "a coded body is too large when decoded");
    out.text.append(piece.data(), size);
    const bool isStuck = size == 0 && !inflater.hasEnded();  // the input was cut
    if (isStuck || !(inflater.goesOn() || inflater.hasEnded())) {
      return fail(Errc::malformed, "a coded body is damaged");
    }
  }
  out.rest = inflater.rest();
  return out;
}

// RFC 1952 section 2.2: one member after another. What follows and does not begin as a member is ignored, as gzip does.
Result<std::string> gunzipped(std::string_view coded, std::size_t maxSize) {
  std::string text;
  do {
    Result<Inflated> member = inflated(coded, gzipFormat, maxSize - text.size());
    if (!member) return member.error();
    text.append(member->text);
    coded = member->rest;
  } while (coded.starts_with(gzipMagic));
  return text;
}

Result<std::string> decoded(std::string_view coded, std::string_view coding, std::size_t maxSize) {
  if (coding == "gzip" || coding == "x-gzip") return gunzipped(coded, maxSize);
  if (coding != "deflate") return fail(Errc::unsupported, "a content coding that is not known");
  Result<Inflated> text = inflated(coded, hasZlibHeader(coded) ? zlibFormat : rawFormat, maxSize);
  if (!text) return text.error();
  return std::move(text->text);
}

}  // namespace

Result<std::string> decodedBody(const Response& response, std::size_t maxSize) {
  if (response.body.size() > maxSize) return fail(Errc::tooLarge, "a body is too large");
  const std::vector<std::string> codings = codingsOf(response);
  if (codings.size() > mostCodings) return fail(Errc::unsupported, "a body in too many content codings");
  Result<std::string> body = response.body;
  // In the order in which they were applied (RFC 9110 section 8.4).
  for (auto coding = codings.rbegin(); coding != codings.rend() && body; ++coding) {
    body = decoded(*body, *coding, maxSize);
  }
  return body;
}

}  // namespace ironjar::detail

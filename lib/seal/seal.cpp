#include "json/json.hpp"
#include "seal/formats.hpp"

#include <algorithm>
#include <stdexcept>

#include <ironjar/seal.hpp>

namespace ironjar {

namespace detail {
namespace {

constexpr Seconds longestTtl{100'000'000'000};  // some 3,000 years, and no sum overflows
constexpr unsigned mostIterations = 100'000;

[[noreturn]] void refuse(const char* message) { throw std::invalid_argument(std::string("ironjar: ") + message); }
void require(bool condition, const char* message) {
  if (!condition) refuse(message);
}

// Takes a number off the front; false when there is none.
bool takeNumber(std::string_view& text) {
  const std::size_t end = std::min(text.find_first_not_of("0123456789"), text.size());
  text.remove_prefix(end);
  return end > 0;
}

// Other versions of our formats (`ij2.`, `Fe26.3*`) and PASETO's `v4.` are somebody's seals; the rest is junk.
bool looksLikeASeal(std::string_view text) {
  const bool iron = text.starts_with("Fe");
  if (!iron && !text.starts_with("ij") && !text.starts_with("v")) return false;
  text.remove_prefix(text.front() == 'v' ? 1 : 2);
  if (!takeNumber(text) || !text.starts_with('.')) return false;
  if (!iron) return true;
  text.remove_prefix(1);
  return takeNumber(text) && text.starts_with('*');
}

Result<OpenedJson> unseal(std::string_view text, const Keyring& keys, const SealOptions& options,
                          const Attempt& attempt, std::string* source) {
  Scratch memory;
  const Result<Opened> opened = open(text, keys, options, attempt, memory);
  if (!opened) return opened.error();
  if (source != nullptr) source->assign(opened->json);
  Result<Json> data = parsePaddedJson(opened->json);
  if (!data) return std::move(data).error();
  return OpenedJson(*std::move(data), opened->provenance);
}

}  // namespace

void requireValid(const SealOptions& options) {
  const auto& formats = options.formats;
  require(!formats.empty(), "SealOptions.formats is empty: list at least one format");
  for (const SealFormat format : formats) {
    require(static_cast<std::size_t>(format) < detail::formats().size(), "SealOptions.formats holds no SealFormat");
    require(std::count(formats.begin(), formats.end(), format) == 1, "SealOptions.formats lists a format twice");
  }
  require(detail::ttlOf(options) <= longestTtl && detail::ttlOf(options) >= -longestTtl,
          "SealOptions.ttl is longer than 10^11 seconds");
  require(options.clockSkew >= Seconds{0} && options.clockSkew <= longestTtl, "SealOptions.clockSkew is out of range");
  const auto& iterations = options.fe26Iterations;
  require(!iterations.empty() && iterations.size() <= 4, "SealOptions.fe26Iterations takes one to four numbers");
  require(std::all_of(iterations.begin(), iterations.end(), [](unsigned n) { return n > 0 && n <= mostIterations; }),
          "SealOptions.fe26Iterations are between 1 and 100000");
  require(options.now != nullptr, "SealOptions.now is empty: leave it out for the system's clock");
}

Result<Plain> Plain::of(const Json& data) {
  const Result<std::size_t> bound = jsonBound(data);
  if (!bound) return bound.error();
  return Plain(&data, {}, *bound);
}

char* Plain::write(char* out) const {
  return data_ != nullptr ? writeJson(out, *data_) : std::copy(text_.begin(), text_.end(), out);
}

Result<std::string> seal(const Plain& plain, const Keyring& keys, const SealOptions& options, const SealFacts& facts) {
  return formatOf(options.formats.front()).seal(plain, keys.sealing(), options, facts);
}

Result<std::string> seal(const Json& data, const Keyring& keys, const SealOptions& options, const SealFacts& facts) {
  const Result<Plain> plain = Plain::of(data);
  if (!plain) return plain.error();
  return seal(*plain, keys, options, facts);
}

Result<std::string> sealText(std::string_view json, const Keyring& keys, const SealOptions& options,
                             const SealFacts& facts) {
  if (json.size() > maxSealSize) return fail(Errc::tooLarge, std::to_string(json.size()) + " bytes of JSON");
  Result<Json> data = parseJson(json);
  if (!data) return std::move(data).error();
  dismantle(*data);
  return seal(Plain::ofText(json), keys, options, facts);
}

Result<Opened> open(std::string_view text, const Keyring& keys, const SealOptions& options, const Attempt& attempt,
                    Scratch& memory) {
  if (text.size() > maxSealSize) return fail(Errc::tooLarge, std::to_string(text.size()) + " bytes");
  const Format* const format = formatOfText(text);
  const auto& accepted = options.formats;
  if (format != nullptr && std::find(accepted.begin(), accepted.end(), format->format) != accepted.end()) {
    return format->open(text, keys, options, attempt, memory);
  }
  if (looksLikeASeal(text)) return fail(Errc::unsupported, "a format or version that is not enabled");
  return fail(Errc::malformed, "not a seal");
}

Result<Opened> open(std::string_view text, const Keyring& keys, const SealOptions& options, Scratch& memory) {
  return open(text, keys, options, {options.now(), options.fe26Iterations}, memory);
}

Result<OpenedJson> unseal(std::string_view text, const Keyring& keys, const SealOptions& options,
                          const Attempt& attempt) {
  return unseal(text, keys, options, attempt, nullptr);
}

Result<OpenedJson> unseal(std::string_view text, const Keyring& keys, const SealOptions& options, std::string* source) {
  return unseal(text, keys, options, {options.now(), options.fe26Iterations}, source);
}

}  // namespace detail

Result<std::string> sealData(const Json& data, const Passwords& passwords, const SealOptions& options) {
  detail::requireValid(options);
  return detail::seal(data, passwords.keyring(), options, {.ttl = detail::ttlOf(options)});
}

Result<Json> unsealData(std::string_view seal, const Passwords& passwords, const SealOptions& options) {
  detail::requireValid(options);
  Result<detail::OpenedJson> unsealed = detail::unseal(seal, passwords.keyring(), options);
  if (!unsealed) return std::move(unsealed).error();
  return std::move(unsealed->data);
}

}  // namespace ironjar

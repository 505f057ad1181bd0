#include "commands.hpp"

#include "base/base64url.hpp"
#include "crypto/secret.hpp"
#include "inspect.hpp"
#include "printable.hpp"
#include "seal/formats.hpp"
#include "seal/percent.hpp"

#include <array>
#include <iostream>
#include <stdexcept>

namespace ironjar::cli {
namespace {

int refused(const Error& error) {
  std::cerr << "ironjar: " << describe(error.code) << (error.detail.empty() ? "" : ": ") << printable(error.detail);
  std::cerr << (error.code == Errc::unsupported ? "; --formats says which formats open\n" : "\n");
  return 1;
}

// What opens: what --formats lists. Else every format, as the command line is asked about seals of any; but once a
// purpose or a context is named only those that are bound to it: any session's cookie would pass for a seal of the
// others.
SealOptions opening(const Request& request) {
  SealOptions options = request.options;
  options.formats = request.formats;
  if (request.formats.empty()) {
    for (const detail::Format& format : detail::formats()) {
      if (format.isBound || !request.isBound) options.formats.push_back(format.format);
    }
  }
  detail::requireValid(options);
  return options;
}

int answered(std::string_view text) {
  std::cout << text << '\n';
  return 0;
}

// What was sealed is somebody else's text, and a terminal acts on what it is shown.
int answeredJson(std::string_view json) {
  std::string text = printableJson(json);
  const detail::WipeAtExit wiped(text);
  return answered(text);
}

// As a cookie brings it: percent-encoded or not.
std::string sealOf(const Request& request) { return detail::decodedSeal(inputOf(request.sources)); }

// Seals what was unsealed so that it is the same session until the same moment.
Result<std::string> resealed(const detail::Provenance& from, std::string_view json, const Passwords& passwords,
                             SealOptions options) {
  options.formats = {from.format};
  Seconds ttl{0};
  const TimePoint time = options.now();
  const std::int64_t now = detail::unixMilliseconds(time);
  options.now = [time] { return time; };  // looked at once: the end must not move when a second ends meanwhile
  if (from.expires != 0) {
    if (from.expires / 1000 <= now / 1000) return fail(Errc::expired, "past its end, and only opened for its skew");
    ttl = Seconds{from.expires / 1000 - now / 1000};
  }
  if (from.format == SealFormat::fe26 && from.expires != 0) {
    // Its end is counted in milliseconds from the moment of sealing.
    const TimePoint start = detail::fromUnixMilliseconds(from.expires - ttl.count() * 1000);
    options.now = [start] { return start; };
  }
  return detail::sealText(json, passwords.keyring(), options, {ttl, from.lineage});
}

}  // namespace

int keygen(const Request& request) {
  detail::Secret<detail::aeadKeySize> key;
  detail::random(key.fill());
  std::string text = request.paserk ? "k4.local." : "";
  detail::appendBase64url(text, key.expose());
  return answered(text);
}

int seal(const Request& request) {
  if (request.isBound && !detail::formatOf(request.options.formats.front()).isBound) {
    throw std::invalid_argument("--purpose and --context are bound into native seals only");
  }
  const Passwords passwords = requirePasswords(request.sources);
  std::string json = inputOf(request.sources);
  const detail::WipeAtExit wiped(json);
  detail::requireValid(request.options);
  const auto sealed =
      detail::sealText(json, passwords.keyring(), request.options, {.ttl = detail::ttlOf(request.options)});
  return sealed ? answered(*sealed) : refused(sealed.error());
}

int unseal(const Request& request) {
  const Passwords passwords = requirePasswords(request.sources);
  const SealOptions options = opening(request);
  std::string json;
  const detail::WipeAtExit wiped(json);
  const auto unsealed = detail::unseal(sealOf(request), passwords.keyring(), options, &json);
  return unsealed ? answeredJson(json) : refused(unsealed.error());
}

int inspect(const Request& request) {
  const SealOptions options = opening(request);
  const std::optional<Passwords> passwords = passwordsOf(request.sources);
  Inspection inspection = inspectSeal(sealOf(request), passwords ? &*passwords : nullptr, options, request.show);
  const detail::WipeAtExit wiped(inspection.report);
  static_cast<void>(answeredJson(inspection.report));
  return inspection.verifies ? 0 : 1;
}

int rotate(const Request& request) {
  const Passwords passwords = requirePasswords(request.sources);
  const SealOptions options = opening(request);
  std::string json;
  const detail::WipeAtExit wiped(json);
  const auto unsealed = detail::unseal(sealOf(request), passwords.keyring(), options, &json);
  if (!unsealed) return refused(unsealed.error());
  const auto sealed = resealed(unsealed->provenance, json, passwords, options);
  return sealed ? answered(*sealed) : refused(sealed.error());
}

}  // namespace ironjar::cli

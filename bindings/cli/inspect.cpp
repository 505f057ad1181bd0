#include "inspect.hpp"

#include "detail/base64url.hpp"
#include "detail/hex.hpp"
#include "detail/keyring.hpp"
#include "seal_format.hpp"

#include <array>
#include <ctime>

namespace ironjar::cli {
namespace {

using Report = nlohmann::ordered_json;

constexpr Seconds anyTime{100'000'000'000};  // the largest skew there is

Report isoTime(std::int64_t unixMilliseconds) {
  const auto seconds = static_cast<std::time_t>(unixMilliseconds / 1000);
  std::tm parts{};
  std::array<char, 32> text{};
  if (gmtime_r(&seconds, &parts) == nullptr) return nullptr;
  return std::string(text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts));
}

// The first bytes of a native seal name its key; null when they cannot be read.
Report nativeKeyId(std::string_view text) {
  constexpr std::size_t firstCharacters = 12;  // nine bytes
  std::array<unsigned char, 9> head{};
  text.remove_prefix(std::min<std::size_t>(text.size(), 4));
  if (!detail::decodeBase64url(text.substr(0, firstCharacters), head)) return nullptr;
  return detail::hex(detail::Bytes(head).first(detail::keyIdSize));
}

// What stands in clear and names a key must be a number or nothing, as everything else is somebody's invention.
Report fe26KeyId(std::string_view text) {
  const std::size_t begin = text.find('*') + 1;
  const std::string_view id = text.substr(begin, text.find('*', begin) - begin);
  const bool isNumber = id.size() <= 10 && id.find_first_not_of("0123456789") == std::string_view::npos;
  return isNumber && !id.empty() ? Report(id) : Report(nullptr);
}

bool isSealed(Errc code) { return code == Errc::expired || code == Errc::notYetValid; }

void addOpened(Report& report, const detail::Unsealed& unsealed, std::size_t dataSize, bool show) {
  const detail::Provenance& from = unsealed.provenance;
  if (from.lineage) {
    report["issued"] = isoTime(from.issued);
    report["sessionStarted"] = isoTime(from.lineage->start * 1000);
    report["sessionId"] = detail::hex(from.lineage->id);
  }
  report["expires"] = from.expires == 0 ? Report("never") : isoTime(from.expires);
  report["newestPassword"] = from.newestKey;
  report["dataSize"] = dataSize;
  if (show) report["data"] = Report(unsealed.data);
}

}  // namespace

Inspection inspectSeal(std::string_view text, const Passwords* passwords, const SealOptions& options, bool show) {
  const bool native = text.starts_with("ij1.");
  const bool fe26 = text.starts_with("Fe26.2*");
  Report report = {{"format", native ? Report("native")
                              : fe26 ? Report("fe26")
                                     : Report(nullptr)},
                   {"keyId", native ? nativeKeyId(text)
                             : fe26 ? fe26KeyId(text)
                                    : Report(nullptr)},
                   {"sealSize", text.size()},
                   {"verifies", nullptr}};
  if (passwords == nullptr) {
    report["error"] = "no password given";
    return {report.dump(2), false};
  }
  const auto inTime = detail::unseal(text, passwords->keyring(), options);
  report["verifies"] = inTime.has_value() || isSealed(inTime.error().code);
  if (!inTime) {
    report["error"] = nameOf(inTime.error().code);
    report["detail"] = inTime.error().detail;
  }
  SealOptions timeless = options;
  timeless.clockSkew = anyTime;
  std::string json;
  const detail::WipeAtExit wiped(json);
  const auto opened = detail::unseal(text, passwords->keyring(), timeless, &json);
  if (opened) addOpened(report, *opened, json.size(), show);
  return {report.dump(2), inTime.has_value()};
}

}  // namespace ironjar::cli

#include "inspect.hpp"

#include "base/hex.hpp"
#include "crypto/keyring.hpp"
#include "seal/formats.hpp"

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

bool isSealed(Errc code) { return code == Errc::expired || code == Errc::notYetValid; }

void addOpened(Report& report, const detail::OpenedJson& unsealed, std::size_t dataSize, bool show) {
  const detail::Provenance& from = unsealed.provenance;
  if (from.lineage) {
    report["issued"] = isoTime(from.issued);
    report["sessionStarted"] = isoTime(from.lineage->start * 1000);
    report["sessionId"] = detail::hex(from.lineage->id);
  }
  report["expires"] = from.expires == 0 ? Report("never") : isoTime(from.expires);
  report["sealingPassword"] = from.isSealingKey;
  report["dataSize"] = dataSize;
  if (show) report["data"] = Report(unsealed.data);
}

}  // namespace

Inspection inspectSeal(std::string_view text, const Passwords* passwords, const SealOptions& options, bool show) {
  const detail::Format* const format = detail::formatOfText(text);
  const std::string keyId = format != nullptr ? format->keyId(text) : std::string();
  Report report = {{"format", format != nullptr ? Report(format->name) : Report(nullptr)},
                   {"keyId", keyId.empty() ? Report(nullptr) : Report(keyId)},
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

#include "redis/denial.hpp"

#include "base/base64url.hpp"
#include "base/bytes.hpp"
#include "base/time.hpp"
#include "crypto/sodium.hpp"
#include "redis/scripts.hpp"

#include <algorithm>
#include <cstdint>

namespace ironjar::detail {
namespace {

using Mark = RevocationList::Mark;

constexpr std::string_view purpose = "redis-revocation";
constexpr std::string_view purposeOfLogs = "redis-denials";
constexpr std::array<std::string_view, 4> kinds = {"session", "sid", "sub", "jti"};

std::string_view kindOf(const Mark& mark) { return kinds.at(static_cast<std::size_t>(mark.kind)); }

std::string namedBy(const Mark& mark) { return std::to_string(mark.issuer.size()) + ':' + mark.issuer + mark.value; }

// What is sealed behind its time, which scripts compare: the two must agree.
std::optional<Json> openedBehindTime(const RedisSealer& sealer, std::string_view value, const std::string& name,
                                     const RedisSealer::Bound& bound) {
  auto data = sealer.open(name, bound, value.substr(std::min(value.size(), sortableSize)));
  if (!data || !data->contains("t") || !data->at("t").is_number_integer()) return std::nullopt;
  const TimePoint at = fromUnixMilliseconds(data->at("t").get<std::int64_t>());
  return value.starts_with(sortable(at)) ? std::move(data) : std::nullopt;
}

TimePoint timeIn(const Json& data) { return fromUnixMilliseconds(data.at("t").get<std::int64_t>()); }

}  // namespace

MarkDigest digestOf(const Mark& mark) {
  MarkDigest digest{};
  blake2b(digest, bytes("ironjar denied mark"), bytes(std::string(kindOf(mark)) + ':' + namedBy(mark)));
  return digest;
}

RedisNames DenialSealer::keysOf(const Mark& mark) const { return sealer_.names("deny", kindOf(mark), namedBy(mark)); }

std::vector<std::string> DenialSealer::sealed(const RedisNames& names, const RedisSealer::Bound& bound,
                                              const Json& data, TimePoint at, Seconds keep) const {
  auto values = sealer_.seal(names, bound, data, keep);
  if (!values) return {};
  for (std::string& value : *values) value.insert(0, sortable(at));
  return *std::move(values);
}

std::vector<std::string> DenialSealer::valuesOf(const Mark& mark, TimePoint at, Seconds keep) const {
  return sealed(keysOf(mark), {purpose, namedBy(mark)}, {{"t", unixMilliseconds(at)}}, at, keep);
}

std::optional<TimePoint> DenialSealer::deniedIn(std::string_view value, const std::string& key,
                                                const Mark& mark) const {
  const auto data = openedBehindTime(sealer_, value, key, {purpose, namedBy(mark)});
  return data ? std::optional(timeIn(*data)) : std::nullopt;
}

std::vector<std::string> DenialSealer::entriesOf(const Denial& denial, Seconds keep) const {
  std::string mark;
  appendBase64url(mark, denial.mark);
  return sealed(logs(), {purposeOfLogs, ""}, {{"t", unixMilliseconds(denial.at)}, {"m", mark}}, denial.at, keep);
}

std::optional<Denial> DenialSealer::read(std::string_view entry, const std::string& log) const {
  const auto data = openedBehindTime(sealer_, entry, log, {purposeOfLogs, ""});
  if (!data || !data->contains("m") || !data->at("m").is_string()) return std::nullopt;
  const auto& mark = data->at("m").get_ref<const std::string&>();
  Denial denial{.at = timeIn(*data)};
  const bool isDigest = base64urlDecodedSize(mark.size()) == denial.mark.size() && decodeBase64url(mark, denial.mark);
  return isDigest ? std::optional(denial) : std::nullopt;
}

}  // namespace ironjar::detail

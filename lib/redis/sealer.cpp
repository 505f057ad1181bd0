#include "redis/sealer.hpp"

#include "base/base64url.hpp"
#include "crypto/secret.hpp"
#include "redis/policy.hpp"
#include "seal/seal_native.hpp"

#include <array>

namespace ironjar::detail {
namespace {

SealOptions sealing(std::string_view name, const RedisSealer::Bound& bound, Seconds ttl) {
  return {.formats = {SealFormat::native},
          .ttl = ttl,
          .clockSkew = valueSkew,
          .purpose = std::string(bound.purpose),
          .context = std::string(name).append(1, '\0').append(bound.secret)};
}

}  // namespace

RedisSealer::RedisSealer(Passwords passwords, std::string prefix)
    : passwords_(std::move(passwords)), prefix_(std::move(prefix)) {}

std::size_t RedisSealer::copies() const { return passwords_.keyring().all().size(); }

RedisNames RedisSealer::names(std::string_view kind, std::string_view part, std::string_view secret) const {
  std::string message = std::to_string(part.size());
  const WipeAtExit wiped(message);
  message.append(1, ':').append(part).append(secret);
  RedisNames names;
  for (const Key& key : passwords_.keyring().all()) {
    Secret<32> naming;
    blake2b(naming.fill(), key.native.expose(), bytes("ironjar redis names v1"));
    std::array<unsigned char, 24> hash{};
    blake2b(hash, naming.expose(), bytes(message));
    std::string name = prefix_ + std::string(kind) + ":";
    appendBase64url(name, hash);
    names.push_back(std::move(name));
  }
  return names;
}

Result<std::vector<std::string>> RedisSealer::seal(const RedisNames& names, const Bound& bound, const Json& data,
                                                   Seconds ttl) const {
  const Result<Plain> plain = Plain::of(data);
  if (!plain) return plain.error();
  std::vector<std::string> values;
  for (const Key& key : passwords_.keyring().all()) {
    auto value = sealNative(*plain, key, sealing(names.at(values.size()), bound, ttl), {.ttl = ttl});
    if (!value) return value.error();
    values.push_back(*std::move(value));
  }
  return values;
}

std::optional<Json> RedisSealer::open(std::string_view name, const Bound& bound, std::string_view value) const {
  auto unsealed = unseal(value, passwords_.keyring(), sealing(name, bound, Seconds{0}));
  if (!unsealed || !unsealed->data.is_object()) return std::nullopt;
  return std::move(unsealed->data);
}

}  // namespace ironjar::detail

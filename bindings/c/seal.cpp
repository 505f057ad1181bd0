#include "guard.hpp"
#include "handles.hpp"
#include "options.hpp"

using ironjar::c::AtTime;
using ironjar::c::failed;
using ironjar::c::guard;
using ironjar::c::live;
using ironjar::c::Outcome;
using ironjar::c::release;
using ironjar::c::requireOut;
using ironjar::c::textIn;
using ironjar::c::TextOut;

namespace ironjar::c {
namespace {

constexpr std::int64_t systemTime = IRONJAR_NOW;
thread_local std::int64_t callTime = systemTime;

}  // namespace

AtTime::AtTime(std::int64_t unixMilliseconds) {
  const bool isShown = unixMilliseconds >= systemTime &&
                       (unixMilliseconds == systemTime ||
                        detail::unixMilliseconds(detail::fromUnixMilliseconds(unixMilliseconds)) == unixMilliseconds);
  if (!isShown) throw std::invalid_argument("ironjar: now_ms is before 1970 or after 2262");
  callTime = unixMilliseconds;
}

AtTime::~AtTime() { callTime = systemTime; }

TimePoint AtTime::now() { return callTime == systemTime ? systemClock() : detail::fromUnixMilliseconds(callTime); }

}  // namespace ironjar::c

ironjar_status ironjar_sealer_new(const char* options, std::size_t options_size, ironjar_sealer** sealer,
                                  ironjar_error* error) {
  return guard(error, [&]() -> Outcome {
    requireOut(sealer, "sealer") = nullptr;
    const ironjar::bindings::SecretJson json(textIn(options, options_size, "options"));
    ironjar::bindings::Sealing sealing = ironjar::bindings::sealingFrom(*json, AtTime::now);
    *sealer = new ironjar_sealer{std::move(sealing.passwords), std::move(sealing.options)};
    return {};
  });
}

ironjar_status ironjar_sealer_free(ironjar_sealer* sealer) {
  return guard(nullptr, [&]() -> Outcome {
    release(sealer);
    return {};
  });
}

ironjar_status ironjar_seal_data(const ironjar_sealer* sealer, const char* json, std::size_t json_size,
                                 std::int64_t now_ms, char* seal, std::size_t* seal_size, ironjar_error* error) {
  return guard(error, [&]() -> Outcome {
    const TextOut out(seal, seal_size, "seal");
    const ironjar_sealer& with = live(sealer);
    const AtTime at(now_ms);
    const auto sealed = ironjar::detail::sealText(textIn(json, json_size, "json"), with.passwords.keyring(),
                                                  with.options, {.ttl = ironjar::detail::ttlOf(with.options)});
    return sealed ? out.put(*sealed) : failed(sealed.error());
  });
}

ironjar_status ironjar_unseal_data(const ironjar_sealer* sealer, const char* seal, std::size_t seal_size,
                                   std::int64_t now_ms, char* json, std::size_t* json_size, ironjar_error* error) {
  return guard(error, [&]() -> Outcome {
    const TextOut out(json, json_size, "json");
    const ironjar_sealer& with = live(sealer);
    const AtTime at(now_ms);
    std::string text;
    const ironjar::detail::WipeAtExit wiped(text);
    const auto unsealed =
        ironjar::detail::unseal(textIn(seal, seal_size, "seal"), with.passwords.keyring(), with.options, &text);
    return unsealed ? out.put(text) : failed(unsealed.error());
  });
}

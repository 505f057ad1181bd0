// What the options of a Redis mean, looked at once.
#pragma once

#include "redis/stream.hpp"

#include <ironjar/redis.hpp>

namespace ironjar::detail {

// The options with what their `url` says, which is empty then. Throws std::invalid_argument for what cannot be, and for
// what url and an option both say; the message has nothing of the url but the names of its parameters.
[[nodiscard]] RedisOptions checked(RedisOptions options);

// `host`, `host:port` or `[address]:port`; the port is `otherwise` when there is none. Throws std::invalid_argument.
[[nodiscard]] RedisEndpoint endpointIn(std::string_view text, int otherwise);

}  // namespace ironjar::detail

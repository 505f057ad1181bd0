#include <stdexcept>

#include <ironjar/transport_options.hpp>

namespace ironjar::detail {
namespace {

[[noreturn]] void refuse(const char* why) {
  throw std::invalid_argument(std::string("ironjar: TransportOptions: ") + why);
}

}  // namespace

std::optional<HttpTarget> proxyOf(const TransportOptions& options) {
  for (const auto time : {options.connectTimeout, options.idleTimeout, options.streamIdle}) {
    if (time.count() < 0 || time > std::chrono::hours{24}) {
      refuse("connectTimeout, idleTimeout or streamIdle is out of range");
    }
  }
  if (options.proxyAuthorization.find_first_of(std::string("\r\n\0", 3)) != std::string::npos) {
    refuse("proxyAuthorization breaks its line");
  }
  if (options.proxy.empty()) return std::nullopt;
  Result<HttpTarget> proxy = readTarget(options.proxy);
  if (!proxy || proxy->https || proxy->target != "/") refuse("proxy is not a URL such as http://proxy.example:3128");
  return *std::move(proxy);
}

std::string connectionKey(const TransportOptions& options, const Request& request, const HttpTarget& target) {
  if (request.freshConnection) return {};
  if (options.shareAmongGroups) return target.origin;
  return request.connectionGroup.empty() ? std::string() : target.origin + '\n' + request.connectionGroup;
}

std::size_t maxIdlePerKey(const TransportOptions& options) {
  return options.shareAmongGroups ? options.maxIdle : options.maxIdlePerGroup;
}

}  // namespace ironjar::detail

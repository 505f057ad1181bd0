#include "curl/setup.hpp"

#include <curl/curl.h>
#include <stdexcept>

namespace ironjar::detail {
namespace {

[[noreturn]] void refuse(const char* why) {
  throw std::invalid_argument(std::string("ironjar: CurlTransportOptions: ") + why);
}

CurlTransportOptions checked(CurlTransportOptions options) {
  // Thread-safe since libcurl 7.84.
  static const CURLcode isReady = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (isReady != CURLE_OK) throw std::runtime_error("ironjar: libcurl cannot be initialised");
  for (const auto time : {options.connectTimeout, options.idleTimeout, options.streamIdle}) {
    if (time.count() < 0 || time > std::chrono::hours{24}) {
      refuse("connectTimeout, idleTimeout or streamIdle is out of range");
    }
  }
  const std::string& credentials = options.proxyAuthorization;
  if (credentials.find_first_of(std::string("\r\n\0", 3)) != std::string::npos) {
    refuse("proxyAuthorization breaks its line");
  }
  return options;
}

std::optional<HttpTarget> proxyOf(const CurlTransportOptions& options) {
  if (options.proxy.empty()) return std::nullopt;
  Result<HttpTarget> proxy = readTarget(options.proxy);
  if (!proxy || proxy->https || proxy->target != "/") refuse("proxy is not a URL such as http://proxy.example:3128");
  return *std::move(proxy);
}

}  // namespace

Setup::Setup(CurlTransportOptions given, Lookup lookup)
    : options(checked(std::move(given))), proxy(proxyOf(options)), tls(options), resolver(std::move(lookup)) {}

std::string Setup::keyOf(const Request& request, const HttpTarget& target) const {
  if (request.freshConnection) return {};
  if (options.shareAmongGroups) return target.origin;
  return request.connectionGroup.empty() ? std::string() : target.origin + '\n' + request.connectionGroup;
}

}  // namespace ironjar::detail

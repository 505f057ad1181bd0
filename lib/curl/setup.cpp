#include "curl/setup.hpp"

#include <curl/curl.h>
#include <stdexcept>

namespace ironjar::detail {
namespace {

TransportOptions initialised(TransportOptions options) {
  // Thread-safe since libcurl 7.84.
  static const CURLcode isReady = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (isReady != CURLE_OK) throw std::runtime_error("ironjar: libcurl cannot be initialised");
  return options;
}

}  // namespace

Setup::Setup(TransportOptions given, Lookup lookup)
    : options(initialised(std::move(given))), proxy(proxyOf(options)), tls(options), resolver(std::move(lookup)) {}

}  // namespace ironjar::detail

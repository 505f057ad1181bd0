// Both transports keep to the contract.
#include "client.hpp"
#include "support/tls_wires.hpp"
#include "support/violations.hpp"

namespace curl_contract_test {

using namespace ironjar;
using ironjar::testing::checkTransport;
using support::listed;

TEST_CASE("V34 V35 V36: curlTransport keeps to the contract of a transport") {
  CHECK(listed(checkTransport(curlTransport())) == "");
}

TEST_CASE("V34 V35 V36: asyncCurlTransport keeps to it") {
  CHECK(listed(checkTransport(blocking(asyncCurlTransport()))) == "");
}

TEST_CASE("V17 V34 V35 V36: both keep to it over TLS") {
  const support::Certificate certificate;
  for (const auto& each : support::curlTransports({.caCertFile = certificate.file.string()})) {
    const Transport& transport = each.second;
    CAPTURE(each.first);
    CHECK(listed(checkTransport(transport, {.origin = "https://localhost",
                                            .wires = support::tlsWires(certificate),
                                            .deadline = std::chrono::milliseconds{500}})) == "");
  }
}

}  // namespace curl_contract_test

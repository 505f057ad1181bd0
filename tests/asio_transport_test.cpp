// asioTransport keeps to the contract of a transport, and what is particular to it.
#include "support/asio.hpp"
#include "support/support.hpp"
#include "support/tls_wires.hpp"

#include <ironjar/testing/check_transport.hpp>

using namespace ironjar;
using namespace std::chrono_literals;
using ironjar::testing::checkTransport;
using support::Certificate;
using support::Loop;

namespace {

std::string listed(const std::vector<std::string>& violations) {
  std::string text;
  for (const std::string& line : violations) text += line + "\n";
  return text;
}

}  // namespace

TEST_CASE("V34 V35 V36: asioTransport keeps to the contract of a transport") {
  Loop loop;
  CHECK(listed(checkTransport(blocking(asioTransport(loop.executor())))) == "");
}

TEST_CASE("V17 V34 V35 V36: asioTransport keeps to it over TLS") {
  const Certificate certificate;
  Loop loop;
  CHECK(listed(checkTransport(blocking(asioTransport(loop.executor(), {.caCertFile = certificate.file.string()})),
                              {.origin = "https://localhost", .wires = support::tlsWires(certificate)})) == "");
}

TEST_CASE("asioTransport keeps to it on a pool of threads") {
  Loop loop(4);
  CHECK(listed(checkTransport(blocking(asioTransport(loop.executor())))) == "");
}

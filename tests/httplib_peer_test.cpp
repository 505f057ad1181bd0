// What a hostile or a broken peer can do to httplibTransport.
#include "support/hostile_peers.hpp"

#include <ironjar/httplib/transport.hpp>

namespace httplib_peer_test {

namespace {

namespace hostile = support::hostile;

struct Sockets {
  static ironjar::Transport make(ironjar::TransportOptions options = {}) {
    return ironjar::httplibTransport(std::move(options));
  }
};

}  // namespace

TEST_CASE("V02 no user is given what another's request left in a connection, over TCP and TLS") {
  hostile::leavings<Sockets>();
}
TEST_CASE("V02 what comes late is never another group's answer") { hostile::lateAnswers<Sockets>(); }
TEST_CASE("V02 nothing is kept after an error, a timeout, a large body, or without a group") {
  hostile::nothingKept<Sockets>();
}
TEST_CASE("V20 spellings of one host share their connections, and idle ones are bounded and swept") {
  hostile::spellings<Sockets>();
}
TEST_CASE("V20 one group keeps a few connections only") { hostile::groupSize<Sockets>(); }
TEST_CASE("V17 a peer that never comes to an end is cut after its limit, over TCP and TLS") {
  hostile::endlessPeers<Sockets>();
}
TEST_CASE("V13 a status line of any length takes no stack") { hostile::longStatusLine<Sockets>(); }
TEST_CASE("V34 what was certainly not sent is unreachable, whatever the deadline") {
  hostile::certainlyNotSent<Sockets>();
}
TEST_CASE("V34 an address that does not answer is given up after connectTimeout") { hostile::silentAddress<Sockets>(); }
TEST_CASE("V34 an early answer is read though its TLS record comes in two parts") {
  hostile::earlyAnswerInParts<Sockets>();
}
TEST_CASE("V34 after the first byte it is transport or timeout") { hostile::afterTheFirstByte<Sockets>(); }

}  // namespace httplib_peer_test

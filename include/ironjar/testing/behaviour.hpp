// What a fake identity provider is and does, and what it has counted.
//
// Example:
//   ironjar::testing::Provider provider({}, {.rotation = ironjar::testing::Rotation::graceSamePair});
//   provider.behave({.dropAfterCommit = {.times = 1}});  // the next answer with tokens is lost
#pragma once

#include <chrono>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <ironjar/coordinator.hpp>
#include <ironjar/testing/clock.hpp>

namespace ironjar::testing {

struct ProviderOptions {
  std::string origin = "https://id.example";  // the issuer
  std::optional<VirtualClock> clock = {};     // on which tokens end and latencies pass; unset: real time
  std::optional<ClientAuth> client = {};      // who may ask; unset: anybody
  bool randomTokens = false;                  // unset: at-1, rt-1, at-2, …, the same in every run
  std::string tokenPath = "/token";
  std::string revocationPath = "/revoke";
  std::vector<std::string> redirectUris = {};            // that /authorize leads back to; empty: any
  std::vector<std::string> postLogoutRedirectUris = {};  // that /end_session leads to; empty: any
  std::size_t keepRequests = 100;                        // the newest that seen() knows
};

// What becomes of a refresh token that has been used. "Reuse" ends the whole login, as RFC 9700 section 4.14.2 has it.
enum class Rotation {
  none,                          // it stays good
  strict,                        // using it again is reuse
  singleUse,                     // using it again is refused, and the login goes on
  graceSamePair,                 // for `grace` after its first use it gives the same pair again
  graceNewChild,                 // for `grace` it gives another new pair, and all of them are good
  graceNewChildRevokesPrevious,  // for `grace` it gives another new pair, and what it gave before is good no more
  untilConfirmed,                // the same pair again, until one of that pair is used, and for `grace` after that
};

// Answers that get lost: the next `times` of them.
struct Drop {
  enum class How {
    reset,    // the connection breaks: Errc::transport
    hang,     // nothing comes until the caller's deadline (Errc::timeout), or until release() breaks the connection
    gateway,  // a gateway in between answers 504
  };
  static constexpr unsigned always = std::numeric_limits<unsigned>::max();

  unsigned times = 0;
  How how = How::reset;
};

// The knobs. By default a strict provider without faults.
struct ProviderBehaviour {
  Rotation rotation = Rotation::strict;
  Seconds grace{30};
  bool omitRefreshToken = false;       // a refresh's answer has none, and the one that was used stays good
  Seconds accessTokenLifetime{3600};   // the API accepts it for so long
  std::optional<Json> expiresIn = {};  // what the answer says of that, be it nonsense; unset: the truth
  bool omitExpiresIn = false;
  bool idToken = false;                     // an ID token comes along with all tokens, not only a login's own
  std::string scope = {};                   // granted; empty: not mentioned
  std::vector<std::string> cookies = {};    // Set-Cookie values that come with tokens, e.g. "sso_session=1; Path=/"
  std::optional<Response> endedGrant = {};  // what a refresh token that is not good gets; unset: a 400, invalid_grant
  bool formAnswers = false;                 // tokens and endedGrant come as a form, unless Accept asks for JSON
  bool deflates = false;                    // every answer is in the content coding deflate, whoever asked for it
  // Before the provider has made up its books, and after. On a caller that gives up meanwhile the books are made up
  // all the same, as a real provider's would be.
  std::chrono::milliseconds latencyBeforeCommit{0};
  std::chrono::milliseconds latencyAfterCommit{0};
  Drop dropBeforeCommit = Drop();
  Drop dropAfterCommit = Drop();
  std::optional<Result<Response>> instead = {};  // what every token call gets in place of its own answer: an outage
  std::string dpopNonce = {};                    // asked for in proofs (RFC 9449 section 8); empty: none is
  bool requiresDpop = false;                     // a code buys nothing without a proof (RFC 9449 section 5)
  int revocationStatus = 200;                    // any other: nothing is revoked
  bool isDown = false;                           // whatever is asked: Errc::unreachable
  std::map<std::string, Result<Response>> insteadAt = {};  // by path, what other calls get: {"/keys", fail(…)}
  Json metadata = Json::object();                          // over the provider's own; null takes one out
  Json claims = Json::object();                            // over those of the next ID tokens; likewise
  // What happens at /authorize.
  std::string authorizeAs = "ada";      // who signs in; empty: the user says no (access_denied)
  std::string authorizationError = {};  // what comes back in place of a code
  bool namesItself = true;              // answers have `iss` (RFC 9207), and the metadata say so
  std::string issuerNamed = {};         // in place of its own there: that of another provider
  bool requiresPushedRequests = false;  // RFC 9126
  bool requiresPkce = false;
  bool checksPkce = true;  // false: any code_verifier buys the tokens
  Seconds codeLifetime{60};
};

struct ProviderCounts {
  int logins = 0;
  int tokenCalls = 0;      // whatever came of them
  int refreshes = 0;       // that gave new tokens
  int replays = 0;         // that gave the same pair once more
  int reuses = 0;          // of a refresh token that had been used, beyond all grace; each time
  int familiesKilled = 0;  // logins that ended by that
  int revocations = 0;     // calls, whatever came of them
  int authorizations = 0;  // that ended with a code
  int pushedRequests = 0;  // RFC 9126
  int logouts = 0;         // at end_session
};

inline void to_json(Json& json, const ProviderCounts& counts) {
  json = {{"logins", counts.logins},
          {"tokenCalls", counts.tokenCalls},
          {"refreshes", counts.refreshes},
          {"replays", counts.replays},
          {"reuses", counts.reuses},
          {"familiesKilled", counts.familiesKilled},
          {"revocations", counts.revocations},
          {"authorizations", counts.authorizations},
          {"pushedRequests", counts.pushedRequests},
          {"logouts", counts.logouts}};
}

}  // namespace ironjar::testing

// Tokens of vectors/id_token.json, which the npm package jose has signed, and the keys that verify them: an accepted
// one of each algorithm.
#pragma once

#include <array>
#include <string_view>

#include <ironjar/id_token.hpp>
#include <ironjar/logout_token.hpp>

namespace fuzz {

struct RecordedToken {
  std::string_view token;
  const char* member;  // of the key that has signed it: the one with its number
  const char* number;
};

inline const ironjar::IdTokenRules& recordedRules() {
  static const ironjar::IdTokenRules rules{
      .issuer = "https://id.example.com", .clientId = "web", .nonce = "n-0S6_WzA2Mj"};
  return rules;
}

inline constexpr std::array<RecordedToken, 4> recordedTokens = {{
    {"eyJhbGciOiJSUzI1NiIsImtpZCI6InJzIn0.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwic3ViIjoiYWRhIiwiYXVk"
     "Ijoid2ViIiwiaWF0IjoxNzAwMDAwMDAwLCJleHAiOjE3MDAwMDAzMDAsImF1dGhfdGltZSI6MTY5OTk5OTk3MCwibm9uY2UiOiJu"
     "LTBTNl9XekEyTWoifQ.iyaaGnJrJj0VFydGpdmvXeXy-j_SaztBXRZ-0vaIjaF_wJTtydsp_tcPPB1mTCCoNP3RRhSzAAaIrZV9s"
     "3uGIqL6hR7_byfDdA6X5Y4lv_EXz6mUv6oOacKR_jdo9bhukG-YezqiTXRTYR9hA7x0denki11I7V9dqD0fRKevIgVbpyyikmEtg"
     "dneeps96hZYEPosw8LUHwGK7j4Vqu3uwd0S19Ue-sL1C8OIyaYG5y6l0QI_Aeu2XzQIFQASPAqwPYURK5OzP6tWHirjzyzXMq_mS"
     "GU3YtxwXRMYJCoY68-4zQk9ulBO9UrhZTsEoldVrQLA8GI-huZM10BI-VpA9A",
     "n",
     "0kX7CClyWR7GeVflY4xV0kA1LBw5Qb4dmVt8IuIKnNnMF9QrdJl46BbzAq2OEWQrNb0PkbMLbYDPOEuaqaPYbaWYD6fQZk2JOjvT"
     "C_Iq5fU2O9snmtft10tlI9Xq10st40DRgSupnAWenmr9ekLfYcdLwT_jCVTGsyX37sG8ODUmrHEIoV2gHcS6DD2OHZC7BjODkUQJ"
     "7e3OIjbJZb_kq8j_LgJ6cXRik9YstVcKv8-VyNQ4_ozxAIMuM7PY7aXvJ_g6583sfkkpDFhe_f2xKQjnBvmgr-pUtJORNxN3TZtP"
     "OzJvDospjtnBQsmH8Lgpt14LKZqe1So20SggPtWtRQ"},
    {"eyJhbGciOiJQUzI1NiIsImtpZCI6InBzIn0.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwic3ViIjoiYWRhIiwiYXVk"
     "Ijoid2ViIiwiaWF0IjoxNzAwMDAwMDAwLCJleHAiOjE3MDAwMDAzMDAsImF1dGhfdGltZSI6MTY5OTk5OTk3MCwibm9uY2UiOiJu"
     "LTBTNl9XekEyTWoifQ.QVuf1kLZGSgU-hdYxfd8vLjdWgjkL6R_8PAcnu_uM3hq-a_k_6EjrwkY-35Cc9Bq_wlh27h3Xkl7oj2IA"
     "Znnws8LbvizIUORbBSMRkYVbczaU0PHgrvrykOA389yLpnraVnkAibHaLNUKy1HkRY2v1hhMFr6e6GtBCCYhGU3VKDGYUXzodmVG"
     "tn2-wGiTOpv8mSfcFzUHryZZkBh5uFOZv169I72Xk4Xl4pOg5QaXCbwP9nZQg45iAXVDixHLW4gD5wyHd4rVYKDTugdBZwmzAevU"
     "25X9MpphMCem4YYv1ZZrEPOI0-27j_2pC7gTVtcnGd1heQdjssEWKn-LBa8CQ",
     "n",
     "rNPRd33dD1_jXzPxYORAcrDDtNId2IaxNmh7XhTYkGQmEcOXwuytX5I5i6EwouQttyjOaXIBycg9NpHcWe2-4b3MVnk3cBJvw18Q"
     "BBWT3kOQbJ0YIqOmAOTigRzpRHbg-VQwIqBiMgqhKQasrb_YVRYZtlMYDfDLu3Bhe4qN7hvyxXsFF6JDNYETSioDzSboL6RrFtjV"
     "z-TWA7J_qP3obg7pA-pD-nREUypsPq5Qo8EviJjmOhiW9_De14VgLYG8MndMOmlwoMBPB38Kh_tPKwxcfXvxz3Yl_UknEzo_3o9x"
     "s2ZMRZOh40ZPwBqWem1zrTIIWIGbc6rsiuZVxStLSQ"},
    {"eyJhbGciOiJFUzI1NiIsImtpZCI6ImVzIn0.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwic3ViIjoiYWRhIiwiYXVk"
     "Ijoid2ViIiwiaWF0IjoxNzAwMDAwMDAwLCJleHAiOjE3MDAwMDAzMDAsImF1dGhfdGltZSI6MTY5OTk5OTk3MCwibm9uY2UiOiJu"
     "LTBTNl9XekEyTWoifQ.z6uuiENYQ-cOK6yLKqZF-wt2dVHw27jyOmZzTlA1HKQmk3OZBAVFl4mMyxQNgN_ZjgWmwVqQnvyFGusRC"
     "M9nGw",
     "x", "-ik6KOV6fRogDaNxzSFFhTacF42zOA72Hb7nLS-UmqQ"},
    {"eyJhbGciOiJFZERTQSIsImtpZCI6ImVkIn0.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwic3ViIjoiYWRhIiwiYXVk"
     "Ijoid2ViIiwiaWF0IjoxNzAwMDAwMDAwLCJleHAiOjE3MDAwMDAzMDAsImF1dGhfdGltZSI6MTY5OTk5OTk3MCwibm9uY2UiOiJu"
     "LTBTNl9XekEyTWoifQ.7dtABsSRfBd4F8aOJpS_42mvNJIL5H7asPd_pAMXJ3D3sMeWkwYllcdZWNujEH5E_ElgJlv5mA0Mm1vZV"
     "J9BBw",
     "x", "vE63qVDLk6Rm3U6r9cL7IXhBZrqFYppguHagMzvbnIc"},
}};

inline constexpr std::string_view recordedKeys =
    R"({"keys":[{"kty":"RSA","n":"0kX7CClyWR7GeVflY4xV0kA1LBw5Qb4dmVt8IuIKnNnMF9QrdJl46BbzAq2OEWQrNb0PkbMLbYDPOEuaqaP)"
    R"(YbaWYD6fQZk2JOjvTC_Iq5fU2O9snmtft10tlI9Xq10st40DRgSupnAWenmr9ekLfYcdLwT_jCVTGsyX37sG8ODUmrHEIoV2gHcS6DD2OHZC7B)"
    R"(jODkUQJ7e3OIjbJZb_kq8j_LgJ6cXRik9YstVcKv8-VyNQ4_ozxAIMuM7PY7aXvJ_g6583sfkkpDFhe_f2xKQjnBvmgr-pUtJORNxN3TZtPOzJ)"
    R"(vDospjtnBQsmH8Lgpt14LKZqe1So20SggPtWtRQ","e":"AQAB","kid":"rs","alg":"RS256","use":"sig"},{"kty":"RSA","n":"rN)"
    R"(PRd33dD1_jXzPxYORAcrDDtNId2IaxNmh7XhTYkGQmEcOXwuytX5I5i6EwouQttyjOaXIBycg9NpHcWe2-4b3MVnk3cBJvw18QBBWT3kOQbJ0Y)"
    R"(IqOmAOTigRzpRHbg-VQwIqBiMgqhKQasrb_YVRYZtlMYDfDLu3Bhe4qN7hvyxXsFF6JDNYETSioDzSboL6RrFtjVz-TWA7J_qP3obg7pA-pD-n)"
    R"(REUypsPq5Qo8EviJjmOhiW9_De14VgLYG8MndMOmlwoMBPB38Kh_tPKwxcfXvxz3Yl_UknEzo_3o9xs2ZMRZOh40ZPwBqWem1zrTIIWIGbc6rs)"
    R"(iuZVxStLSQ","e":"AQAB","kid":"ps","alg":"PS256","use":"sig"},{"kty":"EC","x":"-ik6KOV6fRogDaNxzSFFhTacF42zOA72)"
    R"(Hb7nLS-UmqQ","y":"Xwx4Khp5n9zLQqhuw1vG7YHEb9fBsBhDkhu0nS7eCPo","crv":"P-256","kid":"es","alg":"ES256","use":"s)"
    R"(ig"},{"crv":"Ed25519","x":"vE63qVDLk6Rm3U6r9cL7IXhBZrqFYppguHagMzvbnIc","kty":"OKP","kid":"ed","alg":"EdDSA",")"
    R"(use":"sig"}]})";

}  // namespace fuzz

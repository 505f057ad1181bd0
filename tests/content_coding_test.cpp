// Bodies in content codings. The coded ones were made with Python's gzip and zlib:
//   python3 -c 'import gzip, sys; print(gzip.compress(sys.argv[1].encode(), mtime=0).hex())' "$text"
//   python3 -c 'import zlib, sys; print(zlib.compress(sys.argv[1].encode()).hex())' "$text"
//   the same without its first two bytes and its last four is RFC 1951's format alone
#include "http/content_coding.hpp"

#include "oauth/token_answer.hpp"
#include "support/support.hpp"

namespace content_coding_test {

using namespace ironjar;
using detail::AnswerMeaning;
using support::at;

namespace {

const std::string tokens = R"({"access_token":"at-2","refresh_token":"rt-2","expires_in":60})";
constexpr std::size_t most = 1024 * 1024;

std::string bytes(std::string_view hex) {
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    out.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return out;
}

const std::string gzip = bytes(
    "1f8b08000000000002ffab564a4c4e4e2d2e8e2fc9cf4ecd53b2524a2cd13552d2512a4a4d2b4a2dce800b174184532b0a3281e2f1994"
    "03133835a004922ef053e000000");
const std::string zlib = bytes(
    "789cab564a4c4e4e2d2e8e2fc9cf4ecd53b2524a2cd13552d2512a4a4d2b4a2dce800b174184532b0a3281e2f199403133835a009bcd1"
    "4c9");
const std::string raw = zlib.substr(2, zlib.size() - 6);
// `zlib` within gzip.
const std::string twice = bytes(
    "1f8b08000000000002ff013800c7ff789cab564a4c4e4e2d2e8e2fc9cf4ecd53b2524a2cd13552d2512a4a4d2b4a2dce800b174184532"
    "b0a3281e2f199403133835a009bcd14c978681df138000000");

Response coded(std::vector<std::string> codings, std::string body, const char* type = "application/json") {
  Response answer{.status = 200, .headers = {{"Content-Type", type}}, .body = std::move(body)};
  for (std::string& coding : codings) answer.headers.emplace_back("content-encoding", std::move(coding));
  return answer;
}

// The text, or the error's name.
std::string decoded(std::vector<std::string> codings, const std::string& body, std::size_t maxSize = most) {
  const auto text = detail::decodedBody(coded(std::move(codings), body), maxSize);
  return text ? *text : std::string(nameOf(text.error().code));
}

AnswerMeaning meaningOf(const Response& answer) {
  return detail::meaningOf(answer, {.url = "https://id.example/token"}, at(0)).meaning;
}

}  // namespace

TEST_CASE("gzip, deflate in both its formats, and none are undone, however they are spelled") {
  CHECK(decoded({}, tokens) == tokens);
  CHECK(decoded({""}, tokens) == tokens);
  CHECK(decoded({"identity"}, tokens) == tokens);
  for (const char* name : {"gzip", "GZip", "x-gzip", " gzip ", "identity, gzip", ",gzip,"}) {
    CHECK(decoded({name}, gzip) == tokens);
  }
  CHECK(decoded({"deflate"}, zlib) == tokens);
  CHECK(decoded({"deflate"}, raw) == tokens);
}

TEST_CASE("two codings are undone from the last to the first, in one field or two") {
  CHECK(decoded({"deflate, gzip"}, twice) == tokens);
  CHECK(decoded({"deflate", "gzip"}, twice) == tokens);
  CHECK(decoded({"gzip, deflate"}, twice) == "malformed");
  CHECK(decoded({"gzip, gzip, gzip"}, gzip) == "unsupported");
}

TEST_CASE("another coding is not known") {
  for (const char* name : {"br", "zstd", "compress", "gzip;q=1", "gzip deflate"}) {
    CHECK(decoded({name}, gzip) == "unsupported");
  }
}

TEST_CASE("gzip is one member or several; what follows them is ignored") {
  CHECK(decoded({"gzip"}, gzip + gzip) == tokens + tokens);
  CHECK(decoded({"gzip"}, gzip + std::string(3, '\0')) == tokens);
  CHECK(decoded({"gzip"}, gzip + gzip.substr(0, 5)) == "malformed");
}

TEST_CASE("a body that is cut anywhere, or has any bit flipped, is damaged or what it was") {
  for (const auto& [coding, body] : {std::pair("gzip", gzip), std::pair("deflate", zlib), std::pair("deflate", raw)}) {
    for (std::size_t size = 0; size < body.size(); ++size) {
      CHECK(decoded({coding}, body.substr(0, size)) == "malformed");
    }
  }
  for (std::size_t bit = 0; bit < gzip.size() * 8; ++bit) {
    std::string flipped = gzip;
    flipped[bit / 8] = static_cast<char>(static_cast<unsigned char>(flipped[bit / 8]) ^ (1U << (bit % 8)));
    const std::string text = decoded({"gzip"}, flipped);
    CHECK((text == tokens || text == "malformed"));
  }
}

TEST_CASE("V07 a body is bounded before and after it is decoded, at each step and over all members") {
  const std::size_t exact = tokens.size();
  CHECK(decoded({"gzip"}, gzip, exact + gzip.size()) == tokens);
  CHECK(decoded({"gzip"}, gzip, gzip.size() - 1) == "tooLarge");
  CHECK(decoded({"deflate"}, zlib, exact - 1) == "tooLarge");
  CHECK(decoded({"gzip"}, gzip + gzip, 2 * exact - 1) == "tooLarge");
  CHECK(decoded({"gzip"}, gzip + gzip, 2 * gzip.size()) == tokens + tokens);
  // 20 MiB of blanks, as zlib.compress(b" " * (20 << 20)) begins.
  const std::string bomb = bytes("789cecc18100000000802095fd2917a90a") + std::string(20'000, '\0');
  CHECK(decoded({"deflate"}, bomb) == "tooLarge");
}

TEST_CASE("V07 a token endpoint's answer is read in the codings that nobody has asked for") {
  CHECK(meaningOf(coded({"gzip"}, gzip)) == AnswerMeaning::tokens);
  CHECK(meaningOf(coded({"deflate"}, raw, "text/plain")) == AnswerMeaning::tokens);
  CHECK(meaningOf(coded({"deflate, gzip"}, twice)) == AnswerMeaning::tokens);
  // A transport that has undone it, and left the field.
  CHECK(meaningOf(coded({"gzip"}, tokens)) == AnswerMeaning::tokens);
  CHECK(meaningOf(coded({"br"}, tokens)) == AnswerMeaning::tokens);
  // Damaged on its way; and what nobody can read, which asking again may.
  CHECK(meaningOf(coded({"gzip"}, gzip.substr(0, 40))) == AnswerMeaning::lost);
  CHECK(meaningOf(coded({"br"}, "\x8b\x1e\x80")) == AnswerMeaning::possiblyUsed);
  Response refusal = coded({"gzip"}, gzip);
  refusal.status = 401;
  CHECK(meaningOf(refusal) == AnswerMeaning::token);
}

TEST_CASE("a login ends in a coding as it does without one") {
  // {"error":"invalid_grant"}
  Response answer =
      coded({"gzip"}, bytes("1f8b0800000000000203ab564a2d2aca2f52b252cacc2b4bccc94c894f2f4acc2b51aa050092b8"
                            "6a0019000000"));
  answer.status = 403;
  CHECK(meaningOf(answer) == AnswerMeaning::loginOver);
}

}  // namespace content_coding_test

#include "support/support.hpp"

#include <initializer_list>
#include <string>
#include <vector>

#include <ironjar/web/body_pace.hpp>
#include <ironjar/web/request_framing.hpp>

namespace request_framing_test {

using ironjar::FieldView;
using ironjar::FramingRules;

namespace {

constexpr FramingRules bounded{.boundsEveryBody = true};
constexpr FramingRules unbounded{.boundsEveryBody = false};

// "status reason", or "served".
std::string outcome(std::string_view method, std::vector<FieldView> fields, const FramingRules& rules = bounded,
                    std::string_view path = "/", std::string_view version = "HTTP/1.1") {
  const auto refusal =
      ironjar::refusalOf({.method = method, .version = version, .path = path, .fields = fields}, rules);
  return refusal ? std::to_string(refusal->status) + " " + std::string(refusal->reason) : "served";
}

const std::string ambiguous = "400 ambiguous_length";
const std::string malformed = "400 malformed_request";

}  // namespace

TEST_CASE("a body may come as slowly as its bytes, and the time to spare, last") {
  using namespace std::chrono_literals;
  ironjar::BodyPace pace(30s);
  CHECK(pace.left() == 30s);
  pace.waited(30s);
  CHECK(pace.left() <= 0s);
  for (int bytes = 0; bytes < 16 * 1024; ++bytes) pace.came(1);
  CHECK(pace.left() == 5s);
  pace.came(1024 * 1024);
  pace.waited(320s);
  CHECK(pace.left() == 5s);

  ironjar::BodyPace quick(500ms, 1s);
  quick.came(32 * 1024);
  CHECK(quick.left() == 2500ms);
}

TEST_CASE("V01 a request of which two parsers may disagree where it ends is refused") {
  for (const char* method : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}) {
    CAPTURE(method);
    for (const char* length : {"", " ", "+5", "-1", "0x30", "5,5", "5, 6", "1 2", "5;", "%300", "5\t", "٣", "1e3",
                               "99999999999999999999", "18446744073709551616"}) {
      CAPTURE(length);
      CHECK(outcome(method, {{"Content-Length", length}}) == ambiguous);
    }
    CHECK(outcome(method, {{"Content-Length", "5"}, {"Content-Length", "6"}}) == ambiguous);
    CHECK(outcome(method, {{"Content-Length", "5"}, {"content-length", "5"}}) == ambiguous);
    CHECK(outcome(method, {{"Content-Length", "5"}, {"Transfer-Encoding", "chunked"}}) == ambiguous);
    CHECK(outcome(method, {{"Content-Length", "0"}, {"Transfer-Encoding", "chunked"}}) == ambiguous);
    for (const char* coding : {"", "identity", "gzip, chunked", "chunked, identity", "xchunked", "chunked;q=1",
                               " chunked", "chunked\x0b", "\"chunked\""}) {
      CAPTURE(coding);
      CHECK(outcome(method, {{"Transfer-Encoding", coding}}) == ambiguous);
    }
    CHECK(outcome(method, {{"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "chunked"}}) == ambiguous);
    CHECK(outcome(method, {{"Transfer-Encoding", "chunked"}}, bounded, "/", "HTTP/1.0") == ambiguous);
    CHECK(outcome(method, {{"Content-Length", "0005"}}) == "served");
    CHECK(outcome(method, {{"Transfer-Encoding", "CHUNKED"}}) == "served");
    CHECK(outcome(method, {{"Expect", "100-Continue"}, {"Content-Length", "5"}}) == "served");
    CHECK(outcome(method, {{"Expect", "200-ok"}, {"Content-Length", "5"}}) == "417 unknown_expectation");
    CHECK(outcome(method, {{"Expect", "100-continue"}, {"Expect", "100-continue"}}) == "417 unknown_expectation");
  }
  CHECK(outcome("GET", {}) == "served");
  CHECK(outcome("GET", {{"Host", "a"}, {"Host", "b"}}) == malformed);
  for (const char* name : {"", "Content-Length ", " Content-Length", "\tX", "Content-\x01Length", "A b", "Ä", "a(b"})
    CHECK(outcome("GET", {{"Host", "a"}, {name, "5"}}) == malformed);
  for (const char* method : {"", "get", "PRI", "TRACE", "CONNECT", "PROPFIND", "GET\t"})
    CHECK(outcome(method, {}) == "501 unknown_method");
}

TEST_CASE("V09 where the server has no limit of its own, a body says its length and is not compressed") {
  for (const char* method : {"POST", "PUT", "PATCH"}) {
    CHECK(outcome(method, {}, unbounded) == "411 length_required");
    CHECK(outcome(method, {}, bounded) == "served");
    CHECK(outcome(method, {{"Content-Length", "5"}}, unbounded) == "served");
  }
  for (const char* method : {"GET", "HEAD", "POST", "DELETE", "OPTIONS"}) {
    CHECK(outcome(method, {{"Transfer-Encoding", "chunked"}}, unbounded) == "411 length_required");
    for (const char* coding : {"gzip", "br", "deflate", "identity, gzip", "zstd", ""}) {
      const std::vector<FieldView> fields = {{"Content-Length", "5"}, {"Content-Encoding", coding}};
      CHECK(outcome(method, fields, unbounded) == "415 compressed_body");
      CHECK(outcome(method, fields, bounded) == "served");
    }
    CHECK(outcome(method, {{"Content-Length", "5"}, {"Content-Encoding", "Identity"}}, unbounded) == "served");
    CHECK(outcome(method, {{"Content-Length", "5"}, {"Content-Encoding", "identity"}, {"Content-Encoding", "gzip"}},
                  unbounded) == "415 compressed_body");
  }
}

TEST_CASE("V05 several ranges are refused") {
  CHECK(outcome("GET", {{"Range", "bytes=0-9"}}) == "served");
  CHECK(outcome("GET", {{"Range", "bytes=0-,0-"}}) == "416 several_ranges");
  CHECK(outcome("POST", {{"Range", "bytes=0-9"}, {"range", "bytes=0-9"}, {"Content-Length", "0"}}) ==
        "416 several_ranges");
}

TEST_CASE("V13 a path over the limit is refused, and no limit is 0") {
  const std::string path(256, '/');
  CHECK(outcome("GET", {}, bounded, path) == "served");
  CHECK(outcome("GET", {}, bounded, path + "x") == "414 path_too_long");
  CHECK(outcome("GET", {}, {.maxPathSize = 0, .boundsEveryBody = true}, std::string(8000, '/')) == "served");
}

TEST_CASE("V01 a head falls into the same lines whoever reads it, or is refused") {
  using ironjar::hasPlainLines;
  using namespace std::string_view_literals;
  CHECK(hasPlainLines("GET / HTTP/1.1\r\nHost: x\r\nX: a\tb \r\n\r\n"));
  CHECK(hasPlainLines("GET / HTTP/1.1\r\n\r\n"));
  CHECK(hasPlainLines("X: \xc3\xa4\r\n"));
  for (const std::string_view head :
       {"X: a\r\n b\r\n"sv, "X: a\r\n\tb\r\n"sv, "X: a\nY: b\r\n"sv, "X: a\rY: b\r\n"sv, "X: a\r"sv, "X: a\0b\r\n"sv,
        "X: a\x01\r\n"sv, "X: a\x7f\r\n"sv, "X: a\x0b\r\n"sv, "\n"sv, "X: a\r\r\n"sv, "X: a\n\r\n"sv}) {
    CAPTURE(head);
    for (std::size_t before = 0; before < 20; ++before) {  // wherever it stands in a word that is looked at
      const std::string all = std::string(before, 'x') + std::string(head);
      CHECK_FALSE(hasPlainLines(all));
      CHECK_FALSE(hasPlainLines(all + std::string(20, 'x') + "\r\n"));
    }
  }
}

}  // namespace request_framing_test

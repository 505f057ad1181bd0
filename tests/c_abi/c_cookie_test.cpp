// Cookies without a session: the Cookie header's pairs, Set-Cookie values, and how a seal is split.
#include "abi.hpp"

using abi::Json;

namespace {

std::optional<std::string> serialize(std::string_view name, std::string_view value, const Json& options,
                                     ironjar_status* status = nullptr) {
  const std::string text = options.dump();
  return abi::text(
      [&](char* buffer, std::size_t* size) {
        return ironjar_serialize_cookie(name.data(), name.size(), value.data(), value.size(), text.data(), text.size(),
                                        buffer, size, nullptr);
      },
      status);
}

ironjar_status refusal(std::string_view name, std::string_view value, const Json& options) {
  ironjar_status status = IRONJAR_OK;
  CHECK_FALSE(serialize(name, value, options, &status));
  return status;
}

std::optional<std::string> splitText(const Json& options, std::size_t sealSize, ironjar_status* status = nullptr) {
  const std::string text = options.dump();
  return abi::text(
      [&](char* buffer, std::size_t* size) {
        return ironjar_split_seal(text.data(), text.size(), sealSize, buffer, size, nullptr);
      },
      status);
}

Json split(const Json& options, std::size_t sealSize) { return Json::parse(splitText(options, sealSize).value()); }

constexpr std::string_view usualAttributes = "; Max-Age=1209540; Path=/; HttpOnly; Secure; SameSite=Lax";

}  // namespace

TEST_CASE("the pairs of a Cookie header are told by where they stand") {
  const std::string header = "a=1; b=\"x y\";; c=%20; a=2; junk; e=";
  std::vector<ironjar_cookie_pair> pairs(8);
  std::size_t count = pairs.size();
  REQUIRE(ironjar_parse_cookies(header.data(), header.size(), pairs.data(), &count, nullptr) == IRONJAR_OK);
  Json found = Json::array();
  for (std::size_t i = 0; i < count; ++i) {
    found.push_back(
        {header.substr(pairs[i].name, pairs[i].name_size), header.substr(pairs[i].value, pairs[i].value_size)});
  }
  CHECK(found == Json::parse(R"([["a","1"],["b","\"x y\""],["c","%20"],["a","2"],["e",""]])"));
  count = 3;
  CHECK(ironjar_parse_cookies(header.data(), header.size(), pairs.data(), &count, nullptr) == IRONJAR_BUFFER_TOO_SMALL);
  CHECK(count == 5);
}

TEST_CASE("a cookie is serialized with a jar's defaults, and with all attributes") {
  CHECK(serialize("n", "v", Json::object()) == "n=v; Path=/; HttpOnly; Secure; SameSite=Lax");
  CHECK(serialize("n", "",
                  {{"maxAge", 0},
                   {"domain", "example.com"},
                   {"path", "/app"},
                   {"expires", abi::aTime},
                   {"httpOnly", false},
                   {"partitioned", true},
                   {"priority", "high"},
                   {"sameSite", "none"}}) ==
        "n=; Max-Age=0; Domain=example.com; Path=/app; Expires=Tue, 14 Nov 2023 22:13:20 GMT; Secure; Partitioned; "
        "Priority=High; SameSite=None");
}

TEST_CASE("what a cookie cannot carry is malformed, and what is no option is the caller's mistake") {
  CHECK(refusal("a b", "v", Json::object()) == IRONJAR_MALFORMED);
  CHECK(refusal("n", "v;w", Json::object()) == IRONJAR_MALFORMED);
  CHECK(refusal("n", "v", {{"domain", "a..b"}}) == IRONJAR_MALFORMED);
  CHECK(refusal("n", "v", {{"path", "/;"}}) == IRONJAR_MALFORMED);
  CHECK(refusal("n", "v", {{"sameSite", "sometimes"}}) == IRONJAR_INVALID_ARGUMENT);
  CHECK(refusal("n", "v", {{"maxAge", 1.5}}) == IRONJAR_INVALID_ARGUMENT);
  CHECK(refusal("n", "v", {{"cookieName", "n"}}) == IRONJAR_INVALID_ARGUMENT);
}

TEST_CASE("an expires outside the years that a cookie may name is refused, and within them none is") {
  constexpr std::int64_t year1601 = -11'644'473'600'000;
  constexpr std::int64_t year10000 = 253'402'300'800'000;
  for (const std::int64_t wrong : {year1601 - 1, year10000}) {
    CHECK(refusal("n", "v", {{"expires", wrong}}) == IRONJAR_INVALID_ARGUMENT);
  }
  for (const std::int64_t good : {year1601, std::int64_t{0}, year10000 - 1}) {
    CHECK(serialize("n", "v", {{"expires", good}}));
  }
}

TEST_CASE("a promise that the attributes do not keep is refused, unless promises are waived") {
  const auto checkWaived = [](std::string_view name, Json options) {
    CHECK(refusal(name, "v", options) == IRONJAR_MALFORMED);
    options["promises"] = false;
    CHECK(serialize(name, "v", options));
  };
  checkWaived("n", {{"sameSite", "none"}, {"secure", false}});
  checkWaived("n", {{"partitioned", true}, {"secure", false}});
  checkWaived("__Host-n", {{"path", "/app"}});
  checkWaived("__Secure-n", {{"secure", false}});
  CHECK(refusal("n", "v;w", {{"promises", false}}) == IRONJAR_MALFORMED);
}

TEST_CASE("a seal that fits is one cookie, and its chunks are stale") {
  const Json whole = split({{"cookieName", "s"}, {"attributesSize", usualAttributes.size()}}, 4096 - 2 - 57);
  CHECK(usualAttributes.size() == 57);
  CHECK(whole.at("cookies") == Json{"s"});
  CHECK(whole.at("stale") == Json{"s.0", "s.1", "s.2", "s.3"});
  CHECK(whole.at("partSize") == 4096 - 2 - 57);
  CHECK(whole.at("wholeSize") == 4096);
  const Json larger = split({{"cookieName", "s"}, {"attributesSize", usualAttributes.size()}}, 4096 - 2 - 56);
  CHECK(larger.at("cookies").empty());
  CHECK(larger.at("wholeSize") == 4097);
}

TEST_CASE("a seal is split as a jar splits it") {
  const abi::Jar jar = abi::jar({{"cookieName", "s"}, {"passwords", abi::password}, {"chunk", true}});
  const abi::Session session = abi::open(jar, "");
  REQUIRE(abi::setData(session, R"({"blob":")" + std::string(4000, 'x') + "\"}") == IRONJAR_OK);
  const auto cookies = abi::commit(session);
  std::string seal;
  std::vector<std::string> parts;
  for (const std::string& cookie : cookies) {
    if (cookie.find("=; Max-Age=0;") != std::string::npos) continue;  // a deletion of another name
    parts.push_back(cookie.substr(4, cookie.find(';') - 4));
    seal += parts.back();
  }
  const Json how = split(
      {{"cookieName", "s"}, {"attributesSize", usualAttributes.size()}, {"chunk", true}, {"maxCookieHeader", 7600}},
      seal.size());
  CHECK(how.at("cookies") == Json{"s.0", "s.1"});
  CHECK(how.at("stale") == Json{"s", "s.2", "s.3"});
  REQUIRE(parts.size() == 2);
  CHECK(parts[0].size() == how.at("partSize"));
  CHECK(how.at("maxAge") == 1'209'540);
}

TEST_CASE("what does not fit says how much it takes") {
  const Json many = split({{"cookieName", "s"}, {"chunk", true}}, 20'000);
  CHECK(many.at("cookies").empty());
  CHECK(many.at("stale").size() == 5);
  CHECK(many.at("chunks") == 5);
  const Json noRoom = split({{"cookieName", "s"}, {"chunk", true}, {"attributesSize", 4092}}, 10);
  CHECK(noRoom.at("cookies").empty());
  CHECK(noRoom.at("chunks") == 0);
  CHECK(noRoom.at("chunkOverhead") == 4096);
  const Json header = split({{"cookieName", "s"}, {"chunk", true}, {"maxCookieHeader", 5000}}, 5000);
  CHECK(header.at("cookies").empty());
  CHECK(header.at("chunks") == 2);
}

TEST_CASE("an empty seal is in no cookie, and a Max-Age follows from any ttl") {
  const Json none = split({{"cookieName", "s"}}, 0);
  CHECK(none.at("cookies").empty());
  CHECK(none.at("stale").size() == 5);
  for (const auto& [ttl, maxAge] : {std::pair(0, 2147483647), {1, 1}, {60, 60}, {61, 1}, {-5, -5}}) {
    CHECK(split({{"cookieName", "s"}, {"ttl", ttl}}, 0).at("maxAge") == maxAge);
  }
  CHECK(split({{"cookieName", "\"\\\n"}}, 0).at("stale").at(1) == "\"\\\n.0");
}

TEST_CASE("options that a split does not know, and impossible sizes, are refused") {
  ironjar_status status = IRONJAR_OK;
  for (const Json& wrong : {Json::object(), Json{{"cookieName", 5}}, Json{{"cookieName", "s"}, {"secure", true}},
                            Json{{"cookieName", "s"}, {"attributesSize", -1}}}) {
    CHECK_FALSE(splitText(wrong, 10, &status));
    CHECK(status == IRONJAR_INVALID_ARGUMENT);
  }
  CHECK_FALSE(splitText({{"cookieName", "s"}}, SIZE_MAX, &status));
  CHECK(status == IRONJAR_TOO_LARGE);
}

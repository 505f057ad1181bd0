// WWW-Authenticate as lists of challenges (RFC 9110 section 11.6.1).
#include "support/support.hpp"

namespace challenges_test {

using namespace ironjar;

namespace {

// `scheme token|name=value|…`, one challenge behind the other.
std::string read(const std::vector<std::string>& fields) {
  Response response{.status = 401};
  for (const std::string& field : fields) response.headers.emplace_back("www-authenticate", field);
  std::string text;
  for (const Challenge& challenge : challengesIn(response)) {
    text += "[" + challenge.scheme + (challenge.token.empty() ? "" : " " + challenge.token);
    for (const auto& [name, value] : challenge.parameters) text += "|" + name + "=" + value;
    text += "]";
  }
  return text;
}

}  // namespace

TEST_CASE("challenges of RFC 9110, 6750, 9449 and 9470, and Entra's") {
  CHECK(read({R"(Basic realm="simple", Newauth realm="apps", type=1, title="Login to \"apps\"")"}) ==
        R"([Basic|realm=simple][Newauth|realm=apps|type=1|title=Login to "apps"])");
  CHECK(read({R"(Bearer error="insufficient_scope",error_description="a, b = c",scope="x y")"}) ==
        "[Bearer|error=insufficient_scope|error_description=a, b = c|scope=x y]");
  CHECK(read({R"(Bearer error="insufficient_user_authentication", acr_values="myACR", max_age="5")"}) ==
        "[Bearer|error=insufficient_user_authentication|acr_values=myACR|max_age=5]");
  CHECK(read({R"(DPoP error="use_dpop_nonce", algs="ES256 PS256", Bearer)"}) ==
        "[DPoP|error=use_dpop_nonce|algs=ES256 PS256][Bearer]");
  CHECK(read({R"(Bearer realm="", error="insufficient_claims", claims="eyJhIjoiYiJ9==")"}) ==
        "[Bearer|realm=|error=insufficient_claims|claims=eyJhIjoiYiJ9==]");
  CHECK(read({"Negotiate", "Negotiate a87421000492aa874209af8bc028=="}) ==
        "[Negotiate][Negotiate a87421000492aa874209af8bc028==]");
}

TEST_CASE("lists with spaces, empty elements and several fields") {
  CHECK(read({" ,\t, Basic realm = \"a\" ,, x=1 , Bearer , , "}) == "[Basic|realm=a|x=1][Bearer]");
  CHECK(read({"Negotiate abc=, Basic x=\"\", Scheme a=, b"}) == "[Negotiate abc=][Basic|x=][Scheme a=][b]");
  CHECK(read({"A x=1", "y=2", "B"}) == "[A|x=1][B]");  // a parameter belongs to a challenge of its own field
  CHECK(read({}) == "");
  CHECK(read({"", ", ,"}) == "");
}

TEST_CASE("of a field with a fault what stands before it is read, and the others are") {
  CHECK(read({R"(Basic realm="a", "junk", Bearer)", "Bearer"}) == "[Basic|realm=a][Bearer]");
  CHECK(read({R"(Basic realm="never ends, Bearer x=1)"}) == "[Basic]");
  CHECK(read({R"(Basic realm="a\)"}) == "[Basic]");
  CHECK(read({R"(Basic realm="a"x, Bearer)"}) == "[Basic|realm=a]");
  CHECK(read({"=x", "@", "Basic;x=1", "\xff"}) == "");
  CHECK(read({"Basic realm=a, x=, Bearer"}) == "[Basic|realm=a]");
  CHECK(read({"Negotiate abc, x=1, Bearer"}) == "[Negotiate abc]");  // a token has no parameters beside it
}

TEST_CASE("a hundred challenges are read, and a hundred parameters of one") {
  std::string schemes;
  std::string parameters = "Basic x=0";
  std::string expected = "[Basic";
  for (int i = 0; i < 99; ++i) schemes += "A,";
  for (int i = 0; i < 100; ++i) {
    parameters += ",a=b";
    expected += i == 0 ? "|x=0" : "|a=b";
  }
  CHECK(read({schemes + "B,C", "D"}).ends_with("[A][B]"));
  CHECK(read({parameters, "Bearer"}) == expected + "][Bearer]");
}

TEST_CASE("any text is read to an end, however it is cut or damaged") {
  const std::string whole = R"(Basic realm="a\"b", Negotiate abc==, DPoP error="use_dpop_nonce", algs=ES256 , Bearer)";
  for (std::size_t i = 0; i < whole.size(); ++i) {
    CHECK(read({whole.substr(0, i)}).size() <= 2 * whole.size());
    CHECK(read({whole.substr(i)}).size() <= 2 * whole.size());
    for (const char c : {'\0', '"', '\\', '=', ',', ' ', '\xff'}) {
      std::string damaged = whole;
      damaged[i] = c;
      CHECK(read({damaged}).size() <= 2 * whole.size());
    }
  }
  CHECK(read({std::string(1'000'000, ',')}) == "");
  CHECK(read({std::string(1'000'000, '=')}) == "");
  CHECK(read({"A " + std::string(1'000'000, 'a')}).size() == 1'000'004);
}

}  // namespace challenges_test

// What a token endpoint's answer means: each row of the table in token_answer.hpp, with its neighbours.
#include "oauth/token_answer.hpp"

#include "support/support.hpp"

namespace token_answer_test {

using namespace ironjar;
using detail::AnswerMeaning;
using support::at;
using support::errorOf;

namespace {

const std::string tokens = R"({"access_token":"at-2","refresh_token":"rt-2","expires_in":60})";

Response answer(int status, const std::string& body, const std::string& type = "application/json") {
  Headers headers;
  if (!type.empty()) headers.emplace_back("Content-Type", type);
  return {.status = status, .headers = std::move(headers), .body = body};
}
Response error(int status, const std::string& name) { return answer(status, R"({"error":")" + name + "\"}"); }

struct Row {
  Result<Response> answer;
  AnswerMeaning meaning;
  EndpointState endpoint;
  support::Failure why;
};

void check(const std::vector<Row>& rows, const TokenEndpoint& endpoint = {.url = "https://id.example/token"},
           const std::string& dpopKey = "") {
  for (const Row& row : rows) {
    CAPTURE(row.answer ? row.answer->status : 0);
    CAPTURE(row.answer ? row.answer->body : std::string(nameOf(row.answer.error().code)));
    const auto read = detail::meaningOf(row.answer, endpoint, at(0), dpopKey);
    CHECK(read.meaning == row.meaning);
    CHECK(read.endpoint == row.endpoint);
    CHECK(errorOf(read.tokens) == row.why);
  }
}

}  // namespace

TEST_CASE("row 1: usable tokens, with any success") {
  for (const int status : {200, 201, 299}) {
    check({{answer(status, tokens), AnswerMeaning::tokens, EndpointState::well, std::nullopt},
           {answer(status, tokens, ""), AnswerMeaning::tokens, EndpointState::well, std::nullopt}});
  }
}

TEST_CASE("V07 row 2: the login is over when a success or a refusal says so by name") {
  for (const int status : {200, 400, 401, 403, 404, 422, 499}) {
    check({{error(status, "invalid_grant"), AnswerMeaning::loginOver, EndpointState::well, RefreshEnd::invalidGrant}});
  }
  // Members without a value are not there.
  for (const char* none : {"null", R"("")"}) {
    const std::string body =
        R"({"error":"invalid_grant","refresh_token":null,"access_token":)" + std::string(none) + "}";
    check({{answer(400, body), AnswerMeaning::loginOver, EndpointState::well, RefreshEnd::invalidGrant}});
  }
  // With these it is about the moment, and a server that fails knows nothing.
  check({{error(408, "invalid_grant"), AnswerMeaning::token, EndpointState::well, Errc::refreshFailed},
         {error(429, "invalid_grant"), AnswerMeaning::token, EndpointState::refusing, Errc::refreshFailed},
         {error(503, "invalid_grant"), AnswerMeaning::token, EndpointState::failing, Errc::refreshFailed},
         {error(302, "invalid_grant"), AnswerMeaning::token, EndpointState::refusing, Errc::refreshFailed}});
  check({{error(200, "bad_refresh_token"), AnswerMeaning::loginOver, EndpointState::well, RefreshEnd::invalidGrant}},
        {.url = "https://id.example/token", .grantErrors = {"bad_refresh_token"}});
  // An answer with both is no refusal.
  check({{answer(200, R"({"error":"invalid_grant","access_token":"at-2"})"), AnswerMeaning::tokens, EndpointState::well,
          std::nullopt}});
}

TEST_CASE("row 3: an answer that was lost") {
  for (const Errc how : {Errc::transport, Errc::timeout, Errc::tooLarge}) {
    check({{fail(how), AnswerMeaning::lost, EndpointState::failing, Errc::refreshFailed}});
  }
  check({{answer(200, tokens.substr(0, 20)), AnswerMeaning::lost, EndpointState::failing, Errc::refreshFailed},
         {answer(200, "", "application/JSON; charset=utf-8"), AnswerMeaning::lost, EndpointState::failing,
          Errc::refreshFailed},
         {answer(200, std::string(2'000'000, ' ')), AnswerMeaning::lost, EndpointState::failing, Errc::refreshFailed}});
}

TEST_CASE("row 4: a token that may have been used") {
  for (const int status : {500, 502, 504, 507, 520, 522, 524, 529, 598}) {
    check({{answer(status, "<html>", "text/html"), AnswerMeaning::possiblyUsed, EndpointState::failing,
            Errc::refreshFailed}});
  }
  check({{answer(200, "<html>", "text/html"), AnswerMeaning::possiblyUsed, EndpointState::failing, Errc::refreshFailed},
         {answer(204, "", ""), AnswerMeaning::possiblyUsed, EndpointState::failing, Errc::refreshFailed}});
  for (const char* none : {"{}", "null", R"({"message":"Endpoint request timed out"})"}) {
    check({{answer(200, none), AnswerMeaning::possiblyUsed, EndpointState::failing, Errc::refreshFailed}});
  }
}

TEST_CASE("row 5: the client, and what was never reached") {
  for (const char* name : {"invalid_client", "unsupported_grant_type"}) {
    check({{error(400, name), AnswerMeaning::client, EndpointState::refusesClient, Errc::notAllowed},
           {error(401, name), AnswerMeaning::client, EndpointState::refusesClient, Errc::notAllowed},
           {error(429, name), AnswerMeaning::token, EndpointState::refusing, Errc::refreshFailed}});
  }
  check({{fail(Errc::unreachable), AnswerMeaning::unreachable, EndpointState::unreachable, Errc::refreshFailed}});
}

TEST_CASE("rows 1, 2 and 5 with a DPoP proof: nothing but tokens of another type changes") {
  const auto typed = [](const std::string& type) {
    return answer(200, tokens.substr(0, tokens.size() - 1) + R"(,"token_type":)" + type + "}");
  };
  const auto mismatched = [](Response of) {
    return Row{std::move(of), AnswerMeaning::token, EndpointState::well, Errc::notAllowed};
  };
  const Row well{typed(R"("DPoP")"), AnswerMeaning::tokens, EndpointState::well, std::nullopt};
  check({well,
         mismatched(answer(200, tokens)),
         mismatched(typed(R"("Bearer")")),
         mismatched(typed("7")),
         mismatched(typed(R"("mac")")),
         {error(200, "invalid_grant"), AnswerMeaning::loginOver, EndpointState::well, RefreshEnd::invalidGrant},
         {error(400, "use_dpop_nonce"), AnswerMeaning::token, EndpointState::well, Errc::refreshFailed},
         {error(400, "invalid_dpop_proof"), AnswerMeaning::token, EndpointState::well, Errc::refreshFailed},
         {answer(200, "{}"), AnswerMeaning::possiblyUsed, EndpointState::failing, Errc::refreshFailed}},
        {.url = "https://id.example/token"}, "key");
  check({{well.answer.value(), AnswerMeaning::client, EndpointState::refusesClient, Errc::notAllowed}});
}

TEST_CASE("V07 row 6: everything else is this token's, and says more or less of the endpoint") {
  for (const char* name : {"invalid_request", "unauthorized_client", "invalid_scope", "slow_down"}) {
    check({{error(400, name), AnswerMeaning::token, EndpointState::well, Errc::refreshFailed},
           {error(403, name), AnswerMeaning::token, EndpointState::well, Errc::refreshFailed},
           {error(200, name), AnswerMeaning::token, EndpointState::well, Errc::refreshFailed},
           {error(429, name), AnswerMeaning::token, EndpointState::refusing, Errc::refreshFailed}});
  }
  for (const char* name : {"temporarily_unavailable", "server_error"}) {
    check({{error(400, name), AnswerMeaning::token, EndpointState::failing, Errc::refreshFailed},
           {error(200, name), AnswerMeaning::token, EndpointState::failing, Errc::refreshFailed},
           {error(429, name), AnswerMeaning::token, EndpointState::refusing, Errc::refreshFailed}});
  }
  for (const char* own : {R"({"error":7})", R"({"error":"invalid_target"})"}) {
    const bool isConfiguration = std::string_view(own).find("target") != std::string_view::npos;
    check({{answer(400, own), AnswerMeaning::token, EndpointState::well,
            isConfiguration ? Errc::notAllowed : Errc::refreshFailed},
           {answer(429, own), AnswerMeaning::token, EndpointState::refusing, Errc::refreshFailed}});
  }
  for (const int status : {400, 401, 403, 404, 418, 429}) {
    check({{answer(status, "<html>", "text/html"), AnswerMeaning::token, EndpointState::refusing, Errc::refreshFailed},
           {answer(status, R"({"error":[7]})"), AnswerMeaning::token, EndpointState::refusing, Errc::refreshFailed},
           {answer(status, "[]"), AnswerMeaning::token, EndpointState::refusing, Errc::refreshFailed}});
  }
  check({{answer(503, ""), AnswerMeaning::token, EndpointState::failing, Errc::refreshFailed},
         {answer(501, ""), AnswerMeaning::token, EndpointState::failing, Errc::refreshFailed},
         {answer(505, ""), AnswerMeaning::token, EndpointState::failing, Errc::refreshFailed},
         {answer(302, ""), AnswerMeaning::token, EndpointState::refusing, Errc::refreshFailed},
         {answer(200, R"({"access_token":"two words"})"), AnswerMeaning::token, EndpointState::failing,
          Errc::refreshFailed}});
}

}  // namespace token_answer_test

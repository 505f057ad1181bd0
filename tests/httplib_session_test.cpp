#include "support/site.hpp"
#include "support/support.hpp"
#include "support/upstream.hpp"

#include <set>

#include <ironjar/httplib.hpp>

namespace httplib_session_test {

using namespace ironjar;
using support::Site;
using support::Upstream;

namespace {

std::vector<std::string> valuesOf(const httplib::Response& response, const std::string& name) {
  std::vector<std::string> values;
  const auto [begin, end] = response.headers.equal_range(name);
  for (auto header = begin; header != end; ++header) values.push_back(header->second);
  return values;
}

const std::string api = support::api;

}  // namespace

TEST_CASE("a session lives in the cookie, and only responses that write it say so to caches (X10 cache-headers, R80)") {
  Site site;
  site.get("/set", [](const auto&, auto& response, Session& session) {
    session.set("user", "ada");
    response.set_header("Cache-Control", "public, max-age=60");
  });
  site.get("/get", [](const auto&, auto& response, Session& session) {
    response.set_content(session.get<std::string>("user").value_or("nobody"), "text/plain");
  });
  site.start();
  CHECK(site.visit("/get").body == "nobody");
  const auto response = site.visit("/set");
  CHECK(valuesOf(response, "Set-Cookie").size() == 1);
  CHECK(valuesOf(response, "Cache-Control") == std::vector<std::string>{"no-store"});
  CHECK(response.get_header_value("Vary") == "Cookie");
  const auto untouched = site.visit("/get");
  CHECK(untouched.body == "ada");
  CHECK_FALSE(untouched.has_header("Set-Cookie"));
  CHECK(untouched.get_header_value("Vary").find("Cookie") == std::string::npos);
}

TEST_CASE("one Set-Cookie a name, whatever the handler did before (C13 one-per-name)") {
  Site site;
  site.get("/", [&](const auto&, auto& response, Session& session) {
    session.set("n", 1);
    setCookies(response, *site.jar.commit(session));
    response.set_header("Set-Cookie", "sidecar=1");
    session.set("n", 2);
  });
  site.start();
  const auto response = site.visit("/");
  CHECK(valuesOf(response, "Set-Cookie").size() == 2);
  CHECK(site.session().get<int>("n") == 2);
  CHECK(site.cookies.count("sidecar") == 1);
}

TEST_CASE("Cookie lines are one header, in any number (C18 multi-line), and httplib's decoding adds decoys at worst") {
  Site site;
  site.get("/", [](const auto&, auto& response, Session& session) {
    response.set_content(session.data().dump(), "text/plain");
  });
  site.start();
  site.putSession({{"user", "ada"}});
  const std::string cookie = "sid=" + std::exchange(site.cookies, {})["sid"];
  const std::string expected = R"({"user":"ada"})";
  httplib::Headers lines;
  for (int i = 0; i < 49; ++i) lines.emplace("Cookie", "other" + std::to_string(i) + "=x");
  lines.emplace("Cookie", cookie);
  CHECK(site.send("GET", "/", lines).body == expected);
  CHECK(site.send("GET", "/", {{"Cookie", "x=a%3B%20sid%3Ddecoy; " + cookie}}).body == expected);
}

TEST_CASE("a handler that throws: its writes are dropped, but refreshed tokens are kept") {
  Upstream upstream;
  const Fetcher fetcher(support::fetchOptions(upstream));
  for (const SealFormat format : {SealFormat::native, SealFormat::fe26}) {
    Site site(SessionJar({.cookieName = "sid", .passwords = support::password, .seal = {.formats = {format}}}));
    site.get("/", [&](const auto&, auto&, Session& session) {
      session.set("half", "written");
      REQUIRE(fetcher.performFetch(session, {.url = api + "/"}));
      throw std::runtime_error("handler");
    });
    site.start();
    const TokenSet old = upstream.provider.login();
    site.putSession({{"user", "ada"}, {"accessToken", old.accessToken}, {"refreshToken", old.refreshToken}});
    upstream.provider.expireAccessTokens();
    CHECK(site.visit("/").status == 500);
    const Session after = site.session();
    CHECK(after.get<std::string>("user") == "ada");
    CHECK_FALSE(after.contains("half"));
    CHECK(after.tokens()->accessToken != old.accessToken);
  }
}

TEST_CASE("a handler that throws loses no resource's access token") {
  Site site;
  site.get("/", [&](const auto&, auto&, Session& session) {
    session.renewTokens({.accessToken = "fresh", .refreshToken = "r2", .resource = "reports"});
    throw std::runtime_error("handler");
  });
  site.start();
  site.putSession({{"accessToken", "a"}, {"refreshToken", "r1"}});
  CHECK(site.visit("/").status == 500);
  CHECK(site.session().tokens()->accessToken == "a");
  CHECK(site.session().tokens("reports")->accessToken == "fresh");
  CHECK(site.session().tokens()->refreshToken == "r2");
}

TEST_CASE("a handler that throws in the middle of a login leaves the visitor who it was") {
  Site site;
  site.get("/", [&](const auto&, auto&, Session& session) {
    session.replace();
    session.setTokens({.accessToken = "bobs", .refreshToken = "bobs"});
    throw std::runtime_error("handler");
  });
  site.start();
  site.putSession({{"user", "ada"}, {"accessToken", "adas"}, {"refreshToken", "adas"}});
  CHECK(site.visit("/").status == 500);
  CHECK(site.session().tokens()->accessToken == "adas");
}

TEST_CASE("a handler that throws after the login ended leaves nobody") {
  Site site;
  site.get("/", [&](const auto&, auto&, Session& session) {
    session.destroy();
    throw std::runtime_error("handler");
  });
  site.start();
  site.putSession({{"user", "ada"}});
  CHECK(site.visit("/").status == 500);
  CHECK(site.cookies.empty());
}

TEST_CASE("a session that cannot be sealed is a 500 with a reason, and the old cookie stays (X09 too-big)") {
  Site site;
  site.get("/", [](const auto&, auto& response, Session& session) {
    session.set("d", std::string(5000, 'x'));
    response.set_content("fine", "text/plain");
  });
  site.start();
  site.putSession({{"user", "ada"}});
  const auto response = site.visit("/");
  CHECK(response.status == 500);
  CHECK(Json::parse(response.body) == Json{{"reason", "session_not_saved"}});
  CHECK(site.session().data() == Json{{"user", "ada"}});
}

TEST_CASE("V23 an answer of ours takes the place of any body that a handler has begun") {
  Site site;
  const auto provides = [](httplib::Response& response, bool isChunked) {
    const std::string page = "<html>of the handler</html>";
    if (isChunked) {
      response.set_chunked_content_provider("text/html", [page](std::size_t, httplib::DataSink& sink) {
        sink.write(page.data(), page.size());
        sink.done();
        return true;
      });
    } else {
      response.set_content_provider(page.size(), "text/html",
                                    [page](std::size_t offset, std::size_t length, httplib::DataSink& sink) {
                                      return sink.write(page.data() + offset, length);
                                    });
    }
  };
  for (const bool isChunked : {false, true}) {
    const std::string kind = isChunked ? "chunked" : "whole";
    site.get("/tooLarge/" + kind, [=](const auto&, auto& response, Session& session) {
      session.set("d", std::string(5000, 'x'));
      provides(response, isChunked);
    });
    site.get("/throws/" + kind, [=](const auto&, auto& response, Session&) {
      provides(response, isChunked);
      throw std::runtime_error("after the body has begun");
    });
    site.get("/error/" + kind, [=](const auto&, auto& response, Session&) {
      provides(response, isChunked);
      respond(response, fail(Errc::loginRequired));
    });
  }
  site.start();
  for (const std::string kind : {"whole", "chunked"}) {
    CAPTURE(kind);
    const auto tooLarge = site.visit("/tooLarge/" + kind);
    CHECK(tooLarge.status == 500);
    CHECK(tooLarge.body == R"({"reason":"session_not_saved"})");
    const auto thrown = site.visit("/throws/" + kind);
    CHECK(thrown.status == 500);
    CHECK(thrown.body == R"({"reason":"internal_error"})");
    const auto error = site.visit("/error/" + kind);
    CHECK(error.status == 401);
    CHECK(error.body == R"({"reason":"login_required"})");
    CHECK(valuesOf(error, "Content-Type") == std::vector<std::string>{"application/json"});
  }
}

TEST_CASE("hostile cookies through a real server: an answer every time, and the same one (S30 error-uniform)") {
  Site site;
  site.get("/", [](const auto&, auto& response, Session& session) {
    response.set_content(session.empty() ? "nobody" : "somebody", "text/plain");
  });
  site.start();
  site.putSession({{"user", "ada"}});
  const std::string good = std::exchange(site.cookies, {})["sid"];
  std::vector<std::string> headers = {"sid",
                                      "sid=",
                                      "=",
                                      ";;;",
                                      "sid=ij1.",
                                      "sid=Fe26.2*1****",
                                      "sid=\"" + good + "\"",
                                      "sid=" + std::string(7000, 'A'),
                                      "$Version=1; sid=x",
                                      "sid=" + good + "=",
                                      "sid=%00",
                                      "sid=%0d%0aSet-Cookie:%20a=b",
                                      "sid=" + good + "%00"};
  for (std::size_t i = 1; i < good.size(); ++i) {
    headers.push_back("sid=" + good.substr(0, i));
    headers.push_back("sid=" + good.substr(0, i) + (good[i] == 'A' ? 'B' : 'A') + good.substr(i + 1));
  }
  std::size_t answered = 0;
  std::set<std::string> bodies;
  httplib::Client client(site.web.origin());
  client.set_keep_alive(true);
  for (const std::string& header : headers) {
    const auto result = client.Get("/", httplib::Headers{{"Cookie", header}});
    REQUIRE(result);
    CHECK(result->status == 200);
    bodies.insert(result->body);
    ++answered;
  }
  CHECK(answered >= 200);
  CHECK(bodies == std::set<std::string>{"nobody"});
}

TEST_CASE("what a real server takes as a Cookie line, ours fits into with room to spare (C16 8k-line)") {
  Site site;
  site.get("/", [](const auto&, auto& response, Session& session) {
    response.set_content(session.get<std::string>("user").value_or("nobody"), "text/plain");
  });
  site.start();
  site.putSession({{"user", "ada"}});
  const std::string ours = "sid=" + std::exchange(site.cookies, {})["sid"];
  const auto answerTo = [&](std::size_t size) {
    httplib::Client client(site.web.origin());
    const auto result =
        client.Get("/", httplib::Headers{{"Cookie", ours + "; a=" + std::string(size - ours.size() - 4, 'x')}});
    return result && result->status == 200 ? result->body : "refused";
  };
  // httplib takes lines of up to 8192 bytes, `Cookie: ` and the line's end included.
  CHECK(answerTo(6144) == "ada");
  CHECK(answerTo(8181) == "ada");
  CHECK(answerTo(8182) == "ada");
  CHECK(answerTo(8193) == "refused");
  CHECK(site.jar.options().maxCookieHeader == 6144);
}

TEST_CASE("no range is cut out of an answer that sets a cookie, nor out of an error") {
  Site site;
  const std::string page = "welcome";
  site.get("/login", [&](const auto&, auto& response, Session& session) {
    session.replace();
    session.set("user", "ada");
    response.set_content(page, "text/plain");
  });
  site.get("/logout", [](const auto&, auto& response, Session& session) {
    session.destroy();
    response.status = 204;
  });
  site.get("/denied",
           [](const auto&, auto& response, Session&) { respond(response, fail(Errc::loginRequired, "no session")); });
  site.get("/throws", [](const auto&, auto&, Session&) { throw std::runtime_error("x"); });
  site.start();
  for (const char* range : {"bytes=0-1", "bytes=90-", "bytes=-0", "bytes=5000-6000", "bytes=-90"}) {
    CAPTURE(range);
    const httplib::Headers asking{{"Range", range}};
    const auto login = site.visit("/login", asking);
    CHECK(login.status == 200);
    CHECK(login.body == page);
    CHECK(login.has_header("Set-Cookie"));
    CHECK_FALSE(login.has_header("Content-Range"));
    CHECK(site.visit("/denied", asking).status == 401);
    CHECK(site.visit("/throws", asking).status == 500);
    const auto logout = site.visit("/logout", asking);
    CHECK(logout.status == 204);
    CHECK(logout.has_header("Set-Cookie"));
  }
}

TEST_CASE("respond: the status that an error calls for") {
  const auto answer = [](Errc code) {
    httplib::Response response;
    respond(response, fail(code, "secret detail"));
    CHECK(response.body.find("secret") == std::string::npos);
    CHECK((response.status == 503) == response.has_header("Retry-After"));
    return std::to_string(response.status) + " " + Json::parse(response.body)["reason"].get<std::string>();
  };
  CHECK(answer(Errc::loginRequired) == "401 login_required");
  CHECK(answer(Errc::expired) == "401 session_expired");
  CHECK(answer(Errc::refreshFailed) == "503 temporarily_unavailable");
  CHECK(answer(Errc::overloaded) == "503 temporarily_unavailable");
  CHECK(answer(Errc::timeout) == "504 upstream_timeout");
  CHECK(answer(Errc::transport) == "502 upstream_failed");
  CHECK(answer(Errc::notAllowed) == "502 upstream_failed");
}

}  // namespace httplib_session_test

#include "base/base64url.hpp"
#include "http/upstream_cookies.hpp"
#include "measure.hpp"

#include <ironjar/ironjar.hpp>

using namespace ironjar;

namespace worst {

std::vector<std::pair<std::string, std::function<std::string(std::size_t)>>> badJson();

namespace {

using Make = std::function<std::string(std::size_t)>;

TokenEndpoint endpoint() {
  TokenEndpoint made;
  made.url = "https://login.example.com/token";
  made.clientAuth = publicClient("client");
  made.cookies = {"sid", "route"};
  return made;
}

TimePoint now() { return TimePoint(std::chrono::seconds{1'795'000'000}); }

std::string jwtOf(const std::string& claims) {
  std::string jwt = "e30.";
  detail::appendBase64url(jwt, detail::bytes(claims));
  return jwt + ".e30";
}

void addAnswers(std::vector<Family>& families) {
  const auto add = [&](const std::string& what, const Make& make, int status, const Headers& headers) {
    families.push_back({"readTokenAnswer", what, make,
                        [status, headers](const std::string& input) -> Call {
                          auto answer = std::make_shared<Response>();
                          answer->status = status;
                          answer->headers = headers;
                          answer->body = input;
                          return
                              [answer] { static_cast<void>(readTokenAnswer(*answer, endpoint(), now()).has_value()); };
                        },
                        bodySizes, ofJson});
  };
  const Headers json = {{"Content-Type", "application/json"}};
  for (const auto& [what, make] : badJson()) {
    add(what, make, 200, json);
    add(
        what + ", in an answer",
        [make = make](std::size_t bytes) {
          return R"({"access_token":"a","expires_in":60,"x":)" + make(bytes > 64 ? bytes - 64 : 0) + "}";
        },
        200, json);
  }
  const auto member = [](const std::string& name, const Make& make) -> Make {
    return [=](std::size_t bytes) {
      return "{\"access_token\":\"a\",\"" + name + "\":" + make(bytes > 64 ? bytes - 64 : 0) + "}";
    };
  };
  add("expires_in of digits", member("expires_in", repeated("9")), 200, json);
  add("expires_in of digits, as a text", member("expires_in", repeated("9", "\"", "\"")), 200, json);
  add("a scope of blanks", member("scope", repeated(" ", "\"", "\"")), 200, json);
  add("a refresh_token", member("refresh_token", repeated("r", "\"", "\"")), 200, json);
  add("an id_token of dots", member("id_token", repeated(".", "\"", "\"")), 200, json);
  for (const auto& [what, make] : badJson()) {
    const auto jwt = [make = make](std::size_t bytes) { return "\"" + jwtOf(make(bytes * 3 / 4)) + "\""; };
    add("an id_token: " + what, member("id_token", jwt), 200, json);
  }
  add("an error", member("error", repeated("e", "\"", "\"")), 400, json);
  add("HTML", repeated("<div>", "<html>"), 502, {{"Content-Type", "text/html"}});
  // As zlib.compress(b" " * n) begins and goes on: each byte is a thousand.
  const auto bomb = [](std::size_t bytes) {
    const std::string begin("\x78\x9c\xec\xc1\x81\x00\x00\x00\x00\x80\x20\x95\xfd\x29\x17\xa9\x0a", 17);
    return begin + std::string(bytes > begin.size() ? bytes - begin.size() : 0, '\0');
  };
  add("blanks in deflate", bomb, 200, {{"Content-Encoding", "deflate"}});
  add("no deflate", repeated("x"), 200, {{"Content-Encoding", "deflate, gzip"}});
}

// A line is a field's value.
void addFields(std::vector<Family>& families, const std::string& entry, const std::string& what,
               const std::string& name, const Make& make, const std::function<void(const Response&)>& use) {
  families.push_back({entry, what, make,
                      [=](const std::string& input) -> Call {
                        auto answer = std::make_shared<Response>();
                        answer->status = 429;
                        for (std::size_t at = 0; at < input.size();) {
                          const std::size_t end = std::min(input.find('\n', at), input.size());
                          answer->headers.emplace_back(name, input.substr(at, end - at));
                          at = end + 1;
                        }
                        return [answer, use] { use(*answer); };
                      },
                      bodySizes});
}

}  // namespace

void addUpstream(std::vector<Family>& families) {
  addAnswers(families);
  const auto wait = [](const Response& answer) { static_cast<void>(retryAfter(answer, now()).has_value()); };
  addFields(families, "retryAfter", "digits", "Retry-After", repeated("9"), wait);
  addFields(families, "retryAfter", "zeros", "Retry-After", repeated("0", "", "1"), wait);
  addFields(families, "retryAfter", "blanks", "Retry-After", repeated(" ", "", "5"), wait);
  addFields(families, "retryAfter", "many fields", "Retry-After", repeated("x\n"), wait);
  const auto keep = [](const Response& answer) {
    static_cast<void>(detail::withCookiesOf(answer, {"sid", "route"}, "sid=1; route=2").size());
  };
  for (const auto& [what, make] : std::vector<std::pair<std::string, Make>>{
           {"many fields", repeated("sid=1\n")},
           {"many names", numbered([](std::size_t i) { return "n" + std::to_string(i) + "=1\n"; })},
           {"a long value", repeated("v", "sid=")},
           {"attributes", repeated("; Max-Age=1", "sid=1")},
           {"semicolons", repeated(";", "sid=1")},
           {"equals signs", repeated("=", "sid")},
           {"blanks", repeated(" ", "sid=1;")},
           {"deletions", repeated("sid=1; Max-Age=0\nsid=2\n")}}) {
    addFields(families, "withCookiesOf", what, "Set-Cookie", make, keep);
  }
  const auto read = [](const Response& answer) { static_cast<void>(challengesIn(answer).size()); };
  for (const auto& [what, make] : std::vector<std::pair<std::string, Make>>{{"commas", repeated(",")},
                                                                            {"schemes", repeated("a,")},
                                                                            {"blanks", repeated(" ", "a ", "b")},
                                                                            {"parameters", repeated("b=c,", "a ")},
                                                                            {"a text", repeated("\\\"", "a b=\"")},
                                                                            {"a token", repeated("=", "a b")},
                                                                            {"many fields", repeated("a b=c\n")}}) {
    addFields(families, "challengesIn", what, "WWW-Authenticate", make, read);
  }
  // What it held before is ours, and was bounded then.
  const auto join = [](const Response& answer) {
    const std::string& held = answer.headers.front().second;
    static_cast<void>(detail::joinedCookies(held, "sid=1").size());
  };
  addFields(
      families, "joinedCookies", "many names", "x",
      [](std::size_t bytes) {
        return numbered([](std::size_t i) { return "n" + std::to_string(i) + "=1; "; })(std::min(bytes, 8 * KiB));
      },
      join);
}

}  // namespace worst

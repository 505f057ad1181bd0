// Where Redis is, as one text.
#include "redis/coordinated.hpp"
#include "redis/options.hpp"

namespace redis_url_test {

using namespace ironjar;
using namespace std::chrono_literals;

namespace {

RedisOptions with(const std::string& url) { return {.passwords = support::password, .url = url}; }

// What is refused, in the words of the exception; empty for nothing.
std::string refusal(const RedisOptions& options) {
  try {
    static_cast<void>(detail::checked(options));
    return "";
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

}  // namespace

TEST_CASE("a redis url names host, port, user, password and database") {
  const RedisOptions all = detail::checked(with("redis://ada:p%40ss%3a%2F%25@redis.example:6380/7"));
  CHECK(all.host == "redis.example");
  CHECK(all.port == 6380);
  CHECK(all.user == "ada");
  CHECK(all.password == "p@ss:/%");
  CHECK(all.database == 7);
  CHECK(all.url.empty());
  const RedisOptions few = detail::checked(with("REDIS://:secret@[2001:db8::1]"));
  CHECK(few.host == "2001:db8::1");
  CHECK(few.port == 6379);
  CHECK(few.user.empty());
  CHECK(few.password == "secret");
  CHECK(detail::checked(with("redis://[::1]:7000/")).port == 7000);
  CHECK(detail::checked(with("redis://10.0.0.1")).host == "10.0.0.1");
}

TEST_CASE("a unix url names a socket") {
  const RedisOptions options = detail::checked(with("unix://ada:secret@/run/re%20dis.sock"));
  CHECK(options.unixSocket == "/run/re dis.sock");
  CHECK(options.user == "ada");
  CHECK(options.password == "secret");
}

TEST_CASE("what a url leaves out, the options may say") {
  RedisOptions options = with("redis://redis.example");
  options.password = "secret";
  options.user = "ada";
  options.database = 3;
  CHECK(detail::checked(options).database == 3);
  options = with("unix:///run/redis.sock");
  options.database = 3;
  CHECK(detail::checked(options).unixSocket == "/run/redis.sock");
}

TEST_CASE("what a url and an option both say is refused, with the option's name") {
  const auto refuses = [](const char* url, const char* name, const auto& change) {
    RedisOptions options = with(url);
    change(options);
    return refusal(options).find(name) != std::string::npos;
  };
  const char* const url = "redis://ada:secret@redis.example:6380/2";
  CHECK(refuses(url, "host", [](RedisOptions& o) { o.host = "other"; }));
  CHECK(refuses(url, "port", [](RedisOptions& o) { o.port = 1; }));
  CHECK(refuses(url, "user", [](RedisOptions& o) { o.user = "eve"; }));
  CHECK(refuses(url, "password", [](RedisOptions& o) { o.password = "x"; }));
  CHECK(refuses(url, "database", [](RedisOptions& o) { o.database = 1; }));
  CHECK(refuses(url, "unixSocket", [](RedisOptions& o) { o.unixSocket = "/run/x"; }));
  CHECK(refuses("unix:///run/y", "unixSocket", [](RedisOptions& o) { o.unixSocket = "/run/x"; }));
  CHECK(refuses("unix:///run/y", "port", [](RedisOptions& o) { o.port = 1; }));
}

TEST_CASE("a url that two could read differently is refused, and nothing of it is told") {
  int refused = 0;
  for (const char* url : {"redis.example",
                          "redis:redis.example",
                          "http://redis.example",
                          "redis+tls://redis.example",
                          "redis://",
                          "redis:///2",
                          "redis://:SECRET@",
                          "redis://host:",
                          "redis://host:0",
                          "redis://host:65536",
                          "redis://host:06379",
                          "redis://host:+1",
                          "redis://host:1:2",
                          "redis://::1",
                          "redis://[::1",
                          "redis://[::1]x",
                          "redis://[fe80::1%25lo]",
                          "redis://[10.0.0.1]",
                          "redis://ho%73t",
                          "redis://ho st",
                          "redis://h\\ost",
                          "redis://host/x",
                          "redis://host/-1",
                          "redis://host/02",
                          "redis://host/99999999999",
                          "redis://host/1/2",
                          "redis://host//",
                          "redis://user@host",
                          "redis://user:@host",
                          "redis://u:SECRET%@host",
                          "redis://u:SECRET%4@host",
                          "redis://u:SECRET%00@host",
                          "redis://u:SEC@RET@host",
                          "redis://u:SEC RET@host",
                          "redis://u:SECRET\x80@host",
                          "redis://u:SEC#RET@host",
                          "redis://host/#2",
                          "redis://u:SE?CRET@host",
                          "unix://",
                          "unix:///",
                          "unix://run/redis.sock",
                          "unix:///run/%00x",
                          "unix:///run/\nx"}) {
    CAPTURE(url);
    const std::string why = refusal(with(url));
    CHECK_FALSE(why.empty());
    for (const char* part : {"SEC", "RET", "CRET"}) CHECK(why.find(part) == std::string::npos);
    ++refused;
  }
  CHECK(refused == 43);
  CHECK(refusal(with("redis://host?timeout=3")).find("timeout") != std::string::npos);
  CHECK(refusal(with("redis://host/2?db=1&x=SECRET")).find("SECRET") == std::string::npos);
  CHECK(refusal(with("unix:///run/" + std::string(200, 'x'))).find("unixSocket") != std::string::npos);
}

TEST_CASE("rediss is redis over TLS, and what only TLS has use for is refused without it") {
  const RedisOptions options = detail::checked(with("rediss://ada:secret@redis.example/2"));
  CHECK(options.tls);
  CHECK(options.host == "redis.example");
  CHECK(options.database == 2);
  CHECK_FALSE(detail::checked(with("redis://redis.example")).tls);
  const auto refuses = [](const char* url, const char* name, const auto& change) {
    RedisOptions changed = with(url);
    change(changed);
    return refusal(changed).find(name) != std::string::npos;
  };
  CHECK(refuses("redis://host", "tls", [](RedisOptions& o) { o.tls = true; }));
  CHECK(refuses("unix:///run/x", "tls", [](RedisOptions& o) { o.tls = true; }));
  CHECK(refuses("redis://host", "caCertFile", [](RedisOptions& o) { o.caCertFile = "x"; }));
  CHECK(refuses("rediss://host", "clientKeyFile", [](RedisOptions& o) { o.clientCertFile = "x"; }));
}

TEST_CASE("a server that wants a user and another database is reached by its url alone") {
  support::RedisServer server;
  server.command("ACL", "SETUSER", "ada", "on", ">p@ss/word", "~ironjar:*", "+@all");
  server.command("ACL", "SETUSER", "default", "off");
  RedisOptions options = with("redis://ada:p%40ss%2Fword@127.0.0.1:" + std::to_string(server.port()) + "/3");
  options.timeout = 5s;
  const Redis redis(options);
  CHECK_FALSE(redis.stats().degraded);
  const RedisOptions local = with("unix://ada:p%40ss%2Fword@" + server.folder() + "/socket");
  CHECK_FALSE(Redis(local).stats().degraded);
  CHECK_THROWS_AS(Redis(with("redis://ada:wrong@127.0.0.1:" + std::to_string(server.port()))), std::invalid_argument);
}

TEST_CASE("a url with +sentinel names sentinels and their name for the master") {
  const RedisOptions options =
      detail::checked(with("rediss+sentinel://ada:secret@one.example:26380,[::1]:26381,two.example/my.master/2"));
  CHECK(options.masterName == "my.master");
  CHECK(options.sentinels == std::vector<std::string>{"one.example:26380", "[::1]:26381", "two.example"});
  CHECK(options.tls);
  CHECK(options.user == "ada");
  CHECK(options.password == "secret");
  CHECK(options.database == 2);
}

TEST_CASE("a url with +cluster names some of its nodes") {
  const RedisOptions options = detail::checked(with("redis+cluster://:secret@one.example:7000,two.example"));
  CHECK(options.clusterNodes == std::vector<std::string>{"one.example:7000", "two.example"});
  CHECK(options.password == "secret");
  CHECK_FALSE(options.tls);
  CHECK(detail::endpointIn("[::1]:7000", 1) == detail::RedisEndpoint{"::1", 7000});
  CHECK(detail::endpointIn("two.example", 6379) == detail::RedisEndpoint{"two.example", 6379});
}

TEST_CASE("sentinels and clusters that cannot be are refused with the option's name") {
  for (const char* url :
       {"redis+sentinel://one.example", "redis+sentinel://one.example/", "redis+sentinel:///mymaster",
        "redis+sentinel://one,/mymaster", "redis+sentinel://,one/mymaster", "redis+sentinel://one:0/mymaster",
        "redis+sentinel://one/mymaster/x", "redis+cluster://", "redis+cluster://one,,two", "redis+cluster://one/1",
        "redis+other://one", "unix+cluster:///run/x", "+cluster://one"}) {
    CAPTURE(url);
    CHECK_FALSE(refusal(with(url)).empty());
  }
  const auto refuses = [](const char* name, const auto& change) {
    RedisOptions changed{.passwords = support::password};
    change(changed);
    return refusal(changed).find(name) != std::string::npos;
  };
  CHECK(refuses("masterName", [](RedisOptions& o) { o.sentinels = {"one"}; }));
  CHECK(refuses("masterName", [](RedisOptions& o) { o.masterName = "m"; }));
  CHECK(refuses("sentinelUser", [](RedisOptions& o) { o.sentinelPassword = "x"; }));
  CHECK(refuses("failover", [](RedisOptions& o) { o.failover = -1ms; }));
  CHECK(refuses("database", [](RedisOptions& o) {
    o.clusterNodes = {"one"};
    o.database = 1;
  }));
  CHECK(refuses("three ways", [](RedisOptions& o) {
    o.clusterNodes = {"one"};
    o.host = "two";
  }));
}

}  // namespace redis_url_test

// RedisRecord: what each step leaves in Redis, and what another process' steps make of it.
#include "redis/coordinated.hpp"
#include "redis/records.hpp"

#include <thread>

namespace redis_records_test {

using namespace ironjar;
using namespace std::chrono_literals;
using Fixture = support::EmptyServer;
using detail::RedisRecord;
using support::at;
using support::server;
using support::soon;
using support::tokens;

namespace {

const std::string owner = "an-owner's-own-name-00";
const std::string other = "an-owner's-own-name-01";

struct Records {
  explicit Records(Passwords passwords = support::password) : Records(optionsWith(std::move(passwords))) {}
  explicit Records(RedisOptions options)
      : link(std::move(options)), record(link, "c", "rt-a", {.lease = 30s, .keep = 600s, .keepInvalidGrant = 60s}) {}

  static RedisOptions optionsWith(Passwords passwords) {
    return {.passwords = std::move(passwords), .port = server().port(), .timeout = 5s};
  }
  bool claims(const std::string& by = owner) {
    return std::holds_alternative<RedisRecord::Claimed>(record.claim(by, "").value());
  }
  std::optional<detail::Record> known() { return record.lookUp().value(); }

  detail::RedisLink link;
  RedisRecord record;
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a lock is not had again by who has published under it") {
  Records one;
  REQUIRE(one.claims());
  CHECK(one.record.renew(owner).value());
  REQUIRE(one.record.release(owner, {fail(Errc::refreshFailed)}));
  CHECK_FALSE(one.record.renew(owner).value());
  CHECK(server().keys("*:lock").empty());
  CHECK(one.claims(other));
}

TEST_CASE_FIXTURE(Fixture, "a lock that would last longer than any may is none") {
  Records one;
  REQUIRE(one.claims());
  const std::string lock = server().keys("*:lock").at(0);
  server().command("SET", lock, other, "PX", "599000");
  CHECK_FALSE(one.claims());
  server().command("SET", lock, other, "PX", "601000");
  CHECK(one.claims());
}

TEST_CASE_FIXTURE(Fixture, "of what is stored under several passwords a logout counts first") {
  const char* const newer = "another-password-that-is-long-enough-0002";
  Records both(Passwords{{2, newer}, {1, support::password}});
  Records old;
  REQUIRE(both.claims());
  REQUIRE(both.record.publish(owner, tokens("b")));
  static_cast<void>(old.record.logOut({.at = at(9'000)}));
  const auto claim = both.record.claim(other, "").value();
  REQUIRE(std::holds_alternative<detail::Record>(claim));
  CHECK(std::get<detail::Record>(claim) == detail::Record{.endedAt = at(9'000)});
}

TEST_CASE_FIXTURE(Fixture, "a logout is remembered from the end of the call that was under way") {
  Records one;
  REQUIRE(one.claims());
  const std::string lock = server().keys("*:lock").at(0);
  const std::string value = lock.substr(0, lock.rfind(':'));
  static_cast<void>(one.record.logOut({.at = at(9'000)}));
  const auto left = [&] { return std::stoll(server().command("PTTL", value)); };
  REQUIRE(left() > 590'000);
  server().command("PEXPIRE", value, "5000");
  REQUIRE(one.record.publish(owner, tokens("b")));
  CHECK(left() > 590'000);
  CHECK(one.known() == detail::Record{.endedAt = at(9'000)});
  // One that is remembered for longer stays so.
  server().command("PEXPIRE", value, "900000");
  REQUIRE(one.record.publish(owner, tokens("b")));
  CHECK(left() > 890'000);
}

TEST_CASE_FIXTURE(Fixture, "who has waited for a call that failed is told so once, and does not ask itself") {
  Records one;
  Records two;
  REQUIRE(one.claims());
  REQUIRE(one.record.release(owner, {fail(Errc::refreshFailed), 7s, EndpointState::failing}));
  const auto claim = two.record.claim(other, owner).value();
  REQUIRE(std::holds_alternative<detail::Failure>(claim));
  CHECK(std::get<detail::Failure>(claim).retryAfter == 7s);
  CHECK(two.claims(other));  // who comes later asks
}

TEST_CASE("a logout refuses sessions that began in its second, or at a time that is not known") {
  const detail::Record record{.endedAt = at(9'200)};
  CHECK(record.refuses(at(9'900)));
  CHECK_FALSE(record.refuses(at(10'000)));
  CHECK(record.refuses(std::nullopt));
  CHECK(detail::Record{}.refuses(at(10'000)));
  CHECK_FALSE(detail::Record{.kind = detail::Record::Kind::rotated}.refuses(std::nullopt));
}

TEST_CASE_FIXTURE(Fixture, "tokens that Redis did not take are stored as soon as it does") {
  server().command("ACL", "SETUSER", "cut", "on", ">secret", "~*", "&*", "+@all");
  RedisOptions options = Records::optionsWith(support::password);
  options.user = "cut";
  options.password = "secret";
  Records one(std::move(options));
  REQUIRE(one.claims());
  server().command("ACL", "SETUSER", "cut", "-@all");
  CHECK_FALSE(one.record.publish(owner, tokens("b")));
  server().command("ACL", "SETUSER", "cut", "+@all");
  Records two;
  const auto deadline = soon();
  while (!two.known() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  REQUIRE(two.known());
  CHECK(two.known()->tokens == tokens("b"));
  server().command("ACL", "DELUSER", "cut");
}

}  // namespace redis_records_test

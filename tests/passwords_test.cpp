#include "support/support.hpp"

#include <cstdio>
#include <filesystem>
#include <sys/stat.h>

using namespace ironjar;
using support::otherPassword;
using support::password;

namespace {

std::string refusal(const std::string& text) {
  try {
    const Passwords passwords(text.c_str());
    return "";
  } catch (const std::invalid_argument& refused) {
    return refused.what();
  }
}

bool mentions(const std::string& text, const std::string& what) { return text.find(what) != std::string::npos; }

// A file that is gone when the test is.
class SecretFile {
 public:
  explicit SecretFile(const std::string& text) {
    static int number = 0;
    path_ = std::filesystem::temp_directory_path() /
            ("ironjar-passwords-" + std::to_string(::getpid()) + "-" + std::to_string(++number));
    std::ofstream(path_) << text;
  }
  ~SecretFile() { std::filesystem::remove(path_); }
  SecretFile(const SecretFile&) = delete;
  SecretFile& operator=(const SecretFile&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

bool opens(const Passwords& sealing, const Passwords& unsealing) {
  const auto seal = sealData({{"a", 1}}, sealing);
  return seal && unsealData(*seal, unsealing);
}

}  // namespace

TEST_CASE(
    "a password must be there and long enough, counted in UTF-16 units as JavaScript counts (S26 iron-short-pw)") {
  CHECK_THROWS_AS(Passwords(static_cast<const char*>(nullptr)), std::invalid_argument);
  CHECK(mentions(refusal(""), "environment variable"));
  CHECK(mentions(refusal("abcdefghijklmnopqrstuvwxyz01234"), "31 characters"));
  CHECK(refusal("abcdefghijklmnopqrstuvwxyz012345").empty());
  std::string emoji;
  for (int i = 0; i < 15; ++i) emoji += "\U0001F36A";
  CHECK(mentions(refusal(emoji + "a"), "31 characters"));
  CHECK(refusal(emoji + "ab").empty());
}

TEST_CASE("weak passwords are refused, and the message does not tell them (G05 weak)") {
  const std::string repeated(40, 'q');
  CHECK(mentions(refusal(repeated), "one character repeated"));
  CHECK_FALSE(mentions(refusal(repeated), "qqq"));
  CHECK(mentions(refusal("complex_password_at_least_32_characters_long"), "published sample"));
  CHECK_FALSE(mentions(refusal("complex_password_at_least_32_characters_long"), "complex"));
  CHECK(mentions(refusal(std::string(password) + "\n"), "line break"));
  CHECK(mentions(refusal(std::string(password) + "\xff"), "UTF-8"));
}

TEST_CASE("rings of passwords: none, too many, ids and passwords twice (G02 duplicate, G03 empty, G04 33)") {
  using List = std::vector<std::pair<std::uint32_t, std::string_view>>;
  CHECK_THROWS_AS(Passwords(List{}), std::invalid_argument);
  CHECK_THROWS_AS(Passwords({{1, password}, {1, otherPassword}}), std::invalid_argument);
  CHECK_THROWS_AS(Passwords({{1, password}, {2, password}}), std::invalid_argument);
  std::vector<std::string> texts;
  for (int i = 0; i < 33; ++i) texts.push_back(password + std::to_string(i));
  List list;
  for (std::uint32_t i = 0; i < 32; ++i) list.emplace_back(i, texts[i]);
  CHECK_NOTHROW(Passwords{list});
  list.emplace_back(32, texts[32]);
  CHECK_THROWS_AS(Passwords{list}, std::invalid_argument);
}

TEST_CASE("the highest id seals, every id unseals (G01 rotate)") {
  const Passwords first(password);
  const Passwords both({{1, password}, {2, otherPassword}});
  const Passwords second({{2, otherPassword}});
  CHECK(opens(first, both));
  CHECK(opens(both, second));
  CHECK_FALSE(opens(both, first));
}

TEST_CASE("a password may be a std::string, and is then taken whole") {
  CHECK(opens(Passwords(password), Passwords(std::string(password))));
  CHECK_FALSE(opens(Passwords(password), Passwords(password + std::string("\0x", 2))));
}

TEST_CASE("a PASERK is the raw key, and a broken one is told") {
  CHECK(refusal("k4.local.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo8").empty());
  CHECK(mentions(refusal("k4.local.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo"), "PASERK"));
  CHECK(mentions(refusal("k4.local.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), "all-zero"));
}

TEST_CASE(
    "a password file: lines `id:password`, one line break stripped, comments and empty lines skipped (G06 encoding)") {
  const SecretFile file(std::string("# rotated in May\n\n1:") + password + "\r\n2:" + otherPassword + "\n");
  const auto passwords = Passwords::fromFile(file.path());
  CHECK(opens(passwords, Passwords({{2, otherPassword}})));
  CHECK(opens(Passwords(password), passwords));
  CHECK_NOTHROW(static_cast<void>(Passwords::fromFile(SecretFile(std::string("7:") + password).path())));
}

TEST_CASE("a password file that is not one is refused (G08 perms)") {
  const auto refuses = [](const std::filesystem::path& path) {
    CHECK_THROWS_AS(static_cast<void>(Passwords::fromFile(path)), std::invalid_argument);
  };
  refuses("/nonexistent/file");
  refuses(std::filesystem::temp_directory_path());
  refuses(SecretFile("").path());
  refuses(SecretFile(password).path());
  refuses(SecretFile(std::string("one:") + password).path());
  refuses(SecretFile(std::string("-1:") + password).path());
  refuses(SecretFile(std::string("4294967296:") + password).path());
  refuses(SecretFile(std::string("1:") + password + "\n\r\n1:" + otherPassword).path());
  refuses(SecretFile("1:" + std::string(70'000, 'x')).path());

  const SecretFile writable(std::string("1:") + password);
  ::chmod(writable.path().c_str(), 0666);
  refuses(writable.path());

  const SecretFile fifo("");
  std::filesystem::remove(fifo.path());
  REQUIRE(::mkfifo(fifo.path().c_str(), 0600) == 0);
  refuses(fifo.path());  // and does not wait for a writer
}

#include "crypto/guessable.hpp"
#include "support/support.hpp"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <sys/stat.h>

namespace passwords_test {

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

bool opens(const Passwords& sealing, const Passwords& unsealing, SealFormat format = SealFormat::native) {
  const SealOptions options{.formats = {format}};
  const auto seal = sealData({{"a", 1}}, sealing, options);
  return seal && unsealData(*seal, unsealing, options);
}

}  // namespace

TEST_CASE(
    "a password must be there and long enough, counted in UTF-16 units as JavaScript counts (S26 iron-short-pw)") {
  CHECK_THROWS_AS(Passwords(static_cast<const char*>(nullptr)), std::invalid_argument);
  CHECK(mentions(refusal(""), "environment variable"));
  CHECK(mentions(refusal("abcdefghijklmnopqrstuvwxyz01234"), "31 characters"));
  CHECK(mentions(refusal("kH3vQ8nTz1bWx6LpRj9cYs2mFd7gUe4"), "31 characters"));
  CHECK(refusal("kH3vQ8nTz1bWx6LpRj9cYs2mFd7gUe4a").empty());
  const std::string emoji =
      "\U0001F36A\U0001F511\U0001F30D\U0001F680\U0001F3B8\U0001F427\U0001F34B\U0001F525\U0001F6B2"
      "\U0001F4A1\U0001F41D\U0001F3D4\U0001F9ED\U0001F3AF\U0001F335";
  CHECK(mentions(refusal(emoji + "a"), "31 characters"));
  CHECK(refusal(emoji + "ab").empty());
}

TEST_CASE("weak passwords are refused, and the message does not tell them (G05 weak)") {
  const std::string repeated(40, 'q');
  CHECK(mentions(refusal(repeated), "repeats itself"));
  CHECK_FALSE(mentions(refusal(repeated), "qqq"));
  CHECK(mentions(refusal("complex_password_at_least_32_characters_long"), "published sample"));
  CHECK_FALSE(mentions(refusal("complex_password_at_least_32_characters_long"), "complex"));
  CHECK(mentions(refusal(std::string(password) + "\n"), "line break"));
  CHECK(mentions(refusal(std::string(password) + "\xff"), "UTF-8"));
}

TEST_CASE("V30 what people type who must type 32 characters is refused, with what to write instead") {
  const std::vector<std::string> weak = {
      "12345678901234567890123456789012",
      "98765432109876543210987654321098",
      "abababababababababababababababab",
      "abcdefghijklmnopqrstuvwxyz012345",
      "ABCDEFGHIJKLMNOPQRSTUVWXYZ123456",
      "zyxwvutsrqponmlkjihgfedcba987654",
      "qwertyuiopasdfghjklzxcvbnm123456",
      "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,",
      "qwertzuiopasdfghjklyxcvbnm12345678",
      "changeme-changeme-changeme-changeme",
      "changeme-changeme-changeme-12345",
      "changeme1changeme2changeme3changeme4",
      "password_password_password_pass01",
      "secret1secret2secret3secret4secret5",
      "test test test test test test test 1",
      "example.secret.example.secret.2024",
      "P@ssw0rd-P@ssw0rd-P@ssw0rd-P@ss!",
      "my_super_secret_session_password_change_me",
      "please-change-this-password-please-change",
      "0123456789abcdef0123456789ABCDEF",
      "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbb",
      "00000000-0000-0000-0000-000000000000",
      "aB3$aB3$aB3$aB3$aB3$aB3$aB3$aB3$aB3",
      "................................x",
      "k4.local.ABABABABABABABABABABABABABABABABABABABABABA",
      "\U0001F36A\U0001F36A\U0001F36A\U0001F36A\U0001F36A"
      "\U0001F36A\U0001F36A\U0001F36A\U0001F36A\U0001F36A\U0001F36A\U0001F36A\U0001F36A\U0001F36A\U0001F36A\U0001F36A",
      std::string(40'000, 'x') + "y",
      "12345678901234567890123456789012345678901234567890123456789012345678901234567890"};
  for (const std::string& text : weak) {
    CAPTURE(text);
    const std::string why = refusal(text);
    CHECK(mentions(why, "openssl rand -base64 32"));
    CHECK_FALSE(mentions(why, text.substr(0, 9)));
  }
}

namespace {

class RandomText {
 public:
  explicit RandomText(unsigned seed) : random_(seed) {}
  std::string of(std::string_view alphabet, std::size_t size) {
    std::string text;
    for (std::size_t i = 0; i < size; ++i) text += alphabet[random_() % alphabet.size()];
    return text;
  }
  // Words of made-up syllables; a real list's words are as likely to be ours.
  std::string words(std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
      if (i > 0) text += '-';
      for (std::size_t syllables = 2 + random_() % 2; syllables > 0; --syllables)
        text += of("bcdfghklmnprstvw", 1) + of("aeiou", 1);
      text += of("nrst", 1);
    }
    return text;
  }
  std::string uuid() {
    constexpr std::string_view digits = "0123456789abcdef";
    return of(digits, 8) + "-" + of(digits, 4) + "-4" + of(digits, 3) + "-" + of("89ab", 1) + of(digits, 3) + "-" +
           of(digits, 12);
  }

 private:
  std::mt19937_64 random_;
};

}  // namespace

TEST_CASE("V30 no random text is taken for one that is easy to guess") {
  constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  const std::string alphanumeric = std::string(letters) + "0123456789";
  const char* const asked = std::getenv("IRONJAR_RANDOM_PASSWORDS");  // NOLINT(concurrency-mt-unsafe): no threads here
  const unsigned long rounds = asked == nullptr ? 5'000 : std::strtoul(asked, nullptr, 10);
  RandomText random(20261128);
  std::size_t refused = 0;
  for (unsigned long i = 0; i < rounds; ++i) {
    for (const std::string& text :
         {random.of("0123456789abcdef", 32), random.of("0123456789ABCDEF", 32), random.of("0123456789abcdef", 64),
          random.of(alphanumeric + "+/", 32), random.of(alphanumeric + "+/", 43) + "=",
          random.of(alphanumeric + "-_", 43), random.of(alphanumeric, 32), random.of(letters, 32),
          random.of("abcdefghijklmnopqrstuvwxyz234567", 32), random.of("0123456789", 32),
          random.of("!\"#$%&'()*+,-./:;<=>?@[]^_`{|}~", 32), random.words(6), random.uuid()}) {
      if (!detail::guessable(text).empty()) ++refused;
    }
  }
  CHECK(refused == 0);
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

TEST_CASE("the id that seals can be chosen, every id unseals (G01 rotate)") {
  const Passwords first(password);
  const Passwords both({{2, otherPassword}, {1, password}});
  const Passwords learned = both.sealingUnder(1);
  for (const SealFormat format : {SealFormat::native, SealFormat::fe26}) {
    CHECK(opens(learned, first, format));
    CHECK(opens(learned, both, format));
    CHECK(opens(both, learned, format));
    CHECK_FALSE(opens(both, first, format));
    CHECK_FALSE(opens(learned.sealingUnder(2), first, format));
  }
  CHECK_THROWS_WITH_AS(static_cast<void>(both.sealingUnder(3)),
                       "ironjar: there is no password 3 to seal under: choose an id of those that are given",
                       std::invalid_argument);
}

TEST_CASE("a session under another password than the chosen one is sealed under it when its user comes (G01 rotate)") {
  const Passwords both({{2, otherPassword}, {1, password}});
  for (const SealFormat format : {SealFormat::native, SealFormat::fe26}) {
    SessionOptions options{.cookieName = "sid", .passwords = both, .seal = {.formats = {format}}};
    const auto cookieUnder = [&](std::uint32_t id) {
      options.passwords = both.sealingUnder(id);
      const SessionJar jar(options);
      Session session = jar.open("");
      session.set("user", "ada");
      const std::string line = jar.commit(session)->at(0);
      return line.substr(0, line.find(';'));
    };
    const std::string first = cookieUnder(1);
    const std::string second = cookieUnder(2);
    options.passwords = both.sealingUnder(1);
    const SessionJar jar(options);
    CHECK_FALSE(jar.open(first).isResealOnly());
    Session session = jar.open(second);
    CHECK(session.isResealOnly());
    options.passwords = Passwords(password);
    CHECK(SessionJar(options).open(jar.commit(session)->at(0)).get<std::string>("user") == "ada");
  }
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

TEST_CASE("a password file may name the one that seals: `seal:id`") {
  const std::string lines = std::string("1:") + password + "\n2:" + otherPassword + "\n";
  CHECK(opens(Passwords::fromFile(SecretFile("seal:1\n" + lines).path()), Passwords(password)));
  CHECK(opens(Passwords::fromFile(SecretFile(lines + "seal:1").path()), Passwords(password)));
  for (const char* wrong : {"seal:3", "seal:", "seal", "seal:one", "seal: 1", "seal:1\nseal:1", "Seal:1"}) {
    CAPTURE(wrong);
    CHECK_THROWS_AS(static_cast<void>(Passwords::fromFile(SecretFile(lines + wrong).path())), std::invalid_argument);
  }
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

  refuses(std::string(10'000, 'x'));

  const SecretFile fifo("");
  std::filesystem::remove(fifo.path());
  REQUIRE(::mkfifo(fifo.path().c_str(), 0600) == 0);
  refuses(fifo.path());  // and does not wait for a writer
}

TEST_CASE("V26 a password file that others can change is refused, and one that is mounted by Kubernetes is not") {
  const auto why = [](const std::filesystem::path& path) -> std::string {
    try {
      static_cast<void>(Passwords::fromFile(path));
      return "";
    } catch (const std::invalid_argument& refused) {
      return refused.what();
    }
  };
  const SecretFile file(std::string("1:") + password);
  for (const mode_t mode : {0666U, 0660U, 0620U, 0602U, 0664U, 0777U}) {
    REQUIRE(::chmod(file.path().c_str(), mode) == 0);
    CHECK(mentions(why(file.path()), "chmod go-w"));
  }
  const std::filesystem::path link = file.path().string() + "-link";
  std::filesystem::create_symlink(file.path(), link);
  for (const mode_t mode : {0644U, 0440U, 0400U, 0600U, 0640U}) {
    REQUIRE(::chmod(file.path().c_str(), mode) == 0);
    CHECK(why(link).empty());
  }
  constexpr uid_t somebody = 65533;
  if (::geteuid() == 0 && ::chown(file.path().c_str(), somebody, somebody) == 0) {
    CHECK(mentions(why(file.path()), "belongs to another user"));
    CHECK(mentions(why(link), "belongs to another user"));
  }
  std::filesystem::remove(link);
}

TEST_CASE("V26 a password in place of a file's name is not repeated") {
  for (const std::string& given : {std::string(password), "/run/" + std::string(password), std::string(9'000, 'p')}) {
    try {
      static_cast<void>(Passwords::fromFile(given));
      FAIL("opened");
    } catch (const std::invalid_argument& refused) {
      CHECK_FALSE(mentions(refused.what(), given));
    }
  }
}

}  // namespace passwords_test

// Attacks on seals that need more than the door: authentic seals with hostile content, counted decryptions, clocks of
// the processor, a machine without entropy, forks. The others are in seal_test.cpp, seal_fe26_test.cpp,
// base64url_test.cpp, json_writer_test.cpp.
#include "json/json.hpp"
#include "support/decryptions.hpp"
#include "support/forge.hpp"
#include "support/instrumented.hpp"
#include "support/support.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <random>
#include <set>
#include <string>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace attacks_seal_test {

using namespace ironjar;
using support::decryptions;
using support::errorOf;
using support::isInstrumented;
using support::password;

namespace {

constexpr std::int64_t now = 1'700'000'000;

SealOptions only(SealFormat format) {
  return {.formats = {format}, .now = testing::VirtualClock(support::at(now * 1000)).wall()};
}

// What an authentic seal with this text inside gives, in both formats, which must agree.
std::optional<Errc> opened(const std::string& json) {
  const Passwords passwords(password);
  const auto native =
      unsealData(support::forgeNative(passwords, support::nativeHead(now), json), passwords, only(SealFormat::native));
  std::string ciphertext(detail::aesPaddedSize(json.size()), '\0');
  detail::Secret<detail::aesKeySize> key;
  passwords.keyring().sealing().fe26.derive(key.fill(), detail::bytes(std::string(64, 'a')), 1);
  const std::array<unsigned char, detail::aesBlockSize> iv{};
  std::copy(json.begin(), json.end(), ciphertext.begin());
  detail::aesEncrypt(detail::writable(ciphertext.data(), ciphertext.size()), json.size(), key.expose(), iv);
  const auto fe26 = unsealData(support::forgeFe26(passwords, ciphertext), passwords, only(SealFormat::fe26));
  CHECK(errorOf(native) == errorOf(fe26));
  return errorOf(native);
}

// Changes one place of a text, or goes on with another.
void edit(std::string& text, const std::string& other, std::mt19937_64& random) {
  const std::size_t at = random() % text.size();
  switch (random() % 6) {
    case 0:
      text[at] = static_cast<char>(random());
      break;
    case 1:
      text.erase(at, 1 + random() % 4);
      break;
    case 2:
      text.insert(at, 1, static_cast<char>(random()));
      break;
    case 3:
      text[at] = other[at % other.size()];
      break;
    case 4:
      std::swap(text[at], text[random() % text.size()]);
      break;
    default:
      text = text.substr(0, at) + other.substr(std::min(at, other.size()));
      break;
  }
  if (text.empty()) text = "x";
}

}  // namespace

TEST_CASE("S13 kid-swap: another valid key's id, an unknown one, zeros and ones open nothing") {
  const Passwords ring({{2, password}, {1, support::otherPassword}});
  const SealOptions native = only(SealFormat::native);
  const std::string seal = *sealData({{"user", "ada"}}, ring, native);
  const std::string other = *sealData({{"user", "ada"}}, Passwords(support::otherPassword), native);
  // The id is the first 8 bytes: ten characters and a part of the eleventh.
  const auto under = [&](const std::string& id) { return "ij1." + id + seal.substr(4 + id.size()); };
  const char unlike =
      std::string_view("ABCD").find(other[14]) == std::string_view::npos ? 'A' : 'w';  // in its four bits
  CHECK(errorOf(unsealData(under(other.substr(4, 10) + unlike), ring, native)) == Errc::unknownKey);
  CHECK(errorOf(unsealData(other.substr(0, 16) + seal.substr(16), ring, native)) == Errc::tampered);
  CHECK(errorOf(unsealData(under("AAAAAAAAAA"), ring, native)) == Errc::unknownKey);
  CHECK(errorOf(unsealData(under("__________"), ring, native)) == Errc::unknownKey);
  const SealOptions iron = only(SealFormat::fe26);
  const std::string fe26 = *sealData({{"user", "ada"}}, ring, iron);
  REQUIRE(fe26.starts_with("Fe26.2*2*"));
  CHECK(errorOf(unsealData("Fe26.2*1*" + fe26.substr(9), ring, iron)) == Errc::tampered);
  for (const char* id : {"0", "3", "4294967295"}) {
    CHECK(errorOf(unsealData("Fe26.2*" + std::string(id) + "*" + fe26.substr(9), ring, iron)) == Errc::unknownKey);
  }
}

TEST_CASE("S16 time-extremes: whatever times an authentic seal holds, it opens or is refused, without overflow") {
  const Passwords passwords(password);
  const auto with = [&](std::uint64_t issued, std::uint64_t expires) {
    return errorOf(unsealData(support::forgeNative(passwords, support::nativeHead(issued, expires), "{}"), passwords,
                              only(SealFormat::native)));
  };
  CHECK(with(now, 0) == std::nullopt);
  CHECK(with(now, 4'102'444'800) == std::nullopt);  // the year 2100
  CHECK(with(now, std::uint64_t{1} << 31U) == std::nullopt);
  CHECK(with(now, now - 59) == std::nullopt);
  CHECK(with(now, now - 60) == Errc::expired);
  CHECK(with(now + 60, 0) == std::nullopt);
  CHECK(with(now + 61, 0) == Errc::notYetValid);
  for (const std::uint64_t far :
       {std::uint64_t{1} << 53U, (std::uint64_t{1} << 63U) - 1, std::uint64_t{1} << 63U, ~std::uint64_t{0}}) {
    CHECK(with(now, far) == Errc::malformed);
    CHECK(with(far, 0) == Errc::malformed);
  }
}

TEST_CASE("S17 dup-keys: a key twice, at any depth, inside an authentic seal") {
  CHECK(opened(R"({"exp":1})") == std::nullopt);
  CHECK(opened(R"({"exp":1,"exp":9e9})") == Errc::malformed);
  CHECK(opened(R"({"a":{"exp":1,"exp":9e9}})") == Errc::malformed);
  CHECK(opened(R"({"a":[{"b":1,"b":1}]})") == Errc::malformed);
}

TEST_CASE("S18 deep-json: more than 64 levels inside an authentic seal are refused before they are built") {
  const auto levels = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  CHECK(opened(levels(64)) == std::nullopt);
  CHECK(opened(levels(65)) == Errc::tooLarge);
  CHECK(opened(levels(1'000)) == Errc::tooLarge);
  CHECK(opened(std::string(40'000, '[')) == Errc::tooLarge);
  // More than any seal can hold.
  CHECK(errorOf(detail::parseJson(levels(100'000))) == Errc::tooLarge);
  std::string objects;
  for (int i = 0; i < 1'000; ++i) objects += R"({"a":)";
  CHECK(opened(objects) == Errc::tooLarge);
}

TEST_CASE("S19 nonobject: inside an authentic seal only JSON opens, and only an object is a session") {
  for (const char* json : {"", " ", "{", "{}{}", "{} x", "\xef\xbb\xbf{}", "undefined", "NaN", "'a'", "{a:1}"}) {
    CAPTURE(json);
    CHECK(opened(json) == Errc::malformed);
  }
  const Passwords passwords(password);
  const SessionJar jar({.cookieName = "sid", .passwords = passwords, .seal = only(SealFormat::native)});
  for (const char* json : {"[]", "[1]", "\"text\"", "null", "3", "true"}) {
    CAPTURE(json);
    CHECK(opened(json) == std::nullopt);  // sealData takes any value
    const Session session =
        jar.open("sid=" + support::forgeNative(passwords, support::nativeHead(now), json, "session", "sid"));
    CHECK(session.empty());
    CHECK(session.rejection());
  }
}

TEST_CASE("S24 mac-before-decrypt: nothing is decrypted behind a bad MAC, and bad paddings all fail alike") {
  const Passwords passwords(password);
  const SealOptions iron = only(SealFormat::fe26);
  const std::string good = *sealData({{"user", "ada"}}, passwords, iron);
  decryptions = 0;
  REQUIRE(unsealData(good, passwords, iron));
  CHECK(decryptions == 1);  // the counter works
  decryptions = 0;
  const std::size_t ciphertext = good.find('*', 7 + 2 + 65) + 24;
  for (std::size_t at = 9; at + 3 < good.size(); ++at) {
    std::string forged = good;
    forged[at] = forged[at] == 'b' ? 'c' : 'b';
    REQUIRE_FALSE(unsealData(forged, passwords, iron));
  }
  CHECK(decryptions == 0);
  REQUIRE(ciphertext < good.size());
  // Behind a good MAC, every last byte that padding can end in, over blocks that decrypt to noise.
  std::set<std::string> errors;
  std::size_t refused = 0;
  for (unsigned byte = 0; byte < 256; ++byte) {
    for (const std::size_t blocks : {1U, 2U, 3U}) {
      const auto result =
          unsealData(support::forgeFe26(passwords, std::string(blocks * 16, static_cast<char>(byte))), passwords, iron);
      if (result) continue;  // noise may end in a padding by chance, but it is no JSON then
      ++refused;
      if (result.error().code == Errc::tampered) errors.insert(result.error().detail);
    }
  }
  CHECK(refused == 768);
  CHECK(errors.size() == 1);
}

TEST_CASE("S27 size-bounds: a text of any size is refused within a millisecond") {
  const Passwords passwords(password);
  for (const char* prefix : {"ij1.", "Fe26.2*1*"}) {
    for (const std::size_t size : {0U, 1U, 63U, 64U, 4096U, 65'000U, 1024U * 1024U}) {
      const std::string text = prefix + std::string(size, 'A');
      auto best = std::chrono::nanoseconds::max();
      for (int round = 0; round < 20; ++round) {
        const auto begin = std::chrono::steady_clock::now();
        REQUIRE_FALSE(unsealData(text, passwords, {.formats = {SealFormat::native, SealFormat::fe26}}));
        best = std::min<std::chrono::nanoseconds>(best, std::chrono::steady_clock::now() - begin);
      }
      CAPTURE(size);
      CHECK(best < std::chrono::milliseconds(isInstrumented ? 50 : 1));
    }
  }
}

TEST_CASE("S29 alias: empty views without memory, and a text that is its own source") {
  CHECK(errorOf(unsealData(std::string_view(), password)) == Errc::malformed);
  CHECK(parseCookies(std::string_view()).empty());
  CHECK(detail::decodeBase64url(std::string_view(), detail::MutableBytes()));
  CHECK(detail::equal(detail::Bytes(), detail::Bytes()));
  std::string text;
  detail::appendBase64url(text, detail::Bytes());
  CHECK(text.empty());
  Json data = {{"user", "ada"}};
  data["self"] = data;
  std::string seal = *sealData(data, password);
  seal = *sealData(*unsealData(seal, password), password);
  CHECK(unsealData(seal, password).value() == data);
}

TEST_CASE("S30 error-uniform: forgeries of one size take the same time, whatever is wrong with them") {
  const Passwords ring({{2, password}, {1, support::otherPassword}});
  for (const SealFormat format : {SealFormat::native, SealFormat::fe26}) {
    const SealOptions options = only(format);
    const std::string good = *sealData({{"user", std::string(600, 'x')}}, ring, options);
    const std::size_t mac = good.size() - (format == SealFormat::fe26 ? 10 : 4);
    const auto changed = [&](std::size_t at) {
      std::string text = good;
      text[at] = text[at] == '3' ? '4' : '3';
      return text;
    };
    // Nonce or salt, ciphertext, MAC; a key id that is unknown.
    const std::vector<std::string> forgeries = {changed(format == SealFormat::fe26 ? 20 : 30), changed(400),
                                                changed(mac), changed(format == SealFormat::fe26 ? 7 : 5)};
    std::vector<std::vector<std::chrono::nanoseconds>> times(forgeries.size());
    for (int round = 0; round < 401; ++round) {  // in turn: a busy moment is everybody's
      for (std::size_t i = 0; i < forgeries.size(); ++i) {
        const auto begin = std::chrono::steady_clock::now();
        REQUIRE_FALSE(unsealData(forgeries[i], ring, options));
        times[i].emplace_back(std::chrono::steady_clock::now() - begin);
      }
    }
    std::vector<std::chrono::nanoseconds> medians;
    for (auto& own : times) {
      std::nth_element(own.begin(), own.begin() + 200, own.end());
      medians.push_back(own[200]);
    }
    const auto [least, most] = std::minmax_element(medians.begin(), medians.end());
    CHECK(*most - *least <= std::chrono::microseconds(isInstrumented ? 2000 : 20));
  }
}

TEST_CASE("a million mutations of valid seals open nothing") {
  std::mt19937_64 random(7);
  const Passwords passwords(password);
  const int rounds = isInstrumented ? 20'000 : 520'000;
  std::size_t mutations = 0;
  for (const SealFormat format : {SealFormat::native, SealFormat::fe26}) {
    const SealOptions options = only(format);
    const std::string seal = *sealData({{"user", "ada"}}, passwords, options);
    const std::string other = *sealData({{"user", "eve"}}, passwords, options);
    for (int round = 0; round < rounds; ++round) {
      std::string text = seal;
      for (auto edits = 1 + random() % 3; edits > 0; --edits) edit(text, other, random);
      const bool isSeal = text == seal || text == other || text + "~2" == seal || text + "~2" == other;
      if (isSeal) continue;
      ++mutations;
      if (unsealData(text, passwords, options)) FAIL("opens: ", text);
    }
  }
  CHECK(mutations >= (isInstrumented ? 36'000U : 1'000'000U));
  MESSAGE(mutations, " mutations");
}

TEST_CASE("each seal has exactly one spelling of its last character, which holds the unused bits") {
  const Passwords passwords(password);
  for (const SealFormat format : {SealFormat::native, SealFormat::fe26}) {
    const SealOptions options = only(format);
    const std::string seal = *sealData({{"user", "ada"}}, passwords, options);
    std::size_t spellings = 0;
    const std::size_t last = seal.size() - (format == SealFormat::fe26 ? 3 : 1);
    for (unsigned c = 0; c < 256; ++c) {
      std::string text = seal;
      text[last] = static_cast<char>(c);
      if (unsealData(text, passwords, options)) ++spellings;
    }
    CHECK(spellings == 1);
  }
}

TEST_CASE("S21 keyring-zero: without entropy there is no seal, rather than one with a guessable nonce") {
  REQUIRE(sealData({}, password));  // libsodium has found its source
  const pid_t child = ::fork();
  if (child == 0) {
    // From here on the kernel gives no random bytes, neither by getrandom nor from a device.
    const auto refuse = [](std::uint32_t call) {
      return std::array<sock_filter, 2>{sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 0, 1, call},
                                        sock_filter{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | 38U}};
    };
    std::vector<sock_filter> rules = {sock_filter{BPF_LD | BPF_W | BPF_ABS, 0, 0, 0}};
    for (const std::uint32_t call :
         {static_cast<std::uint32_t>(SYS_getrandom), static_cast<std::uint32_t>(SYS_openat)}) {
      const auto pair = refuse(call);
      rules.insert(rules.end(), pair.begin(), pair.end());
    }
    rules.push_back(sock_filter{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW});
    const sock_fprog program{static_cast<unsigned short>(rules.size()), rules.data()};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
      ::_exit(77);
    }
    ::signal(SIGABRT, SIG_DFL);
    try {
      // A generator may have some bytes in stock; a seal takes 24 of them and more.
      for (int i = 0; i < 10'000; ++i) static_cast<void>(sealData({}, password));
      ::_exit(1);
    } catch (const std::runtime_error&) {
      ::_exit(0);
    }
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
    MESSAGE("not tested: this machine lets nobody filter system calls");
    return;
  }
  CHECK(((WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT) || (WIFEXITED(status) && WEXITSTATUS(status) == 0)));
}

TEST_CASE("S22 nonce-dup: ten million seals, over 8 threads and 16 forks, and no nonce twice") {
  constexpr std::size_t threads = 8;
  constexpr std::size_t forks = 16;
  constexpr std::size_t each = isInstrumented ? 4'000 : 10'000'000 / (threads + forks) + 1;
  constexpr std::size_t total = each * (threads + forks);
  // 64 bits of each nonce, in memory that the forks share: that two of ten million differing nonces agree in them
  // happens in one run of 400,000.
  auto* const nonces = static_cast<std::uint64_t*>(
      ::mmap(nullptr, total * sizeof(std::uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  REQUIRE(nonces != MAP_FAILED);
  const Passwords passwords(password);
  const SealOptions options = only(SealFormat::native);
  const auto fill = [&](std::uint64_t* out) {
    for (std::size_t i = 0; i < each; ++i) {
      const std::string seal = *sealData(Json::object(), passwords, options);
      std::array<unsigned char, 9> bytes{};
      if (!detail::decodeBase64url(std::string_view(seal).substr(16, 12), bytes)) ::_exit(1);
      std::copy_n(bytes.begin(), sizeof *out, reinterpret_cast<unsigned char*>(out + i));
    }
  };
  REQUIRE(sealData({}, passwords, options));  // whatever state a generator keeps is there before the forks
  std::vector<pid_t> children;
  for (std::size_t i = 0; i < forks; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      fill(nonces + (threads + i) * each);
      ::_exit(0);
    }
    children.push_back(child);
  }
  std::vector<std::thread> running;
  for (std::size_t i = 0; i < threads; ++i) running.emplace_back([&, i] { fill(nonces + i * each); });
  for (std::thread& thread : running) thread.join();
  for (const pid_t child : children) {
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(status == 0);
  }
  std::sort(nonces, nonces + total);
  CHECK(std::adjacent_find(nonces, nonces + total) == nonces + total);
  CHECK(nonces[0] != 0);  // each was written
  ::munmap(nonces, total * sizeof(std::uint64_t));
  MESSAGE(total, " seals");
}

}  // namespace attacks_seal_test

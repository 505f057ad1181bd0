// What both formats promise.
#include "support/support.hpp"

#include <random>

namespace seal_test {

using namespace ironjar;
using support::errorOf;
using support::otherPassword;
using support::password;
using testing::VirtualClock;

namespace {

SealOptions only(SealFormat format) { return {.formats = {format}}; }

const Json small = {{"user", "ada"}, {"n", 7}};

// JSON text of exactly that size.
Json ofSize(std::size_t size) { return {{"d", std::string(size - 8, 'x')}}; }

}  // namespace

TEST_CASE("what is sealed opens again, in both formats") {
  for (const SealFormat format : {SealFormat::native, SealFormat::fe26}) {
    const SealOptions options = only(format);
    const std::vector<Json> values = {nullptr,
                                      true,
                                      0,
                                      -1.5,
                                      "",
                                      "\U0001F36A\u65e5",
                                      Json::array(),
                                      Json::object(),
                                      small,
                                      {{"__proto__", {{"admin", true}}}, {"", 1}, {"constructor", nullptr}},
                                      std::string("a\0b", 3),
                                      ofSize(3000)};
    for (const Json& value : values) {
      const auto seal = sealData(value, password, options);
      REQUIRE(seal);
      CHECK(unsealData(*seal, password, options).value() == value);
    }
  }
}

TEST_CASE("a session of 1,000 bytes of JSON seals to at most 1,460 bytes natively and to 1,566 as iron-session") {
  const auto native = sealData(ofSize(1000), password);
  const auto fe26 = sealData(ofSize(1000), password, only(SealFormat::fe26));
  CHECK(native->size() <= 1460);
  CHECK(fe26->size() == 1566);
  MESSAGE("native: ", native->size(), ", Fe26.2: ", fe26->size());
}

TEST_CASE("no bit of a seal can be flipped (S05 bitflip-all)") {
  std::size_t flips = 0;
  for (const SealFormat format : {SealFormat::native, SealFormat::fe26}) {
    const SealOptions options = only(format);
    for (const Json& value : {small, ofSize(1000), ofSize(3000)}) {
      std::string seal = sealData(value, password, options).value();
      for (std::size_t at = 0; at < seal.size(); ++at) {
        for (unsigned bit = 0; bit < 8; ++bit, ++flips) {
          const char good = seal[at];
          seal[at] = static_cast<char>(static_cast<unsigned char>(good) ^ (1U << bit));
          if (unsealData(seal, password, options)) FAIL("bit ", bit, " of byte ", at);
          seal[at] = good;
        }
      }
    }
  }
  CHECK(flips >= 45'000);
  MESSAGE(flips, " flips");
}

TEST_CASE(
    "no prefix and no suffix of a seal opens (S06 truncate-all), nor anything appended (S07 extend) or inserted (S08 "
    "b64-noncanonical)") {
  for (const SealFormat format : {SealFormat::native, SealFormat::fe26}) {
    const SealOptions options = only(format);
    const std::string seal = sealData(small, password, options).value();
    const bool fe26 = format == SealFormat::fe26;
    for (std::size_t size = 0; size < seal.size(); ++size) {
      if (fe26 && size == seal.size() - 2) continue;  // without iron-session's `~2` it is @hapi/iron's own spelling
      REQUIRE_FALSE(unsealData(std::string_view(seal).substr(0, size), password, options));
      REQUIRE_FALSE(unsealData(std::string_view(seal).substr(size + 1), password, options));
    }
    for (const char* more :
         {"A", "AA", "AAA", "AAAA", "=", "==", ".", "~", "~2", "~2~junk", "*", "*x", " ", "\r\n", "\xc3\xa9"}) {
      REQUIRE_FALSE(unsealData(seal + more, password, options));
      REQUIRE_FALSE(unsealData(more + seal, password, options));
    }
    REQUIRE_FALSE(unsealData(seal + std::string(1, '\0'), password, options));
    for (std::size_t at = 0; at < seal.size(); ++at) {
      for (const char c : {'A', '=', ' ', '\n', '\0', '*'}) {
        std::string changed = seal;
        changed.insert(at, 1, c);
        REQUIRE_FALSE(unsealData(changed, password, options));
      }
    }
  }
}

TEST_CASE("a seal opens under its own password only, and says which way it failed") {
  for (const SealFormat format : {SealFormat::native, SealFormat::fe26}) {
    const SealOptions options = only(format);
    const std::string seal = sealData(small, Passwords({{1, password}}), options).value();
    const bool native = format == SealFormat::native;
    // The native key id commits to the key; iron-session's is a number that any password may have.
    CHECK(errorOf(unsealData(seal, Passwords({{1, otherPassword}}), options)) ==
          (native ? Errc::unknownKey : Errc::tampered));
    CHECK(errorOf(unsealData(seal, Passwords({{2, otherPassword}}), options)) == Errc::unknownKey);
    CHECK(unsealData(seal, Passwords({{1, password}, {2, otherPassword}}), options));
  }
}

TEST_CASE("only the listed formats open, and the first seals") {
  const SealOptions both{.formats = {SealFormat::native, SealFormat::fe26}};
  const std::string native = sealData(small, password, both).value();
  const std::string fe26 = sealData(small, password, only(SealFormat::fe26)).value();
  CHECK(native.starts_with("ij1."));
  CHECK(fe26.starts_with("Fe26.2*1*"));
  CHECK(fe26.ends_with("~2"));
  CHECK(unsealData(fe26, password, both));
  CHECK(errorOf(unsealData(fe26, password)) == Errc::unsupported);
  CHECK(errorOf(unsealData(native, password, only(SealFormat::fe26))) == Errc::unsupported);
}

TEST_CASE("other versions and other things are told apart (S09 version-swap, S14 fallback-none)") {
  const SealOptions both{.formats = {SealFormat::native, SealFormat::fe26}};
  const std::string native = sealData(small, password).value();
  for (const char* text : {"ij0.", "ij2.", "ij10.", "Fe26.1*", "Fe26.3*", "Fe27.2*", "v4.local.AAAA"}) {
    CHECK(errorOf(unsealData(text + native.substr(4), password, both)) == Errc::unsupported);
  }
  for (const char* text :
       {"", "IJ1.", "ij1", "ij.", "Fe26.2%2A", "FeCl3*", "video.mp4", "garbage", R"({"user":"ada"})",
        "eyJ1c2VyIjoiYWRhIn0", "\x04\x08{\x06:\tuser", "\x80\x04\x95", "ij1.", "ij1.AAAA", "Fe26.2*"}) {
    CAPTURE(text);
    CHECK(errorOf(unsealData(text, password, both)) == Errc::malformed);
  }
}

TEST_CASE("size is bounded before any work (S27 size-bounds)") {
  const SealOptions both{.formats = {SealFormat::native, SealFormat::fe26}};
  for (const char* prefix : {"", "ij1.", "Fe26.2*"}) {
    CHECK(errorOf(unsealData(prefix + std::string(1024 * 1024, 'A'), password, both)) == Errc::tooLarge);
  }
  for (const SealFormat format : {SealFormat::native, SealFormat::fe26}) {
    const SealOptions options = only(format);
    std::size_t largest = 0;
    for (std::size_t size = 48'000; size < 49'500; ++size) {
      const auto seal = sealData(ofSize(size), password, options);
      if (!seal) {
        CHECK(errorOf(seal) == Errc::tooLarge);
        break;
      }
      largest = size;
      REQUIRE(seal->size() <= maxSealSize);
      REQUIRE(unsealData(*seal, password, options));
    }
    CHECK(largest > 48'000);
  }
}

TEST_CASE("a seal opens until its end and a minute more, exact to the step of its clock (S15 expired/nbf)") {
  const VirtualClock clock;
  SealOptions native{.ttl = Seconds{100}, .now = clock.wall()};
  const std::string seal = sealData(small, password, native).value();
  const auto at = [&](std::int64_t seconds, SealOptions options) {
    options.now = VirtualClock(support::at(1'700'000'000'000 + seconds * 1000)).wall();
    return errorOf(unsealData(seal, password, options));
  };
  CHECK(at(159, native) == std::nullopt);
  CHECK(at(160, native) == Errc::expired);
  native.clockSkew = Seconds{0};
  CHECK(at(99, native) == std::nullopt);
  CHECK(at(100, native) == Errc::expired);
  CHECK(at(0, native) == std::nullopt);
  CHECK(at(-1, native) == Errc::notYetValid);
  native.clockSkew = Seconds{60};
  CHECK(at(-60, native) == std::nullopt);
  CHECK(at(-61, native) == Errc::notYetValid);
}

TEST_CASE("times at the edges (S16 time-extremes, X06 ttl-zero)") {
  for (const SealFormat format : {SealFormat::native, SealFormat::fe26}) {
    const auto after = [&](Seconds ttl, std::int64_t sealedAt, std::int64_t openedAt) {
      SealOptions options{.formats = {format}, .ttl = ttl, .now = VirtualClock(support::at(sealedAt)).wall()};
      const std::string seal = sealData(small, password, options).value();
      options.now = VirtualClock(support::at(openedAt)).wall();
      return errorOf(unsealData(seal, password, options));
    };
    CHECK(after(Seconds{0}, 0, 9'000'000'000'000) == std::nullopt);                    // never expires
    CHECK(after(Seconds{100}, 4'000'000'000'000, 4'000'000'050'000) == std::nullopt);  // the year 2096
    CHECK(after(Seconds{100'000'000'000}, 1'700'000'000'000, 9'000'000'000'000) == std::nullopt);
    CHECK(after(Seconds{-5}, 1'700'000'000'000, 1'700'000'000'000) == std::nullopt);  // within the clock skew
    CHECK(after(Seconds{-100'000'000'000}, 1'700'000'000'000, 1'700'000'000'000) == Errc::expired);
  }
}

TEST_CASE(
    "a native seal opens for its purpose and context only (S10 cross-purpose, S11 cross-cookie, S12 cross-context)") {
  const SealOptions options{.purpose = "magic-link", .context = "sid"};
  const std::string seal = sealData(small, password, options).value();
  CHECK(unsealData(seal, password, options));
  CHECK(errorOf(unsealData(seal, password, {.context = "sid"})) == Errc::tampered);
  CHECK(errorOf(unsealData(seal, password, {.purpose = "magic-link"})) == Errc::tampered);
  CHECK(errorOf(unsealData(seal, password, {.purpose = "magic-lin", .context = "ksid"})) == Errc::tampered);
}

TEST_CASE("impossible options are the programmer's error") {
  const auto refuses = [](const SealOptions& options) {
    CHECK_THROWS_AS(static_cast<void>(sealData(small, password, options)), std::invalid_argument);
    CHECK_THROWS_AS(static_cast<void>(unsealData("x", password, options)), std::invalid_argument);
  };
  refuses({.formats = {}});
  refuses({.formats = {SealFormat::fe26, SealFormat::fe26}});
  refuses({.ttl = Seconds::max()});
  refuses({.ttl = Seconds::min()});
  refuses({.clockSkew = Seconds{-1}});
  refuses({.fe26Iterations = {}});
  refuses({.fe26Iterations = {0}});
  refuses({.now = nullptr});
}

TEST_CASE("data that cannot be sealed is an error (S20 nonutf8)") {
  for (const SealFormat format : {SealFormat::native, SealFormat::fe26}) {
    CHECK(errorOf(sealData("\xff", password, only(format))) == Errc::malformed);
    CHECK(errorOf(sealData(std::nan(""), password, only(format))) == Errc::malformed);
  }
}

TEST_CASE("two seals of the same data share nothing but their frame (S22, briefly)") {
  std::vector<std::string> seals;
  for (int i = 0; i < 2000; ++i) seals.push_back(sealData(small, password).value().substr(4 + 11, 32));
  std::sort(seals.begin(), seals.end());
  CHECK(std::adjacent_find(seals.begin(), seals.end()) == seals.end());
}

}  // namespace seal_test

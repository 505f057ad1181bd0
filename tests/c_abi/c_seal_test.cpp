#include "abi.hpp"

#include <ironjar/ironjar.hpp>
#include <ironjar/testing/clock.hpp>

using abi::aTime;
using abi::Json;

TEST_CASE("what C seals C++ opens, and the other way round, in both formats") {
  const ironjar::Passwords passwords(abi::password);
  const std::vector<std::pair<const char*, ironjar::SealFormat>> formats = {{"native", ironjar::SealFormat::native},
                                                                            {"fe26", ironjar::SealFormat::fe26}};
  for (const auto& format : formats) {
    CAPTURE(format.first);
    const abi::Sealer sealer =
        abi::sealer({{"passwords", abi::password}, {"formats", {format.first}}, {"context", "sid"}});
    ironjar::SealOptions options;
    options.formats = {format.second};
    options.context = "sid";
    options.now = ironjar::testing::VirtualClock(ironjar::TimePoint(std::chrono::milliseconds(aTime))).wall();
    const auto fromC = abi::seal(sealer, R"({"user":"ada","n":[1,2.5,null]})");
    const auto opened = ironjar::unsealData(fromC.value(), passwords, options);
    REQUIRE(opened);
    CHECK(*opened == Json::parse(R"({"user":"ada","n":[1,2.5,null]})"));
    const auto fromCpp = ironjar::sealData({{"user", "bob"}}, passwords, options);
    CHECK(abi::unseal(sealer, fromCpp.value()) == R"({"user":"bob"})");
  }
}

TEST_CASE("the JSON text comes back byte for byte: order, spaces and escapes") {
  const abi::Sealer sealer = abi::sealer({{"passwords", abi::password}});
  for (const char* json : {R"({ "z" : 1, "a" : 1.0, "e" : "\u00e9\ud800" })", "null", "[]", "-0", R"("\/")"}) {
    CAPTURE(json);
    CHECK(abi::unseal(sealer, abi::seal(sealer, json).value()) == json);
  }
}

TEST_CASE("a seal's end is the one of the clock that was passed in") {
  const abi::Sealer sealer = abi::sealer({{"passwords", abi::password}, {"ttl", 100}, {"clockSkew", 5}});
  const std::string seal = abi::seal(sealer, "1", aTime).value();
  ironjar_status status = IRONJAR_OK;
  CHECK(abi::unseal(sealer, seal, aTime + 104'999, &status));
  CHECK_FALSE(abi::unseal(sealer, seal, aTime + 105'000, &status));
  CHECK(status == IRONJAR_EXPIRED);
  CHECK_FALSE(abi::unseal(sealer, seal, aTime - 6'000, &status));
  CHECK(status == IRONJAR_NOT_YET_VALID);
  CHECK_FALSE(abi::unseal(sealer, seal, IRONJAR_NOW, &status));  // some years later
  CHECK(status == IRONJAR_EXPIRED);
}

TEST_CASE("the time of one call is forgotten by the next") {
  const abi::Sealer sealer = abi::sealer({{"passwords", abi::password}, {"ttl", 1000}});
  const std::string old = abi::seal(sealer, "1", aTime).value();
  CHECK(abi::unseal(sealer, old, aTime));
  const std::string fresh = abi::seal(sealer, "1", IRONJAR_NOW).value();
  ironjar_status status = IRONJAR_OK;
  CHECK(abi::unseal(sealer, fresh, IRONJAR_NOW));
  CHECK_FALSE(abi::unseal(sealer, fresh, aTime, &status));
  CHECK(status == IRONJAR_NOT_YET_VALID);
}

TEST_CASE("each way not to open has its status") {
  const abi::Sealer sealer = abi::sealer({{"passwords", {{"2", abi::password}}}});
  const abi::Sealer other = abi::sealer({{"passwords", abi::otherPassword}, {"formats", {"native"}}});
  const abi::Sealer elsewhere = abi::sealer({{"passwords", {{"2", abi::password}}}, {"purpose", "else"}});
  const std::string seal = abi::seal(sealer, "{}").value();
  const auto statusOf = [](const abi::Sealer& with, const std::string& text) {
    ironjar_status status = IRONJAR_OK;
    CHECK_FALSE(abi::unseal(with, text, aTime, &status));
    return status;
  };
  CHECK(statusOf(sealer, "") == IRONJAR_MALFORMED);
  CHECK(statusOf(sealer, "ij1.short") == IRONJAR_MALFORMED);
  CHECK(statusOf(sealer, "Fe26.2*1*a*b*c*d*e*f") == IRONJAR_UNSUPPORTED);
  CHECK(statusOf(other, seal) == IRONJAR_UNKNOWN_KEY);
  CHECK(statusOf(elsewhere, seal) == IRONJAR_TAMPERED);
  CHECK(statusOf(sealer, std::string(70'000, 'a')) == IRONJAR_TOO_LARGE);
}

TEST_CASE("what cannot be sealed says why") {
  const abi::Sealer sealer = abi::sealer({{"passwords", abi::password}});
  const auto statusOf = [&](const std::string& json) {
    ironjar_status status = IRONJAR_OK;
    CHECK_FALSE(abi::seal(sealer, json, aTime, &status));
    return status;
  };
  CHECK(statusOf("") == IRONJAR_MALFORMED);
  CHECK(statusOf("{") == IRONJAR_MALFORMED);
  CHECK(statusOf("1 2") == IRONJAR_MALFORMED);
  CHECK(statusOf("\"\xff\"") == IRONJAR_MALFORMED);
  CHECK(statusOf(R"({"a":1,"a":2})") == IRONJAR_MALFORMED);
  CHECK(statusOf(std::string(65, '[') + std::string(65, ']')) == IRONJAR_TOO_LARGE);
  CHECK(statusOf('"' + std::string(66'000, 'x') + '"') == IRONJAR_TOO_LARGE);
}

TEST_CASE("a buffer too small is left alone, and the size needed is told") {
  const abi::Sealer sealer = abi::sealer({{"passwords", abi::password}});
  const std::string seal = abi::seal(sealer, R"({"user":"ada"})").value();
  std::string buffer(64, '#');
  std::size_t size = 13;
  abi::Failure failure;
  CHECK(ironjar_unseal_data(sealer.get(), seal.data(), seal.size(), aTime, buffer.data(), &size, failure) ==
        IRONJAR_BUFFER_TOO_SMALL);
  CHECK(size == 14);
  CHECK(failure.detail() == "14 bytes are needed");
  CHECK(buffer == std::string(64, '#'));
  CHECK(ironjar_unseal_data(sealer.get(), seal.data(), seal.size(), aTime, buffer.data(), &size, failure) ==
        IRONJAR_OK);
  CHECK(buffer == R"({"user":"ada"})" + std::string(50, '#'));
  CHECK(failure.error.status == IRONJAR_OK);
}

TEST_CASE("a failure leaves no size behind") {
  const abi::Sealer sealer = abi::sealer({{"passwords", abi::password}});
  std::string buffer(64, '#');
  std::size_t size = buffer.size();
  CHECK(ironjar_unseal_data(sealer.get(), "x", 1, aTime, buffer.data(), &size, nullptr) == IRONJAR_MALFORMED);
  CHECK(size == 0);
}

TEST_CASE("every seal fits into IRONJAR_MAX_SEAL_SIZE, and every JSON text into the size of its seal") {
  std::string buffer(IRONJAR_MAX_SEAL_SIZE, '\0');
  std::size_t sealed = 0;
  for (const char* format : {"native", "fe26"}) {
    const abi::Sealer sealer = abi::sealer({{"passwords", abi::password}, {"formats", {format}}});
    for (std::size_t length = 1; length < 60'000; length = length * 3 / 2 + 1) {
      const std::string json = '"' + std::string(length, 'x') + '"';
      std::size_t size = buffer.size();
      const ironjar_status status =
          ironjar_seal_data(sealer.get(), json.data(), json.size(), aTime, buffer.data(), &size, nullptr);
      if (status == IRONJAR_TOO_LARGE) continue;
      REQUIRE(status == IRONJAR_OK);
      std::string opened(size, '\0');
      std::size_t openedSize = size;
      REQUIRE(ironjar_unseal_data(sealer.get(), buffer.data(), size, aTime, opened.data(), &openedSize, nullptr) ==
              IRONJAR_OK);
      CHECK(opened.substr(0, openedSize) == json);
      ++sealed;
    }
  }
  CHECK(sealed > 40);
}

TEST_CASE("options that are unknown, misspelt or impossible are refused by name, and never by value") {
  const auto refusal = [](const std::string& options) {
    ironjar_sealer* made = nullptr;
    abi::Failure failure;
    CHECK(ironjar_sealer_new(options.data(), options.size(), &made, failure) == IRONJAR_INVALID_ARGUMENT);
    CHECK(made == nullptr);
    return failure.detail();
  };
  const std::string good = std::string(R"("passwords":")") + abi::password + '"';
  CHECK(refusal("{" + good + R"(,"tll":1})") == "ironjar: options: `tll` is not known here");
  CHECK(refusal("{" + good + R"(,"ttl":"1"})") == "ironjar: options: `ttl` is not a whole number");
  CHECK(refusal("{" + good + R"(,"ttl":1.5})") == "ironjar: options: `ttl` is not a whole number");
  CHECK(refusal("{" + good + R"(,"ttl":18446744073709551615})") == "ironjar: options: `ttl` is out of range");
  CHECK(refusal("{" + good + R"(,"ttl":1,"ttl":2})") == "ironjar: options: the JSON text holds a duplicate key");
  CHECK(refusal("{" + good + R"(,"formats":["Native"]})") == "ironjar: options: `formats` is none of its words");
  CHECK(refusal("{" + good + R"(,"formats":[]})").find("list at least one") != std::string::npos);
  CHECK(refusal("{" + good + R"(,"fe26Iterations":[-1]})") ==
        "ironjar: options: `fe26Iterations` holds what is no count");
  CHECK(refusal(R"({"ttl":1})") == "ironjar: options: `passwords` is missing");
  CHECK(refusal("[]") == "ironjar: options is not a JSON object");
  CHECK(refusal("") == "ironjar: options: the JSON text holds something that is not JSON");
  CHECK(refusal(R"({"passwords":"short"})").find("too short") != std::string::npos);
  CHECK(refusal(R"({"passwords":{"01":"x"}})").find("an id is not a whole number") != std::string::npos);
  const std::string slipped = abi::otherPassword;
  const std::string said = refusal("{" + good + ",\"" + slipped + "\":1}");
  CHECK(said.find(slipped) == std::string::npos);
  CHECK(said == "ironjar: options: a member with an odd name is not known here");
}

TEST_CASE("the version is the library's, and every status has a word") {
  CHECK(std::string(ironjar_version()) == std::to_string(IRONJAR_VERSION_MAJOR) + "." +
                                              std::to_string(IRONJAR_VERSION_MINOR) + "." +
                                              std::to_string(IRONJAR_VERSION_PATCH));
  CHECK(ironjar_status_name(IRONJAR_OK) == std::string("ok"));
  CHECK(ironjar_status_name(IRONJAR_EXPIRED) == std::string("expired"));
  CHECK(ironjar_status_name(IRONJAR_OUT_OF_MEMORY) == std::string("outOfMemory"));
  for (ironjar_status status = 1; status <= 16; ++status) CHECK(ironjar_status_name(status) != std::string("unknown"));
  CHECK(ironjar_status_name(17) == std::string("unknown"));
  CHECK(ironjar_status_name(-1) == std::string("unknown"));
}

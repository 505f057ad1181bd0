// Native seals against native_format.mjs, a second implementation written from the format's text.
#include "seal/seal_format.hpp"
#include "support/recorded.hpp"

namespace seal_native_test {

using namespace ironjar;
using support::errorOf;
using support::recordedPasswords;
using support::vectors;
using testing::VirtualClock;

namespace {

SealOptions optionsOf(const Json& recorded) {
  return {.purpose = recorded["purpose"],
          .context = recorded["context"],
          .now = VirtualClock(support::at(recorded["now"].get<std::int64_t>() * 1000)).wall()};
}

std::string sealOf(const Json& recorded) {
  std::string seal = recorded["seal"];
  if (recorded.contains("repeat")) {
    const std::string text = recorded["repeat"]["text"];
    for (int i = recorded["repeat"]["times"]; i > 0; --i) seal += text;
  }
  return seal;
}

}  // namespace

TEST_CASE("a JSON text is sealed as it stands; what is no JSON, or too large, is not") {
  const Passwords passwords(support::password);
  const SealOptions options;
  const auto sealed = [&](std::string_view text) {
    return detail::sealText(text, passwords.keyring(), options, {.ttl = detail::ttlOf(options)});
  };
  const std::string text = R"({"b": 1, "a":[1.0, "\u00e9"]})";
  std::string source;
  const auto opened = detail::unseal(sealed(text).value(), passwords.keyring(), options, &source);
  CHECK(opened.value().data == Json::parse(text));
  CHECK(source == text);
  CHECK(errorOf(sealed("{")) == Errc::malformed);
  CHECK(errorOf(sealed("")) == Errc::malformed);
  CHECK(errorOf(sealed(R"({"a":1,"a":2})")) == Errc::malformed);
  CHECK(errorOf(sealed(std::string(100'000, ' ') + "1")) == Errc::tooLarge);
}

TEST_CASE("what the second implementation seals opens, times and identity included (S01 kat-native)") {
  const Json document = vectors("native.json");
  CHECK(document["valid"].size() >= 40);
  for (const Json& recorded : document["valid"]) {
    CAPTURE(recorded["name"].get<std::string>());
    const Passwords passwords = recordedPasswords(recorded["passwords"]);
    const auto unsealed = detail::unseal(sealOf(recorded), passwords.keyring(), optionsOf(recorded));
    REQUIRE(unsealed);
    CHECK(unsealed->data == recorded["data"]);
    CHECK(unsealed->provenance.expires == recorded["exp"].get<std::int64_t>() * 1000);
    CHECK(unsealed->provenance.lineage->start == recorded["start"].get<std::int64_t>());
    const auto& id = unsealed->provenance.lineage->id;
    CHECK(support::hex(std::string(id.begin(), id.end())) == recorded["id_hex"]);
  }
}

TEST_CASE("what the second implementation refuses is refused here, for the same reason (S01 kat-native)") {
  const Json document = vectors("native.json");
  CHECK(document["invalid"].size() >= 60);
  for (const Json& recorded : document["invalid"]) {
    CAPTURE(recorded["name"].get<std::string>());
    const auto data = unsealData(sealOf(recorded), recordedPasswords(recorded["passwords"]), optionsOf(recorded));
    REQUIRE_FALSE(data);
    CHECK(nameOf(data.error().code) == recorded["error"].get<std::string>());
  }
}

}  // namespace seal_native_test

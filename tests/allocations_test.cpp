// How often the heap is asked, and what is left in what is given back to it.
#include "support/allocations.hpp"

#include "json/json.hpp"
#include "seal/seal_format.hpp"
#include "support/support.hpp"

#include <atomic>
#include <cstdlib>
#include <optional>
#include <thread>

#include <openssl/crypto.h>

namespace allocations_test {

namespace {

using namespace ironjar;

template <class Work>
std::size_t allocationsOf(Work work) {
  work();  // what is made once per process and thread
  const std::size_t before = support::allocations();
  work();
  return support::allocations() - before;
}

std::atomic<std::size_t> ofLibcrypto = 0;

void* allocate(std::size_t size, const char*, int) {
  ++ofLibcrypto;
  return std::malloc(size);
}
void* reallocate(void* memory, std::size_t size, const char*, int) {
  ++ofLibcrypto;
  return std::realloc(memory, size);
}
void release(void* memory, const char*, int) { std::free(memory); }

// libcrypto lets its malloc be replaced only before it has used it.
const bool countsLibcrypto = CRYPTO_set_mem_functions(allocate, reallocate, release) == 1;

template <class Work>
std::size_t allocationsOfLibcryptoFor(Work work) {
  work();
  const std::size_t before = ofLibcrypto;
  work();
  return ofLibcrypto - before;
}

// In how many blocks `secret` is left when a thread has read `text` and ended: those of the parser, since the value
// lives on. What a text that is refused has already been made into is not meant: it is ordinary memory.
std::size_t leftBy(const std::string& text, std::string_view secret) {
  std::optional<Result<Json>> value;
  std::thread([&] {
    const bool accepted = detail::parseJson(text).has_value();
    if (accepted) support::lookFor(secret);
    value.emplace(detail::parseJson(text));
    if (!accepted) support::lookFor(secret);
  }).join();
  support::lookFor({});
  return support::foundGivenBack();
}

}  // namespace

TEST_CASE("counting works") {
  CHECK(allocationsOf([] { CHECK(std::string(100, 'x').size() == 100); }) == 1);
}

TEST_CASE("looking works") {
  support::lookFor("this is longer than a string holds by itself");
  { const std::string secret(". this is longer than a string holds by itself"); }
  support::lookFor({});
  CHECK(support::foundGivenBack() == 1);
}

TEST_CASE("sealing takes two allocations at most, and opening up to the JSON text too") {
  const Passwords passwords(support::password);
  for (const SealFormat format : {SealFormat::native, SealFormat::fe26}) {
    const SealOptions options{.formats = {format}, .context = "__Host-session"};
    for (const std::size_t size : {100U, 1'000U, 3'000U, 20'000U}) {
      CAPTURE(size);
      const Json data = {{"text", std::string(size, 'x')}, {"numbers", {1, -2, 3.5}}};
      const std::string text = data.dump();
      const std::string sealed = sealData(data, passwords, options).value();
      bool good = true;
      CHECK(allocationsOf([&] {
              const auto seal = detail::seal(detail::Plain::ofText(text), passwords.keyring(), options,
                                             {.ttl = detail::ttlOf(options)});
              good = good && seal;
            }) <= 2);
      CHECK(allocationsOf([&] {
              const auto seal = sealData(data, passwords, options);
              good = good && seal;
            }) <= 2);
      CHECK(allocationsOf([&] {
              detail::Scratch memory;
              const auto opened = detail::open(sealed, passwords.keyring(), options, memory);
              good = good && opened && opened->json == text;
            }) <= 1);
      CHECK(good);
    }
  }
}

TEST_CASE("that is with what libcrypto takes: nothing for native seals, and one context for Fe26.2") {
  REQUIRE(countsLibcrypto);
  const Passwords passwords(support::password);
  const Json data = {{"text", std::string(1'000, 'x')}};
  bool good = true;
  for (const SealFormat format : {SealFormat::native, SealFormat::fe26}) {
    const SealOptions options{.formats = {format}};
    const std::string sealed = sealData(data, passwords, options).value();
    const std::size_t contexts = format == SealFormat::native ? 0 : 1;
    const auto seal = [&] { good = good && sealData(data, passwords, options); };
    CHECK(allocationsOfLibcryptoFor(seal) == contexts);
    CHECK(allocationsOf(seal) + contexts <= 2);
    const auto open = [&] {
      detail::Scratch memory;
      good = good && detail::open(sealed, passwords.keyring(), options, memory);
    };
    CHECK(allocationsOfLibcryptoFor(open) == contexts);
    CHECK(allocationsOf(open) + contexts <= 2);
  }
  CHECK(good);
}

TEST_CASE("nothing of a text is left in the parser that a thread keeps, nor in one that it does not") {
  const std::string secret = "canary-0123";
  const std::string filler(5'000, 'x');
  const std::string large(70'000, 'x');
  const std::string member = R"("a":"canary-0123")";
  for (const std::string& text :
       {"{" + member + "}", R"(["canary-0123"])" + std::string(), R"("canary-0123")" + std::string(),
        R"({"canary-0123":1})" + std::string(), "{" + member + R"(,"b":"\ud800"})",
        "{\"b\":\"" + filler + "\"," + member + "}", "{" + member + ",\"b\":\"" + filler + "\"}",
        "{\"b\":\"" + large + "\"," + member + "}", "{" + member + ",\"b\":\"" + large + "\"}"}) {
    CAPTURE(text.substr(0, 100));
    CHECK(detail::parseJson(text));
    CHECK(leftBy(text, secret) == 0);
  }
  for (const std::string& end :
       {std::string(",\"a\":1}"), std::string(), std::string("}}"), std::string("}\xff"), std::string(",\"b\":1e999}"),
        ",\"b\":" + std::string(70, '[') + std::string(70, ']') + "}"}) {
    CAPTURE(end);
    CHECK_FALSE(detail::parseJson("{" + member + end));
    CHECK(leftBy("{" + member + end, secret) == 0);
  }
}

TEST_CASE("a Cookie header is parsed without an allocation per pair") {
  for (const std::size_t pairs : {1U, 100U, 4'000U}) {
    std::string header;
    for (std::size_t i = 0; i < pairs; ++i) header += "a=b;";
    std::size_t found = 0;
    CHECK(allocationsOf([&] { found = parseCookies(header).size(); }) == 1);
    CHECK(found == pairs);
  }
}

}  // namespace allocations_test

// How often the heap is asked. libcrypto's contexts are not counted: they come from its own malloc.
#include "support/allocations.hpp"

#include "seal_format.hpp"
#include "support/support.hpp"

namespace {

using namespace ironjar;

template <class Work>
std::size_t allocationsOf(Work work) {
  work();  // what is made once per process and thread
  const std::size_t before = support::allocations();
  work();
  return support::allocations() - before;
}

}  // namespace

TEST_CASE("counting works") {
  CHECK(allocationsOf([] { CHECK(std::string(100, 'x').size() == 100); }) == 1);
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
              const auto seal =
                  detail::seal(detail::Plain::ofText(text), passwords.keyring(), options, {.ttl = options.ttl});
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

TEST_CASE("a Cookie header is parsed without an allocation per pair") {
  for (const std::size_t pairs : {1U, 100U, 4'000U}) {
    std::string header;
    for (std::size_t i = 0; i < pairs; ++i) header += "a=b;";
    std::size_t found = 0;
    CHECK(allocationsOf([&] { found = parseCookies(header).size(); }) == 1);
    CHECK(found == pairs);
  }
}

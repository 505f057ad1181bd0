// Under valgrind with the keys marked undefined (the ctgrind method): memcheck then reports every branch and every
// address that depends on a key. What is public by its nature is declassified in public.supp, each with its reason.
//
//   ct          seal, unseal and the comparison of secrets, in both formats: no report
//   ct --leak   the control: a comparison that stops at the first difference, which memcheck must report
#include "crypto/keyring.hpp"
#include "seal/seal_format.hpp"

#include <cstdlib>
#include <cstring>
#include <iostream>
#include <new>
#include <valgrind/memcheck.h>

using namespace ironjar;

namespace {

constexpr const char* password = "Zk3-first-password-that-is-long-enough-0001";

template <class Span>
void makeSecret(Span bytes) {
  static_cast<void>(VALGRIND_MAKE_MEM_UNDEFINED(bytes.data(), bytes.size()));
}
template <class T>
void declassify(T& what) {
  static_cast<void>(VALGRIND_MAKE_MEM_DEFINED(&what, sizeof what));
}
void declassify(std::string& text) { static_cast<void>(VALGRIND_MAKE_MEM_DEFINED(text.data(), text.size())); }

// A ring of one key whose secret halves are undefined. Its id is public: it stands in every cookie.
detail::Keyring secretRing() {
  std::list<detail::Key> keys;
  detail::Key& key = keys.emplace_back(1, password);
  makeSecret(key.native.fill());
  std::string text = password;
  makeSecret(std::span(text));
  key.fe26.~Pbkdf2Password();
  new (&key.fe26) detail::Pbkdf2Password(detail::bytes(text));
  return detail::Keyring(std::move(keys));
}

void require(bool holds, const char* what) {
  if (holds) return;
  std::cerr << what << '\n';
  std::exit(2);
}

void sealAndUnseal(SealFormat format) {
  const detail::Keyring ring = secretRing();
  const SealOptions options{.formats = {format}};
  const Json data = {{"user", "ada"}, {"accessToken", std::string(300, 'x')}};
  Result<std::string> sealed = detail::seal(data, ring, options, {.ttl = detail::ttlOf(options)});
  require(sealed.has_value(), "does not seal");
  declassify(*sealed);  // it is sent to the browser
  require(detail::unseal(*sealed, ring, options).has_value(), "does not open");

  std::string forged = *sealed;
  const std::size_t last = forged.find_last_of("~") == std::string::npos ? forged.size() - 1 : forged.size() - 3;
  forged[last - 8] = forged[last - 8] == 'A' ? 'B' : 'A';
  require(!detail::unseal(forged, ring, options), "opens although it is forged");

  std::string unknown = *sealed;
  const std::size_t id = format == SealFormat::native ? 5 : 7;
  unknown[id] = unknown[id] == '2' ? '3' : '2';
  require(!detail::unseal(unknown, ring, options), "opens under an unknown key");
}

void comparePasswords() {
  std::string ours = password;
  std::string same = password;
  std::string other(ours.size(), 'x');
  for (std::string* text : {&ours, &same, &other}) makeSecret(std::span(*text));
  bool isSame = detail::equal(detail::bytes(ours), detail::bytes(same));
  bool isOther = detail::equal(detail::bytes(ours), detail::bytes(other));
  declassify(isSame);  // the outcome is what is told
  declassify(isOther);
  require(isSame && !isOther, "compares wrongly");
}

void leak() {
  std::string secret = password;
  const std::string guess = "Zk3-first-guess";
  makeSecret(std::span(secret));
  std::size_t matching = 0;
  while (matching < guess.size() && secret[matching] == guess[matching]) ++matching;
  declassify(matching);
  std::cout << "stopped after " << matching << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  require(RUNNING_ON_VALGRIND != 0, "run it under valgrind");
  if (argc == 2 && std::strcmp(argv[1], "--leak") == 0) return leak(), 0;
  sealAndUnseal(SealFormat::native);
  sealAndUnseal(SealFormat::fe26);
  comparePasswords();
  std::cout << "done\n";
  return 0;
}

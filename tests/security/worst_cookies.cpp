#include "measure.hpp"
#include "support/forge.hpp"

#include <ironjar/ironjar.hpp>

using namespace ironjar;

namespace worst {
namespace {

constexpr const char* password = "Zk3-first-password-that-is-long-enough-0001";

std::string nativeSeal(std::size_t data) {
  return sealData({{"d", std::string(data, 'x')}}, password, {.context = "s"}).value();
}
std::string fe26Seal(std::size_t data) {
  return sealData({{"d", std::string(data, 'x')}}, password, {.formats = {SealFormat::fe26}}).value();
}
// What a visitor has who signed in once: the key's id is right, and the tag is not.
std::string forged(std::string seal, std::size_t number) {
  const std::string digits = std::to_string(1000 + number);
  const std::size_t at = seal.find('*') == std::string::npos ? seal.size() / 2 : seal.rfind('*') + 3;
  return seal.replace(at, digits.size(), digits);
}

struct Bad {
  std::string what;
  std::function<std::string(std::size_t)> make;
};

std::vector<Bad> headers() {
  return {{"semicolons", repeated(";")},
          {"equals signs", repeated("=")},
          {"blanks", repeated(" ")},
          {"blanks before a value", repeated(" ", "a=")},
          {"tabs and semicolons", repeated("\t ;")},
          {"pairs", repeated("a=b; ")},
          {"empty pairs", repeated("=;")},
          {"one name", repeated("a")},
          {"one value", repeated("a", "a=")},
          {"percent signs", repeated("%3B%3D", "a=")},
          {"quotes", repeated("\"; ", "a=")},
          {"NULs and high bytes", repeated(std::string("\0\xff", 2), "a=")},
          {"our name, empty", repeated("s=; ")},
          {"our name, no seals", repeated("s=x; ")}};
}

// A visitor's own seal in four parts, and decoys that would fit between them.
std::string decoysInOwnChunks(const std::string& seal, std::size_t size) {
  const std::size_t part = (seal.size() + 3) / 4;
  std::string header;
  for (std::size_t i = 0; i < 4; ++i) {
    header += "s." + std::to_string(i) + "=" + seal.substr(i * part, part) + "; ";
  }
  const std::string middle(part, 'A');
  while (header.size() < size / 2) header += "s.1=" + middle + "; s.2=" + middle + "; ";
  while (header.size() < size) header += "s.3=A; ";
  return header;
}

// With our name, so that something is tried.
std::vector<Bad> decoys() {
  const std::string native = nativeSeal(10);
  const std::string fe26 = fe26Seal(10);
  std::vector<Bad> bad = headers();
  bad.insert(bad.end(),
             {{"short native decoys", repeated("s=ij1.x; ")},
              {"short Fe26.2 decoys", repeated("s=Fe26.2*1*x~2; ")},
              {"one native decoy", repeated("A", "s=ij1.")},
              {"one Fe26.2 decoy of stars", repeated("*", "s=Fe26.2")},
              {"forged native seals", numbered([=](std::size_t i) { return "s=" + forged(native, i) + "; "; })},
              {"forged Fe26.2 seals", numbered([=](std::size_t i) { return "s=" + forged(fe26, i) + "; "; })},
              {"Fe26.2 seals under unknown ids",
               numbered([=](std::size_t i) { return "s=Fe26.2*" + std::to_string(i + 2) + fe26.substr(8) + "; "; })},
              {"copies of a seal", repeated("s=" + native + "; ")},
              {"chunks without a first", repeated("s.1=AAAA; s.2=AAAA; s.3=AAAA; ")},
              {"copies of four chunks", repeated("s.0=ij1.AAAA; s.1=AAAA; s.2=AAAA; s.3=AAAA; ")},
              {"chunks of Fe26.2, forged", numbered([=](std::size_t i) {
                 const std::string seal = forged(fe26, i);
                 return "s.0=" + seal.substr(0, 100) + "; s.1=" + seal.substr(100, 50) + "; s.2=" + seal.substr(150) +
                        "; ";
               })},
              {"own chunks of a seal among decoys", [=](std::size_t size) { return decoysInOwnChunks(native, size); }},
              {"first chunks", repeated("s.0=ij1.A; ")},
              {"last chunks of one set", repeated("s.3=A; ", "s.0=ij1.A; s.1=A; s.2=A; ")}});
  return bad;
}

SessionJar jarOf(std::vector<SealFormat> formats, bool chunk, std::vector<unsigned> iterations = {1}) {
  return SessionJar({.cookieName = "s",
                     .passwords = Passwords({{1, password}}),
                     .seal = {.formats = std::move(formats), .fe26Iterations = std::move(iterations)},
                     .chunk = chunk});
}

void addJar(std::vector<Family>& families, const std::string& name, const SessionJar& jar,
            const std::vector<std::size_t>& sizes, double atLeast = 5) {
  for (const Bad& bad : decoys()) {
    families.push_back({"SessionJar" + name, bad.what, bad.make,
                        [jar](const std::string& input) -> Call {
                          return [jar, &input] {
                            Session session = jar.open(input);
                            static_cast<void>(jar.commit(session).has_value());
                          };
                        },
                        sizes, ofText, atLeast});
  }
}

}  // namespace

void addCookies(std::vector<Family>& families) {
  for (const Bad& bad : headers()) {
    families.push_back(
        {"parseCookies", bad.what, bad.make,
         [](const std::string& input) -> Call { return [&input] { static_cast<void>(parseCookies(input).size()); }; },
         bodySizes});
  }
  using enum SealFormat;
  addJar(families, ", native", jarOf({native}, false), headerSizes);
  addJar(families, ", both, chunks", jarOf({native, fe26}, true), headerSizes);
  // PBKDF2 is slow there on purpose, and a few of its keys may be tried. What no server takes as a header line is not.
  addJar(families, ", {1, 8192}", jarOf({fe26, native}, true, {1, 8192}), {4 * KiB, 8 * KiB}, 15);
}

void addSeals(std::vector<Family>& families) {
  const Passwords passwords({{1, password}});
  const std::vector<std::size_t> sizes = {32 * KiB, 64 * KiB - 64, MiB};
  const std::vector<std::size_t> whole = {8 * KiB, 16 * KiB, 32 * KiB};  // of what is sealed: the seal is larger
  const auto add = [&](const std::string& what, std::function<std::string(std::size_t)> make,
                       const std::vector<std::size_t>& of) {
    families.push_back(
        {"unsealData", what, std::move(make),
         [passwords](const std::string& input) -> Call {
           return [passwords, &input] {
             static_cast<void>(
                 unsealData(input, passwords, {.formats = {SealFormat::native, SealFormat::fe26}}).has_value());
           };
         },
         of});
  };
  add("native, forged", [](std::size_t bytes) { return forged(nativeSeal(bytes * 3 / 4 - 80), 1); },
      {32 * KiB, 64 * KiB - 64});
  add(
      "Fe26.2, forged", [](std::size_t bytes) { return forged(fe26Seal(bytes * 3 / 4 - 400), 1); },
      std::vector<std::size_t>{24 * KiB, 48 * KiB});
  add("native, no base64 at the end", repeated("A", "ij1.", "!"), sizes);
  add("Fe26.2, stars", repeated("*", "Fe26.2"), sizes);
  add("Fe26.2, an end of digits",
      repeated("9", "Fe26.2*1*" + std::string(64, 'a') + "*AAAAAAAAAAAAAAAAAAAAAA*AAAAAAAAAAAAAAAAAAAAAA*",
               "*" + std::string(64, 'a') + "*" + std::string(43, 'A') + "~2"),
      sizes);
  add("Fe26.2, an id of digits", repeated("9", "Fe26.2*", "**********"), sizes);
  for (const auto& [what, json] : std::vector<Bad>{
           {"deep", nested("[", "1", "]")},
           {"deep objects", nested("{\"a\":", "1", "}")},
           {"wide", repeated("0,", "[", "0]")},
           {"a key twice at the end",
            numbered([](std::size_t i) { return "\"" + std::to_string(i) + "\":0,"; }, "{", "\"0\":0}")}}) {
    add(
        "authentic, " + what,
        [passwords, json = json](std::size_t bytes) {
          return support::forgeNative(passwords, support::nativeHead(1'700'000'000), json(bytes));
        },
        whole);
  }
}

}  // namespace worst

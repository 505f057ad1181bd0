// Valid seals and a script of edits: the result opens exactly when it is one of the seals again, letter for letter.
#include "fuzz.hpp"

#include <array>

using namespace ironjar;

namespace {

std::string edited(std::string text, const std::array<std::string, 4>& seals, fuzz::Input& script) {
  while (!script.empty() && text.size() < 16 * 1024) {
    const unsigned edit = script.byte() % 8;
    const std::size_t at = text.empty() ? 0 : script.number(2) % text.size();
    if (text.empty() && edit != 6) continue;
    switch (edit) {
      case 0:
        text[at] = static_cast<char>(script.byte());
        break;
      case 1:
        text[at] = static_cast<char>(text[at] ^ (1 << (script.byte() & 7U)));
        break;
      case 2:
        text.insert(at, 1, static_cast<char>(script.byte()));
        break;
      case 3:
        text.erase(at, 1U + script.byte() % 16U);
        break;
      case 4:
        text.resize(at);
        break;
      case 5:
        text.append(script.bytes(1U + script.byte() % 8U));
        break;
      case 6: {  // the rest of another seal
        const std::string& other = seals[script.byte() % seals.size()];
        text = text.substr(0, at) + other.substr(std::min(at, other.size()));
        break;
      }
      default:
        std::swap(text[at], text[script.number(2) % text.size()]);
        break;
    }
  }
  return text;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Passwords passwords({{2, fuzz::password}, {1, fuzz::otherPassword}});
  static const SealOptions native{.formats = {SealFormat::native, SealFormat::fe26}, .now = fuzz::noon};
  static const SealOptions iron{.formats = {SealFormat::fe26, SealFormat::native}, .now = fuzz::noon};
  static const Json value = {{"user", "ada"}, {"visits", 3}};
  // Nonces differ from run to run, lengths and shapes do not: a script does the same thing every time.
  static const std::array<std::string, 4> seals = {
      *sealData(value, passwords, native), *sealData(value, passwords, iron),
      *sealData({{"user", "eve"}}, passwords, native), *sealData({{"user", "eve"}}, passwords, iron)};
  fuzz::Input script(data, size);
  const std::string& seal = seals[script.byte() % seals.size()];
  const std::string text = edited(seal, seals, script);
  const Result<Json> opened = unsealData(text, passwords, native);
  // iron's `~2` may be there or not: it is outside the MAC.
  const bool isASeal = std::any_of(seals.begin(), seals.end(), [&](const std::string& s) {
    return text == s || (s.ends_with("~2") && text == s.substr(0, s.size() - 2));
  });
  fuzz::require(opened.has_value() == isASeal, "opens exactly when it is a seal");
  return 0;
}

// Configuration from outside: a password file and a jar's options. Refused with a message that holds no password, or
// valid: and then no password is weak, and the jar writes cookies that keep their promises.
#include "fuzz.hpp"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace ironjar;

namespace {

std::vector<std::pair<std::uint32_t, std::string>> linesOf(const std::string& text) {
  std::vector<std::pair<std::uint32_t, std::string>> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty() || line.front() == '#') continue;
    const std::size_t colon = line.find(':');
    fuzz::require(colon != std::string::npos, "an accepted line is `id:password`");
    lines.emplace_back(static_cast<std::uint32_t>(std::stoul(line.substr(0, colon))), line.substr(colon + 1));
  }
  return lines;
}

// Stands behind whatever a file holds, so that a refusal may be about it: too short.
constexpr const char* canary = "Vb3-a-canary-of-29-characters";

std::optional<Passwords> passwordsFrom(const std::string& text) {
  const int file = ::memfd_create("passwords", MFD_CLOEXEC);
  const bool written = file >= 0 && ::fchmod(file, 0600) == 0 &&
                       ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  fuzz::require(written, "a file in memory");
  std::optional<Passwords> passwords;
  try {
    passwords = Passwords::fromFile("/proc/self/fd/" + std::to_string(file));
  } catch (const std::invalid_argument& refusal) {
    const std::string_view why = refusal.what();
    fuzz::require(why.find(canary) == std::string_view::npos, "no password is told");
  }
  ::close(file);
  return passwords;
}

void requireStrong(const std::string& text) {
  const auto lines = linesOf(text);
  fuzz::require(!lines.empty() && lines.size() <= 32, "1 to 32 passwords");
  for (const auto& [id, password] : lines) {
    fuzz::require(password.size() >= 32, "none is short");
    fuzz::require(password.find_first_not_of(password.front()) != std::string::npos, "none is one character repeated");
    fuzz::require(password != "complex_password_at_least_32_characters_long", "none is a published sample");
    for (const auto& [otherId, other] : lines) {
      fuzz::require((id == otherId) == (&other == &password || other == password), "ids and passwords are distinct");
    }
  }
}

void tryJar(fuzz::Input& input, const Passwords& passwords) {
  const unsigned flags = input.byte();
  SessionOptions options{.cookieName = std::string(input.text()), .passwords = passwords};
  options.cookie.secure = (flags & 1U) != 0;
  options.cookie.httpOnly = (flags & 2U) != 0;
  options.cookie.partitioned = (flags & 4U) != 0;
  options.cookie.sameSite = static_cast<SameSite>(flags >> 3U & 3U);
  options.chunk = (flags & 32U) != 0;
  options.rolling = (flags & 64U) != 0;
  options.untilBrowserCloses = (flags & 128U) != 0;
  options.cookie.domain = input.text();
  if (input.flag()) options.cookie.path = input.text();
  if (input.flag()) options.seal.formats = {SealFormat::fe26};
  if (input.flag()) options.seal.ttl = Seconds{static_cast<std::int64_t>(input.number(8))};
  if (input.flag()) options.absoluteTtl = Seconds{static_cast<std::int64_t>(input.number(8))};
  if (input.flag()) options.seal.clockSkew = Seconds{static_cast<std::int64_t>(input.number(8))};
  if (input.flag()) options.maxCookieHeader = input.number(2);
  options.seal.now = fuzz::noon;
  try {
    const SessionJar jar(options);
    Session session = jar.open("");
    session.set("user", "ada");
    const auto due = jar.commit(session);
    if (!due) return fuzz::requireError(due, {Errc::tooLarge, Errc::malformed, Errc::expired});
    for (const std::string& cookie : *due) {
      const auto has = [&](const char* attribute) { return cookie.find(attribute) != std::string::npos; };
      fuzz::require(cookie.size() <= maxCookieSize, "no larger than browsers keep");
      fuzz::require(!has("; SameSite=None") || has("; Secure"), "SameSite=None demands Secure");
      fuzz::require(!has("; Partitioned") || has("; Secure"), "Partitioned demands Secure");
      fuzz::require(!cookie.starts_with("__Host-") || (has("; Secure") && has("; Path=/") && !has("; Domain=")),
                    "__Host- keeps its promise");
      fuzz::require(!cookie.starts_with("__Secure-") || has("; Secure"), "so does __Secure-");
    }
  } catch (const std::invalid_argument&) {
    return;  // refused at start-up
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Passwords good(fuzz::password);
  fuzz::Input input(data, size);
  if (input.flag()) {
    const std::string text(input.rest());
    if (passwordsFrom(text)) requireStrong(text);
    fuzz::require(!passwordsFrom(text + "\n4000000000:" + canary), "a short password is refused");
  } else {
    tryJar(input, good);
  }
  return 0;
}

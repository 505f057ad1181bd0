#include "secrets.hpp"

#include "detail/secret.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

namespace ironjar::cli {
namespace {

constexpr std::size_t mostInput = 1024 * 1024;

struct Close {
  void operator()(std::FILE* file) const {
    if (file != stdin) static_cast<void>(std::fclose(file));  // only read from
  }
};

// C's files, which tell an error from an end also of stdin.
std::string readAll(const std::string& file) {
  const std::string name = file == "-" ? "stdin" : "`" + file + "`";
  const std::unique_ptr<std::FILE, Close> in(file == "-" ? stdin : std::fopen(file.c_str(), "rbe"));
  std::string text(mostInput + 1, '\0');
  text.resize(in ? std::fread(text.data(), 1, text.size(), in.get()) : 0);
  if (!in || std::ferror(in.get()) != 0) throw std::invalid_argument(name + " cannot be read");
  if (text.size() > mostInput) throw std::invalid_argument(name + " is larger than a megabyte");
  return text;
}

// As Passwords::fromFile reads a file.
Passwords fromLines(std::string_view text) {
  std::vector<std::pair<std::uint32_t, std::string_view>> byId;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.front() == '#') continue;
    std::uint32_t id = 0;
    const char* const last = line.data() + line.size();
    const auto [stop, problem] = std::from_chars(line.data(), last, id);
    if (problem != std::errc() || stop == last || *stop != ':') {
      throw std::invalid_argument("a line of the passwords on stdin is not `id:password`");
    }
    byId.emplace_back(id, line.substr(static_cast<std::size_t>(stop - line.data()) + 1));
  }
  return Passwords(byId);
}

std::string withoutEnd(std::string text) {
  text.erase(text.find_last_not_of(" \t\r\n") + 1);
  return text;
}

}  // namespace

std::optional<Passwords> passwordsOf(const Sources& sources) {
  if (sources.passwords == "-") {
    if (sources.in == "-") throw std::invalid_argument("stdin cannot hold the passwords and the input: use --in FILE");
    std::string text = readAll("-");
    const detail::WipeAtExit wiped(text);
    return fromLines(text);
  }
  if (!sources.passwords.empty()) return Passwords::fromFile(sources.passwords);
  const char* const fromEnvironment =
      std::getenv(sources.passwordEnv.c_str());  // NOLINT(concurrency-mt-unsafe): no threads here
  if (fromEnvironment == nullptr) return std::nullopt;
  return Passwords(fromEnvironment);
}

Passwords requirePasswords(const Sources& sources) {
  std::optional<Passwords> passwords = passwordsOf(sources);
  if (!passwords) {
    // A name that was given may be the password itself, by mistake.
    const bool isOurs = sources.passwordEnv == Sources().passwordEnv;
    throw std::invalid_argument("no password: set " +
                                (isOurs ? sources.passwordEnv : "the variable that --password-env names") +
                                ", or use --passwords FILE");
  }
  return *std::move(passwords);
}

std::string inputOf(const Sources& sources) { return withoutEnd(readAll(sources.in)); }

}  // namespace ironjar::cli

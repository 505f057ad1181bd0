#include "secrets.hpp"

#include "crypto/keyring.hpp"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <sys/stat.h>

namespace ironjar::cli {
namespace {

constexpr std::size_t mostInput = 1024 * 1024;

struct Close {
  void operator()(std::FILE* file) const {
    if (file != stdin) static_cast<void>(std::fclose(file));  // only read from
  }
};

// What names no file may be a password by mistake, and is not repeated.
void requireFile(const std::string& option, const std::string& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) {
    throw std::invalid_argument("the file that " + option + " names is not there, or not to be read");
  }
}

// C's files, which tell an error from an end also of stdin.
std::string readAll(const std::string& file) {
  if (file != "-") requireFile("--in", file);
  const std::string name = file == "-" ? "stdin" : "`" + file + "`";
  const std::unique_ptr<std::FILE, Close> in(file == "-" ? stdin : std::fopen(file.c_str(), "rbe"));
  std::string text(mostInput + 1, '\0');
  text.resize(in ? std::fread(text.data(), 1, text.size(), in.get()) : 0);
  if (!in || std::ferror(in.get()) != 0) throw std::invalid_argument(name + " cannot be read");
  if (text.size() > mostInput) throw std::invalid_argument(name + " is larger than a megabyte");
  return text;
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
    return detail::passwordsInLines(text, "the passwords on stdin");
  }
  if (!sources.passwords.empty()) {
    requireFile("--passwords", sources.passwords);
    return Passwords::fromFile(sources.passwords);
  }
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

// A08: the library is loaded by hand, as an interpreter does; this program is not linked to it.
#include <dlfcn.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

#include <doctest/doctest.h>
#include <ironjar.h>

namespace {

const std::string options = R"({"passwords":"Zk3-first-password-that-is-long-enough-0001"})";

template <class Function>
Function* symbol(void* library, const char* name) {
  return reinterpret_cast<Function*>(dlsym(library, name));
}

bool sealsAndOpens(void* library) {
  ironjar_sealer* sealer = nullptr;
  char seal[512];
  char json[512];
  std::size_t sealSize = sizeof seal;
  std::size_t jsonSize = sizeof json;
  const bool done = symbol<decltype(ironjar_sealer_new)>(library, "ironjar_sealer_new")(
                        options.data(), options.size(), &sealer, nullptr) == IRONJAR_OK &&
                    symbol<decltype(ironjar_seal_data)>(library, "ironjar_seal_data")(
                        sealer, "[1]", 3, IRONJAR_NOW, seal, &sealSize, nullptr) == IRONJAR_OK &&
                    symbol<decltype(ironjar_unseal_data)>(library, "ironjar_unseal_data")(
                        sealer, seal, sealSize, IRONJAR_NOW, json, &jsonSize, nullptr) == IRONJAR_OK &&
                    std::string(json, jsonSize) == "[1]";
  symbol<decltype(ironjar_sealer_free)>(library, "ironjar_sealer_free")(sealer);
  return done;
}

// Everything a process has mapped, in pages.
long mappedPages() {
  long pages = 0;
  if (FILE* file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%ld", &pages) != 1) pages = 0;
    std::fclose(file);
  }
  return pages;
}

}  // namespace

TEST_CASE("A08: loaded, used and closed a hundred times, it works every time and grows no further") {
  long before = 0;
  for (int i = 0; i < 100; ++i) {
    void* library = dlopen(IRONJAR_C_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    REQUIRE(library != nullptr);
    REQUIRE(sealsAndOpens(library));
    dlclose(library);
    if (i == 20) before = mappedPages();
  }
  REQUIRE(before > 0);
  CHECK(mappedPages() - before < 256);  // a megabyte: a library that piled up would take many
}

TEST_CASE("A08: a forked child seals and opens, and leaves without a crash") {
  void* library = dlopen(IRONJAR_C_LIBRARY, RTLD_NOW | RTLD_LOCAL);
  REQUIRE(library != nullptr);
  REQUIRE(sealsAndOpens(library));
  for (int i = 0; i < 20; ++i) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) _exit(sealsAndOpens(library) ? 0 : 1);
    int status = -1;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(status == 0);
  }
  dlclose(library);
}

TEST_CASE("A08: parent and child never draw the same nonce") {
  void* library = dlopen(IRONJAR_C_LIBRARY, RTLD_NOW | RTLD_LOCAL);
  REQUIRE(library != nullptr);
  ironjar_sealer* sealer = nullptr;
  REQUIRE(symbol<decltype(ironjar_sealer_new)>(library, "ironjar_sealer_new")(options.data(), options.size(), &sealer,
                                                                              nullptr) == IRONJAR_OK);
  const auto seal = [&] {
    std::string text(512, '\0');
    std::size_t size = text.size();
    const bool done = symbol<decltype(ironjar_seal_data)>(library, "ironjar_seal_data")(
                          sealer, "[1]", 3, 1'700'000'000'000, text.data(), &size, nullptr) == IRONJAR_OK;
    return done ? text.substr(0, size) : std::string();
  };
  REQUIRE_FALSE(seal().empty());
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const std::string text = seal();
    _exit(write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : 1);
  }
  const std::string ours = seal();
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  char theirs[512];
  const ssize_t size = read(ends[0], theirs, sizeof theirs);
  REQUIRE(size > 0);
  CHECK(std::string(theirs, static_cast<std::size_t>(size)) != ours);
  close(ends[0]);
  close(ends[1]);
  symbol<decltype(ironjar_sealer_free)>(library, "ironjar_sealer_free")(sealer);
  dlclose(library);
}

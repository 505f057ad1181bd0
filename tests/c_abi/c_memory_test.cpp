// A05: memory runs out at each allocation in turn, the ones of the libraries underneath included. The call must end in
// an error code and keep nothing. Under a sanitizer, which has an allocator of its own, only C++'s allocations fail,
// and LeakSanitizer does the counting.
#include "abi.hpp"

#include <cstdlib>
#include <functional>
#include <map>
#include <new>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IRONJAR_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IRONJAR_SANITIZED 1
#endif
#endif

namespace {

// Of this thread, as a test's runner is one.
struct Memory {
  long live = 0;      // allocations not yet freed
  long made = 0;      // allocations since the count began
  long failsAt = -1;  // which of them fails; -1: none
};
thread_local Memory memory;

bool failsNow() { return memory.made++ == memory.failsAt; }

}  // namespace

#ifdef IRONJAR_SANITIZED

void* operator new(std::size_t size) {
  if (failsNow()) throw std::bad_alloc();
  if (void* block = std::malloc(size)) return block;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {  // simdjson's
  return failsNow() ? nullptr : std::malloc(size);
}
void operator delete(void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }

#else

extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* block, std::size_t size);
void __libc_free(void* block);

void* malloc(std::size_t size) {
  if (failsNow()) return nullptr;
  ++memory.live;
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  if (failsNow()) return nullptr;
  ++memory.live;
  return __libc_calloc(count, size);
}
void* realloc(void* block, std::size_t size) {
  if (failsNow()) return nullptr;
  if (block == nullptr) ++memory.live;
  return __libc_realloc(block, size);
}
void free(void* block) {
  if (block != nullptr) --memory.live;
  __libc_free(block);
}
}

#endif

namespace {

using Statuses = std::map<ironjar_status, int>;

// Runs `call` with the first, the second, … allocation failing until none fails any more. `call` gives back what it
// made. Counts how it ended.
Statuses starve(const std::function<ironjar_status()>& call) {
  for (int i = 0; i < 3; ++i) REQUIRE(call() == IRONJAR_OK);  // what libraries set up once is set up
  Statuses ends;
  for (long failing = 0; failing < 100'000; ++failing) {
    const long before = memory.live;
    memory.made = 0;
    memory.failsAt = failing;
    const ironjar_status status = call();
    const bool failed = memory.made > failing;
    memory.failsAt = -1;
    const long kept = memory.live - before;
    ++ends[status];
    CAPTURE(failing);
    CHECK(kept == 0);
    if (!failed) {
      CHECK(status == IRONJAR_OK);
      return ends;
    }
  }
  FAIL("never enough");
  return ends;
}

// Error codes only, and at least as many as there must be allocations. A library underneath may do without some.
void checkEnds(const Statuses& ends, int atLeast) {
  int errors = 0;
  for (const auto& end : ends) {
    const ironjar_status status = end.first;
    CAPTURE(ironjar_status_name(status));
    CHECK((status == IRONJAR_OK || status == IRONJAR_OUT_OF_MEMORY || status == IRONJAR_MACHINE));
    if (status != IRONJAR_OK) errors += end.second;
  }
  CHECK(errors >= atLeast);
}

const std::string options =
    abi::Json{{"passwords", {{"1", abi::password}, {"2", abi::otherPassword}}}, {"formats", {"fe26", "native"}}}.dump();
const std::string nativeOptions =
    abi::Json{{"passwords", abi::password}, {"purpose", "a purpose of some length"}}.dump();
const std::string jarOptions = abi::Json{{"cookieName", "a-name-that-is-longer-than-what-is-kept-inline"},
                                         {"passwords", {{"1", abi::password}}},
                                         {"cookie", {{"domain", "a-domain-that-is-long.example.com"}}}}
                                   .dump();

abi::Sealer sealerOf(const std::string& text) {
  ironjar_sealer* made = nullptr;
  REQUIRE(ironjar_sealer_new(text.data(), text.size(), &made, nullptr) == IRONJAR_OK);
  return abi::Sealer(made);
}

}  // namespace

TEST_CASE("A05: a sealer is made or not, at every allocation that may fail") {
  checkEnds(starve([] {
              ironjar_sealer* made = nullptr;
              abi::Failure failure;
              const ironjar_status status = ironjar_sealer_new(options.data(), options.size(), &made, failure);
              ironjar_sealer_free(made);
              return status;
            }),
            20);
}

TEST_CASE("A05: a jar is made or not, at every allocation that may fail") {
  checkEnds(starve([] {
              ironjar_jar* made = nullptr;
              const ironjar_status status = ironjar_jar_new(jarOptions.data(), jarOptions.size(), &made, nullptr);
              ironjar_jar_free(made);
              return status;
            }),
            20);
}

TEST_CASE("A05: sealing and opening fail cleanly at every allocation, in both formats") {
  static char seal[4096];
  static std::size_t sealSize;
  for (const std::string* with : {&options, &nativeOptions}) {
    const abi::Sealer sealer = sealerOf(*with);
    const std::string json = R"({"user":"a user with a name that is longer than inline","list":[1,2,{"n":null}]})";
    checkEnds(starve([&] {
                sealSize = sizeof seal;
                return ironjar_seal_data(sealer.get(), json.data(), json.size(), abi::aTime, seal, &sealSize, nullptr);
              }),
              5);
    static char opened[4096];
    checkEnds(starve([&] {
                std::size_t size = sizeof opened;
                return ironjar_unseal_data(sealer.get(), seal, sealSize, abi::aTime, opened, &size, nullptr);
              }),
              5);
  }
}

TEST_CASE("A05: a whole session fails cleanly at every allocation") {
  ironjar_jar* jar = nullptr;
  REQUIRE(ironjar_jar_new(jarOptions.data(), jarOptions.size(), &jar, nullptr) == IRONJAR_OK);
  const abi::Jar owner(jar);
  static char cookie[4096];
  std::size_t cookieSize = 0;
  const std::string json = R"({"user":"a user with a name that is longer than inline"})";
  const auto visit = [&] {
    ironjar_session* session = nullptr;
    std::size_t count = 0;
    ironjar_status status = ironjar_jar_open(jar, cookie, cookieSize, abi::aTime, &session, nullptr);
    if (status == IRONJAR_OK) status = ironjar_session_replace(session, abi::aTime, nullptr);
    if (status == IRONJAR_OK) status = ironjar_session_set_data(session, json.data(), json.size(), nullptr);
    if (status == IRONJAR_OK) status = ironjar_session_commit(session, abi::aTime, &count, nullptr);
    static char value[4096];
    std::size_t size = sizeof value;
    if (status == IRONJAR_OK) status = ironjar_session_set_cookie(session, 0, value, &size, nullptr);
    if (status == IRONJAR_OK) status = ironjar_session_info(session, value, &(size = sizeof value), nullptr);
    if (status == IRONJAR_OK) status = ironjar_session_data(session, value, &(size = sizeof value), nullptr);
    ironjar_session_free(session);
    return status;
  };
  checkEnds(starve(visit), 20);

  const abi::Session first = abi::open(owner, "");
  REQUIRE(abi::setData(first, json) == IRONJAR_OK);
  const std::string sent = abi::sentBack(abi::commit(first).at(0));
  cookieSize = sent.copy(cookie, sizeof cookie);
  checkEnds(starve(visit), 25);
}

TEST_CASE("A05: parsing cookies fails cleanly at every allocation") {
  checkEnds(starve([] {
              ironjar_cookie_pair pairs[4];
              std::size_t count = 4;
              return ironjar_parse_cookies("a=1; b=2; c=3", 13, pairs, &count, nullptr);
            }),
            1);
}

TEST_CASE("A05: serializing a cookie and splitting a seal fail cleanly at every allocation") {
  checkEnds(starve([] {
              char buffer[512];
              std::size_t size = sizeof buffer;
              return ironjar_serialize_cookie("n", 1, "v", 1, R"({"path":"/a/path/of/some/length"})", 33, buffer, &size,
                                              nullptr);
            }),
            2);
  checkEnds(starve([] {
              char buffer[512];
              std::size_t size = sizeof buffer;
              return ironjar_split_seal(R"({"cookieName":"a-name-of-some-length"})", 38, 5000, buffer, &size, nullptr);
            }),
            2);
}

// The C interface, called with options, headers, seals, times and sizes from outside. A call ends in a status of its
// contract, reports it in the struct as far as that goes, and writes into buffers what it says and nothing else; what
// it seals and commits opens again.
#include "fuzz.hpp"

#include <array>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include <ironjar.h>

namespace {

constexpr char untouched = '\x5a';
constexpr std::size_t margin = 64;
constexpr std::size_t detailAt = offsetof(ironjar_error, detail);
constexpr std::int64_t noon = 1'700'000'000'000;

template <auto free>
struct Freed {
  template <class T>
  void operator()(T* handle) const {
    fuzz::require(free(handle) == IRONJAR_OK, "a handle goes back");
  }
};
using Sealer = std::unique_ptr<ironjar_sealer, Freed<ironjar_sealer_free>>;
using Jar = std::unique_ptr<ironjar_jar, Freed<ironjar_jar_free>>;
using Session = std::unique_ptr<ironjar_session, Freed<ironjar_session_free>>;

bool isUntouched(const char* begin, const char* end) {
  return std::all_of(begin, end, [](char c) { return c == untouched; });
}

void requireOfTheContract(ironjar_status status) {
  const bool isFromOutside = status >= IRONJAR_OK && status <= IRONJAR_TOO_LARGE;
  const bool isOther = status == IRONJAR_NOT_ALLOWED || status == IRONJAR_BUFFER_TOO_SMALL ||
                       status == IRONJAR_INVALID_ARGUMENT;  // the machine is well, and has memory
  fuzz::require(isFromOutside || isOther, "a status of the contract");
  fuzz::require(std::strcmp(ironjar_status_name(status), "unknown") != 0, "a status with a name");
}

// A caller with room for so much of an error and so much of a text.
class Caller {
 public:
  explicit Caller(fuzz::Input& input) {
    errorSize_ = detailAt + 1 + input.byte() % (sizeof(ironjar_error) - detailAt);
    room_ = input.number(2) % 6000;
    now_ = input.flag() ? static_cast<std::int64_t>(input.number(8)) : noon;
  }

  [[nodiscard]] std::int64_t now() const { return now_; }
  [[nodiscard]] std::size_t room() const { return room_; }

  // `call` takes the error.
  template <class Call>
  ironjar_status status(const Call& call) const {
    std::array<char, sizeof(ironjar_error) + margin> memory{};
    memory.fill(untouched);
    ironjar_error error{};
    error.size = static_cast<std::uint32_t>(errorSize_);
    std::memcpy(memory.data(), &error, detailAt);
    const ironjar_status status = call(reinterpret_cast<ironjar_error*>(memory.data()));
    requireOfTheContract(status);
    std::memcpy(&error, memory.data(), detailAt);
    fuzz::require(error.size == errorSize_ && error.status == status, "the error tells the status");
    const char* const detail = memory.data() + detailAt;
    const std::string_view text(detail, ::strnlen(detail, errorSize_ - detailAt));
    fuzz::require(detailAt + text.size() < errorSize_, "a detail that ends");
    fuzz::require(isUntouched(detail + text.size() + 1, memory.data() + memory.size()), "nothing behind the detail");
    fuzz::require(status != IRONJAR_OK || text.empty(), "no detail of a success");
    fuzz::require(text.find(fuzz::password) == std::string_view::npos, "no password is told");
    return status;
  }

  // `call` takes a buffer, its size and the error. Nothing when it fails.
  template <class Call>
  std::optional<std::string> text(const Call& call, ironjar_status* outcome = nullptr) const {
    Written written = into(room_, call);
    if (written.status == IRONJAR_BUFFER_TOO_SMALL) written = into(written.size, call);
    fuzz::require(written.status != IRONJAR_BUFFER_TOO_SMALL, "what was asked for is enough");
    if (outcome != nullptr) *outcome = written.status;
    if (written.status != IRONJAR_OK) return std::nullopt;
    const bool isTight = written.size == 0 || into(written.size - 1, call).status == IRONJAR_BUFFER_TOO_SMALL;
    fuzz::require(isTight, "and one byte less is not");
    return written.text;
  }

 private:
  struct Written {
    ironjar_status status = IRONJAR_OK;
    std::size_t size = 0;
    std::string text = {};
  };

  template <class Call>
  Written into(std::size_t room, const Call& call) const {
    std::vector<char> buffer(room + margin, untouched);
    Written written{.size = room};
    written.status =
        status([&](ironjar_error* error) { return call(room == 0 ? nullptr : buffer.data(), &written.size, error); });
    if (written.status == IRONJAR_OK) written.text.assign(buffer.data(), std::min(written.size, room));
    fuzz::require(isUntouched(buffer.data() + written.text.size(), buffer.data() + buffer.size()),
                  "nothing behind the text");
    const bool isTold = written.status == IRONJAR_OK                 ? written.size <= room
                        : written.status == IRONJAR_BUFFER_TOO_SMALL ? written.size > room
                                                                     : written.size == 0;
    fuzz::require(isTold, "the size of what is written, or needed, or none");
    return written;
  }

  std::size_t errorSize_ = 0;
  std::size_t room_ = 0;
  std::int64_t now_ = 0;
};

// A handle of `make`, or none; never both a failure and a handle.
template <class Owner, class Make>
Owner made(const Caller& caller, const Make& make) {
  typename Owner::pointer handle = nullptr;
  const ironjar_status status = caller.status([&](ironjar_error* error) { return make(&handle, error); });
  fuzz::require((status == IRONJAR_OK) == (handle != nullptr), "a handle is a success");
  return Owner(handle);
}

Sealer sealerOf(const Caller& caller, std::string_view options) {
  return made<Sealer>(caller, [&](ironjar_sealer** sealer, ironjar_error* error) {
    return ironjar_sealer_new(options.data(), options.size(), sealer, error);
  });
}

Jar jarOf(const Caller& caller, std::string_view options) {
  return made<Jar>(caller, [&](ironjar_jar** jar, ironjar_error* error) {
    return ironjar_jar_new(options.data(), options.size(), jar, error);
  });
}

// ---- seals ----

std::optional<std::string> seal(const Caller& caller, const Sealer& sealer, std::string_view json) {
  return caller.text([&](char* out, std::size_t* size, ironjar_error* error) {
    return ironjar_seal_data(sealer.get(), json.data(), json.size(), caller.now(), out, size, error);
  });
}

std::optional<std::string> unseal(const Caller& caller, const Sealer& sealer, std::string_view text,
                                  ironjar_status* outcome = nullptr) {
  return caller.text(
      [&](char* out, std::size_t* size, ironjar_error* error) {
        return ironjar_unseal_data(sealer.get(), text.data(), text.size(), caller.now(), out, size, error);
      },
      outcome);
}

// Iterations that leave out 1, with which all are sealed, open none of one's own Fe26.2 seals: `opensOwn` is false
// then.
void sealAndOpen(const Caller& caller, const Sealer& sealer, fuzz::Input& input, bool opensOwn) {
  if (!sealer) return;
  const std::string_view json = input.text();
  if (const auto sealed = seal(caller, sealer, json)) {
    fuzz::require(sealed->size() <= IRONJAR_MAX_SEAL_SIZE && json.size() < sealed->size(),
                  "a buffer of the seal's size");
    ironjar_status status = IRONJAR_OK;
    const auto opened = unseal(caller, sealer, *sealed, &status);
    fuzz::require(opened ? *opened == json : status == IRONJAR_EXPIRED || !opensOwn,
                  "what was sealed opens as it stood, or is over");
  }
  const auto foreign = unseal(caller, sealer, input.text());
  fuzz::require(!foreign || !foreign->empty(), "JSON is not nothing");
}

// ---- sessions ----

using Get = ironjar_status (*)(const ironjar_session*, char*, std::size_t*, ironjar_error*);
template <Get get>
std::string read(const Caller& caller, const Session& session) {
  const auto json = caller.text(
      [&](char* out, std::size_t* size, ironjar_error* error) { return get(session.get(), out, size, error); });
  fuzz::require(json && json->starts_with('{') && json->ends_with('}'), "an object, at any time");
  return *json;
}

Session open(const Caller& caller, const Jar& jar, std::string_view header) {
  return made<Session>(caller, [&](ironjar_session** session, ironjar_error* error) {
    return ironjar_jar_open(jar.get(), header.data(), header.size(), caller.now(), session, error);
  });
}

std::vector<std::string> commit(const Caller& caller, const Session& session) {
  std::size_t count = 99;
  const ironjar_status status = caller.status(
      [&](ironjar_error* error) { return ironjar_session_commit(session.get(), caller.now(), &count, error); });
  fuzz::require(status == IRONJAR_OK || count == 0, "no cookies of a failure");
  const auto valueAt = [&](std::size_t index) {
    return caller.text([&](char* out, std::size_t* size, ironjar_error* error) {
      return ironjar_session_set_cookie(session.get(), index, out, size, error);
    });
  };
  std::vector<std::string> values;
  for (std::size_t i = 0; i < count; ++i) {
    values.push_back(valueAt(i).value());
    const bool isPlain = std::all_of(values.back().begin(), values.back().end(),
                                     [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != '\x7f'; });
    fuzz::require(isPlain && values.back().size() <= ironjar::maxCookieSize, "a Set-Cookie value that browsers keep");
  }
  fuzz::require(!valueAt(count) && !valueAt(std::numeric_limits<std::size_t>::max()), "and no further one");
  return values;
}

// What a browser sends back.
std::string headerOf(const std::vector<std::string>& setCookies) {
  std::string header;
  for (const std::string& cookie : setCookies) {
    if (cookie.find("; Max-Age=0") == std::string::npos) header.append(cookie.substr(0, cookie.find(';'))).append("; ");
  }
  return header;
}

// Plays a script of calls. `keeps`: what is committed opens again, as the options of the jar are good.
void visit(const Caller& caller, const Jar& jar, fuzz::Input& input, bool keeps) {
  if (!jar) return;
  const Session session = open(caller, jar, input.text());
  if (!session) return;
  for (int calls = 0; calls < 32 && !input.empty(); ++calls) {
    switch (input.byte() % 6) {
      case 0: {
        const std::string_view json = input.text();
        caller.status([&](ironjar_error* error) {
          return ironjar_session_set_data(session.get(), json.data(), json.size(), error);
        });
        break;
      }
      case 1:
        caller.status(
            [&](ironjar_error* error) { return ironjar_session_replace(session.get(), caller.now(), error); });
        break;
      case 2:
        caller.status([&](ironjar_error* error) { return ironjar_session_destroy(session.get(), error); });
        break;
      case 3: {
        const std::string before = read<ironjar_session_data>(caller, session);
        const std::vector<std::string> due = commit(caller, session);
        if (!keeps || due.empty()) break;
        const Session again = open(caller, jar, headerOf(due));
        fuzz::require(read<ironjar_session_data>(caller, again) == before, "what was committed opens as it was");
        break;
      }
      case 4: {
        const std::string data = read<ironjar_session_data>(caller, session);
        const ironjar_status status = caller.status([&](ironjar_error* error) {
          return ironjar_session_set_data(session.get(), data.data(), data.size(), error);
        });
        fuzz::require(status == IRONJAR_OK || status == IRONJAR_NOT_ALLOWED, "what is read can be written");
        break;
      }
      default:
        static_cast<void>(read<ironjar_session_info>(caller, session));
        break;
    }
  }
}

// ---- cookies ----

void parse(const Caller& caller, std::string_view header) {
  const std::size_t room = caller.room() % 40;
  const ironjar_cookie_pair guard = {1, 2, 3, 4};
  std::vector<ironjar_cookie_pair> pairs(room + 4, guard);
  const auto isGuard = [&](const ironjar_cookie_pair& pair) { return std::memcmp(&pair, &guard, sizeof pair) == 0; };
  std::size_t count = room;
  const ironjar_status status = caller.status([&](ironjar_error* error) {
    return ironjar_parse_cookies(header.data(), header.size(), room == 0 ? nullptr : pairs.data(), &count, error);
  });
  const auto expected = ironjar::parseCookies(header);
  fuzz::require(count == expected.size(), "as many pairs as there are");
  fuzz::require(status == (count > room ? IRONJAR_BUFFER_TOO_SMALL : IRONJAR_OK), "all of them, or too little room");
  const std::size_t written = status == IRONJAR_OK ? count : 0;
  fuzz::require(std::all_of(pairs.begin() + static_cast<std::ptrdiff_t>(written), pairs.end(), isGuard),
                "nothing behind the pairs");
  for (std::size_t i = 0; i < written; ++i) {
    fuzz::require(header.substr(pairs[i].name, pairs[i].name_size) == expected[i].name &&
                      header.substr(pairs[i].value, pairs[i].value_size) == expected[i].value,
                  "the pairs that there are");
  }
}

void write(const Caller& caller, fuzz::Input& input) {
  const std::string_view options = input.text();
  const std::string_view name = input.text();
  const std::string_view value = input.text();
  const auto cookie = caller.text([&](char* out, std::size_t* size, ironjar_error* error) {
    return ironjar_serialize_cookie(name.data(), name.size(), value.data(), value.size(), options.data(),
                                    options.size(), out, size, error);
  });
  const std::string start = std::string(name).append("=").append(value);
  fuzz::require(!cookie || (cookie->starts_with(start) && cookie->find(';') >= start.size()), "one cookie, as it is");
}

void split(const Caller& caller, fuzz::Input& input) {
  const std::string_view options = input.text();
  const std::size_t sealSize = input.number(4);
  const auto json = caller.text([&](char* out, std::size_t* size, ironjar_error* error) {
    return ironjar_split_seal(options.data(), options.size(), sealSize, out, size, error);
  });
  if (!json) return;
  const ironjar::Json how = ironjar::Json::parse(*json);
  const std::size_t cookies = how.at("cookies").size();
  fuzz::require(cookies == 0 || (cookies - 1) * how.at("partSize").get<std::size_t>() < sealSize, "no empty cookie");
  fuzz::require(cookies == 0 || cookies * how.at("partSize").get<std::size_t>() >= sealSize, "all of the seal");
  fuzz::require(cookies + how.at("stale").size() == 5, "every name is set or stale");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::string passwords = std::string("\"passwords\":{\"1\":\"") + fuzz::password + "\"}";
  fuzz::Input input(data, size);
  const unsigned kind = input.byte() % 5;
  const Caller caller(input);
  switch (kind) {
    case 0: {
      const std::string_view options = input.text();
      const bool opensOwn = options.find("terations") == std::string_view::npos;
      sealAndOpen(caller, sealerOf(caller, options), input, opensOwn);
      break;
    }
    case 1:
      visit(caller, jarOf(caller, input.text()), input, false);
      break;
    case 2:
      sealAndOpen(caller, sealerOf(caller, "{" + passwords + R"(,"formats":["native","fe26"]})"), input, true);
      break;
    case 3:
      visit(caller, jarOf(caller, R"({"cookieName":"ij","chunk":true,)" + passwords + "}"), input, true);
      break;
    default:
      parse(caller, input.text());
      write(caller, input);
      split(caller, input);
      break;
  }
  return 0;
}

// The C interface as functions of JavaScript. Only the package's own modules call them, and still every argument is
// checked. There is no state but what each handle holds, so any number of worker threads may load it.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <memory>
#include <node_api.h>
#include <string>
#include <string_view>
#include <vector>

#include <ironjar.h>

namespace {

// JavaScript has an exception pending: unwinds to the border.
struct Thrown {};

void require(napi_env env, napi_status status) {
  if (status == napi_ok) return;
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (!pending) napi_throw_error(env, nullptr, "ironjar: Node refuses what must work");
  throw Thrown();
}

[[noreturn]] void throwType(napi_env env, const char* message) {
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", message);
  throw Thrown();
}

napi_value text(napi_env env, std::string_view utf8) {
  napi_value value = nullptr;
  require(env, napi_create_string_utf8(env, utf8.data(), utf8.size(), &value));
  return value;
}

[[noreturn]] void throwStatus(napi_env env, ironjar_status status, const ironjar_error& error) {
  const std::string word = ironjar_status_name(status);
  const std::string detail = error.detail;
  const bool isPrefixed = detail.rfind("ironjar: ", 0) == 0;
  napi_value thrown = nullptr;
  require(env, napi_create_error(env, text(env, word),
                                 text(env, isPrefixed ? detail : "ironjar: " + word + ": " + detail), &thrown));
  require(env, napi_set_named_property(env, thrown, "detail", text(env, detail)));
  require(env, napi_throw(env, thrown));
  throw Thrown();
}

// A text of JavaScript as UTF-8. What is no longer than the head of a request, as Node takes it, fits into the object.
class Utf8 {
 public:
  Utf8(napi_env env, napi_value value, const char* name) {
    napi_valuetype type = napi_undefined;
    require(env, napi_typeof(env, value, &type));
    if (type != napi_string) throwType(env, name);
    require(env, napi_get_value_string_utf8(env, value, inline_.data(), inline_.size(), &size_));
    if (size_ + 4 < inline_.size()) return;  // no character was cut
    require(env, napi_get_value_string_utf8(env, value, nullptr, 0, &size_));
    if (size_ > longest) {
      napi_throw_range_error(env, "tooLarge", "ironjar: tooLarge: longer than any text here may be");
      throw Thrown();
    }
    heap_ = std::make_unique<char[]>(size_ + 1);
    // NOLINTNEXTLINE(clang-analyzer-cplusplus.NewDeleteLeaks): when this throws, the member goes with the others
    require(env, napi_get_value_string_utf8(env, value, heap_.get(), size_ + 1, &size_));
  }
  [[nodiscard]] const char* data() const { return heap_ ? heap_.get() : inline_.data(); }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  static constexpr std::size_t longest = 1024 * 1024;
  std::size_t size_ = 0;
  std::array<char, 16384> inline_;  // NOLINT: filled before it is read
  std::unique_ptr<char[]> heap_;
};

constexpr double mostSafe = 9007199254740991.0;  // the largest whole number that JavaScript counts to

std::int64_t milliseconds(napi_env env, napi_value value) {
  double number = 0;
  if (napi_get_value_double(env, value, &number) != napi_ok) throwType(env, "the time is a number of milliseconds");
  if (!(number >= 0 && number <= mostSafe)) throwType(env, "the time is out of range");
  return static_cast<std::int64_t>(number);
}

// ---- handles ----

template <class T>
struct Kind;
template <>
struct Kind<ironjar_sealer> {
  static constexpr const char* name = "not a sealer";
  static void free(ironjar_sealer* handle) { ironjar_sealer_free(handle); }
};
template <>
struct Kind<ironjar_jar> {
  static constexpr const char* name = "not a jar";
  static void free(ironjar_jar* handle) { ironjar_jar_free(handle); }
};
template <>
struct Kind<ironjar_session> {
  static constexpr const char* name = "not a session";
  static void free(ironjar_session* handle) { ironjar_session_free(handle); }
};

// What an external of ours points to. `kind` tells the three apart. JavaScript sees a few bytes of it, and collects it
// in time only when it is told of the rest.
struct Box {
  const char* kind;
  void* handle;
  std::int64_t bytes;
};

void tellMemory(napi_env env, std::int64_t change) {
  std::int64_t all = 0;
  static_cast<void>(napi_adjust_external_memory(env, change, &all));  // advice: nothing depends on it
}

// `held` is the text that the handle was made of: what it holds is a few times as large.
template <class T>
napi_value box(napi_env env, T* handle, const Utf8& held) {
  const std::int64_t bytes = 4096 + 6 * static_cast<std::int64_t>(held.size());
  auto owned = std::make_unique<Box>(Box{Kind<T>::name, handle, bytes});
  const auto free = [](napi_env at, void* data, void*) {
    const std::unique_ptr<Box> last(static_cast<Box*>(data));
    Kind<T>::free(static_cast<T*>(last->handle));
    tellMemory(at, -last->bytes);
  };
  napi_value external = nullptr;
  const napi_status status = napi_create_external(env, owned.get(), free, nullptr, &external);
  if (status != napi_ok) Kind<T>::free(handle);
  require(env, status);
  [[maybe_unused]] const Box* const isJavaScripts = owned.release();
  tellMemory(env, bytes);
  return external;
}

template <class T>
T* unbox(napi_env env, napi_value value) {
  napi_valuetype type = napi_undefined;
  require(env, napi_typeof(env, value, &type));
  void* data = nullptr;
  if (type == napi_external) require(env, napi_get_value_external(env, value, &data));
  const auto* const boxed = static_cast<const Box*>(data);
  if (boxed == nullptr || boxed->kind != Kind<T>::name) throwType(env, Kind<T>::name);
  return static_cast<T*>(boxed->handle);
}

// ---- the functions ----

template <std::size_t N>
using Arguments = std::array<napi_value, N>;

template <class T, ironjar_status (*make)(const char*, std::size_t, T**, ironjar_error*)>
napi_value create(napi_env env, const Arguments<1>& arguments) {
  const Utf8 options(env, arguments[0], "the options are a JSON text");
  T* handle = nullptr;
  ironjar_error error = IRONJAR_ERROR_INIT;
  const ironjar_status status = make(options.data(), options.size(), &handle, &error);
  if (status != IRONJAR_OK) throwStatus(env, status, error);
  return box(env, handle, options);
}

// Calls `fill` with a buffer that is at first `guess` large.
template <class Fill>
ironjar_status filled(std::string& buffer, std::size_t guess, const Fill& fill) {
  buffer.resize(guess);
  std::size_t size = buffer.size();
  ironjar_status status = fill(buffer.data(), &size);
  if (status == IRONJAR_BUFFER_TOO_SMALL) {
    buffer.resize(size);
    status = fill(buffer.data(), &size);
  }
  buffer.resize(status == IRONJAR_OK ? size : 0);
  return status;
}

// The text that `fill` writes into a buffer.
template <class Fill>
napi_value filledText(napi_env env, std::size_t guess, const Fill& fill) {
  ironjar_error error = IRONJAR_ERROR_INIT;
  std::string out;
  const ironjar_status status =
      filled(out, guess, [&](char* buffer, std::size_t* size) { return fill(buffer, size, &error); });
  if (status != IRONJAR_OK) throwStatus(env, status, error);
  return text(env, out);
}

using Through = ironjar_status (*)(const ironjar_sealer*, const char*, std::size_t, std::int64_t, char*, std::size_t*,
                                   ironjar_error*);

// Null for a refusal, unless it is to be `loud`.
template <Through through, bool loud>
napi_value convert(napi_env env, const Arguments<3>& arguments) {
  const ironjar_sealer* const sealer = unbox<ironjar_sealer>(env, arguments[0]);
  const Utf8 in(env, arguments[1], "what to seal or open is a text");
  const std::int64_t now = milliseconds(env, arguments[2]);
  ironjar_error error = IRONJAR_ERROR_INIT;
  std::string out;
  const ironjar_status status = filled(out, in.size() * 3 / 2 + 512, [&](char* buffer, std::size_t* size) {
    return through(sealer, in.data(), in.size(), now, buffer, size, &error);
  });
  if (status == IRONJAR_OK) return text(env, out);
  if (loud) throwStatus(env, status, error);
  napi_value none = nullptr;
  require(env, napi_get_null(env, &none));
  return none;
}

napi_value openSession(napi_env env, const Arguments<3>& arguments) {
  const ironjar_jar* const jar = unbox<ironjar_jar>(env, arguments[0]);
  const Utf8 header(env, arguments[1], "the Cookie header is a text");
  ironjar_session* session = nullptr;
  ironjar_error error = IRONJAR_ERROR_INIT;
  const ironjar_status status =
      ironjar_jar_open(jar, header.data(), header.size(), milliseconds(env, arguments[2]), &session, &error);
  if (status != IRONJAR_OK) throwStatus(env, status, error);
  return box(env, session, header);
}

template <ironjar_status (*get)(const ironjar_session*, char*, std::size_t*, ironjar_error*)>
napi_value sessionText(napi_env env, const Arguments<1>& arguments) {
  const ironjar_session* const session = unbox<ironjar_session>(env, arguments[0]);
  return filledText(env, 2048, [&](char* buffer, std::size_t* size, ironjar_error* error) {
    return get(session, buffer, size, error);
  });
}

napi_value setSessionData(napi_env env, const Arguments<2>& arguments) {
  ironjar_session* const session = unbox<ironjar_session>(env, arguments[0]);
  const Utf8 json(env, arguments[1], "the data is a JSON text");
  ironjar_error error = IRONJAR_ERROR_INIT;
  const ironjar_status status = ironjar_session_set_data(session, json.data(), json.size(), &error);
  if (status != IRONJAR_OK) throwStatus(env, status, error);
  return nullptr;
}

napi_value replaceSession(napi_env env, const Arguments<2>& arguments) {
  ironjar_error error = IRONJAR_ERROR_INIT;
  const ironjar_status status =
      ironjar_session_replace(unbox<ironjar_session>(env, arguments[0]), milliseconds(env, arguments[1]), &error);
  if (status != IRONJAR_OK) throwStatus(env, status, error);
  return nullptr;
}

napi_value destroySession(napi_env env, const Arguments<1>& arguments) {
  ironjar_error error = IRONJAR_ERROR_INIT;
  const ironjar_status status = ironjar_session_destroy(unbox<ironjar_session>(env, arguments[0]), &error);
  if (status != IRONJAR_OK) throwStatus(env, status, error);
  return nullptr;
}

napi_value commitSession(napi_env env, const Arguments<2>& arguments) {
  ironjar_session* const session = unbox<ironjar_session>(env, arguments[0]);
  ironjar_error error = IRONJAR_ERROR_INIT;
  std::size_t count = 0;
  ironjar_status status = ironjar_session_commit(session, milliseconds(env, arguments[1]), &count, &error);
  if (status != IRONJAR_OK) throwStatus(env, status, error);
  napi_value values = nullptr;
  require(env, napi_create_array_with_length(env, count, &values));
  for (std::uint32_t i = 0; i < count; ++i) {
    std::string value;
    status = filled(value, 4096, [&](char* buffer, std::size_t* size) {
      return ironjar_session_set_cookie(session, i, buffer, size, &error);
    });
    if (status != IRONJAR_OK) throwStatus(env, status, error);
    require(env, napi_set_element(env, values, i, text(env, value)));
  }
  return values;
}

using Pairs = std::vector<ironjar_cookie_pair>;

Pairs pairsOf(napi_env env, const Utf8& header) {
  ironjar_error error = IRONJAR_ERROR_INIT;
  Pairs pairs(16);
  std::size_t count = pairs.size();
  ironjar_status status = ironjar_parse_cookies(header.data(), header.size(), pairs.data(), &count, &error);
  if (status == IRONJAR_BUFFER_TOO_SMALL) {
    pairs.resize(count);
    status = ironjar_parse_cookies(header.data(), header.size(), pairs.data(), &count, &error);
  }
  if (status != IRONJAR_OK) throwStatus(env, status, error);
  pairs.resize(count);
  return pairs;
}

napi_value parseCookies(napi_env env, const Arguments<1>& arguments) {
  const Utf8 header(env, arguments[0], "the Cookie header is a text");
  const Pairs pairs = pairsOf(env, header);
  napi_value list = nullptr;
  require(env, napi_create_array_with_length(env, pairs.size(), &list));
  for (std::uint32_t i = 0; i < pairs.size(); ++i) {
    napi_value pair = nullptr;
    require(env, napi_create_array_with_length(env, 2, &pair));
    require(env, napi_set_element(env, pair, 0, text(env, {header.data() + pairs[i].name, pairs[i].name_size})));
    require(env, napi_set_element(env, pair, 1, text(env, {header.data() + pairs[i].value, pairs[i].value_size})));
    require(env, napi_set_element(env, list, i, pair));
  }
  return list;
}

// The value of the first cookie of a name; undefined when there is none. A list of all pairs would take longer to make
// than the header to parse.
napi_value findCookie(napi_env env, const Arguments<2>& arguments) {
  const Utf8 header(env, arguments[0], "the Cookie header is a text");
  const Utf8 name(env, arguments[1], "the cookie's name is a text");
  const std::string_view wanted(name.data(), name.size());
  for (const ironjar_cookie_pair& pair : pairsOf(env, header)) {
    if (std::string_view(header.data() + pair.name, pair.name_size) != wanted) continue;
    return text(env, {header.data() + pair.value, pair.value_size});
  }
  return nullptr;
}

napi_value serializeCookie(napi_env env, const Arguments<3>& arguments) {
  const Utf8 name(env, arguments[0], "the cookie's name is a text");
  const Utf8 value(env, arguments[1], "the cookie's value is a text");
  const Utf8 options(env, arguments[2], "the options are a JSON text");
  return filledText(env, name.size() + value.size() + 512, [&](char* cookie, std::size_t* size, ironjar_error* error) {
    return ironjar_serialize_cookie(name.data(), name.size(), value.data(), value.size(), options.data(),
                                    options.size(), cookie, size, error);
  });
}

napi_value splitSeal(napi_env env, const Arguments<2>& arguments) {
  const Utf8 options(env, arguments[0], "the options are a JSON text");
  double size = 0;
  if (napi_get_value_double(env, arguments[1], &size) != napi_ok) throwType(env, "the seal's size is a number");
  if (!(size >= 0 && size <= mostSafe)) throwType(env, "the seal's size is out of range");
  return filledText(env, 1024, [&](char* json, std::size_t* room, ironjar_error* error) {
    return ironjar_split_seal(options.data(), options.size(), static_cast<std::size_t>(size), json, room, error);
  });
}

// The border: what is thrown here has its exception pending in JavaScript, but for memory that ran out.
template <std::size_t N, napi_value (*function)(napi_env, const Arguments<N>&)>
napi_value guarded(napi_env env, napi_callback_info info) {
  try {
    Arguments<N> arguments{};
    std::size_t count = N;
    require(env, napi_get_cb_info(env, info, &count, arguments.data(), nullptr, nullptr));
    return function(env, arguments);
  } catch (const Thrown&) {
  } catch (...) {
    napi_throw_error(env, "outOfMemory", "ironjar: out of memory");
  }
  return nullptr;
}

template <std::size_t N, napi_value (*function)(napi_env, const Arguments<N>&)>
constexpr napi_property_descriptor named(const char* name) {
  return {name, nullptr, guarded<N, function>, nullptr, nullptr, nullptr, napi_enumerable, nullptr};
}

void fill(napi_env env, napi_value exports) {
  const std::array<napi_property_descriptor, 17> functions = {
      named<1, create<ironjar_sealer, ironjar_sealer_new>>("newSealer"),
      named<3, convert<ironjar_seal_data, true>>("seal"),
      named<3, convert<ironjar_unseal_data, true>>("unseal"),
      named<3, convert<ironjar_seal_data, false>>("trySeal"),
      named<3, convert<ironjar_unseal_data, false>>("tryUnseal"),
      named<1, create<ironjar_jar, ironjar_jar_new>>("newJar"),
      named<3, openSession>("openSession"),
      named<1, sessionText<ironjar_session_data>>("sessionData"),
      named<1, sessionText<ironjar_session_info>>("sessionInfo"),
      named<2, setSessionData>("setSessionData"),
      named<2, replaceSession>("replaceSession"),
      named<1, destroySession>("destroySession"),
      named<2, commitSession>("commitSession"),
      named<1, parseCookies>("parseCookies"),
      named<2, findCookie>("findCookie"),
      named<3, serializeCookie>("serializeCookie"),
      named<2, splitSeal>("splitSeal"),
  };
  require(env, napi_define_properties(env, exports, functions.size(), functions.data()));
  require(env, napi_set_named_property(env, exports, "version", text(env, ironjar_version())));
}

}  // namespace

NAPI_MODULE_INIT() {
  try {
    fill(env, exports);
  } catch (...) {  // an exception is pending in JavaScript
  }
  return exports;
}

// The border of the C interface: nothing is thrown across it, and whatever happens becomes a status.
#pragma once

#include <exception>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <ironjar.h>
#include <ironjar/error.hpp>

namespace ironjar::c {

// How a call ended.
struct Outcome {
  ironjar_status status = IRONJAR_OK;
  std::string detail = {};
};

inline Outcome failed(Error error) { return {static_cast<ironjar_status>(error.code), std::move(error.detail)}; }

// Fills what the caller's struct has room for.
ironjar_status report(ironjar_error* error, ironjar_status status, std::string_view detail) noexcept;
// False for a struct whose `size` was never set: nothing can be written to it.
bool isUsable(const ironjar_error* error) noexcept;

// Every function of the interface is one call of this. Exceptions tell by type what they told the C++ caller; other
// texts than our own are not passed on, since a JSON library quotes what it read.
template <class Body>
ironjar_status guard(ironjar_error* error, const Body& body) noexcept {
  if (!isUsable(error)) return IRONJAR_INVALID_ARGUMENT;
  try {
    const Outcome outcome = body();
    return report(error, outcome.status, outcome.detail);
  } catch (const std::bad_alloc&) {
    return report(error, IRONJAR_OUT_OF_MEMORY, "out of memory");
  } catch (const std::length_error& tooLong) {
    return report(error, IRONJAR_TOO_LARGE, "longer than any text here may be");
  } catch (const std::invalid_argument& mistake) {
    return report(error, IRONJAR_INVALID_ARGUMENT, mistake.what());
  } catch (const std::exception&) {
    return report(error, IRONJAR_MACHINE, "the machine or a library underneath refuses what must work");
  } catch (...) {
    return report(error, IRONJAR_MACHINE, "unknown failure");
  }
}

// The caller's text. Throws std::invalid_argument for a null with a length, std::length_error over a megabyte.
std::string_view textIn(const char* text, std::size_t size, const char* name);

// Where a text goes. Throws std::invalid_argument when it is unusable; until `put`, `*size` is 0.
class TextOut {
 public:
  TextOut(char* buffer, std::size_t* size, const char* name);
  [[nodiscard]] Outcome put(std::string_view text) const;

 private:
  char* buffer_;
  std::size_t* size_;
  std::size_t room_;
};

// As a JSON text, with its quotes. What is no UTF-8 becomes U+FFFD.
[[nodiscard]] std::string jsonText(std::string_view text);

template <class T>
T& requireOut(T* out, const char* name) {
  if (out == nullptr) throw std::invalid_argument(std::string("ironjar: ") + name + " is null");
  return *out;
}

}  // namespace ironjar::c

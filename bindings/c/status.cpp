#include <ironjar.h>
#include <ironjar/error.hpp>
#include <ironjar/version.hpp>

namespace {

template <ironjar_status status>
constexpr bool is(ironjar::Errc code) {
  return static_cast<ironjar_status>(code) == status;
}
static_assert(is<IRONJAR_MALFORMED>(ironjar::Errc::malformed) && is<IRONJAR_UNSUPPORTED>(ironjar::Errc::unsupported) &&
              is<IRONJAR_UNKNOWN_KEY>(ironjar::Errc::unknownKey) && is<IRONJAR_TAMPERED>(ironjar::Errc::tampered) &&
              is<IRONJAR_EXPIRED>(ironjar::Errc::expired) && is<IRONJAR_NOT_YET_VALID>(ironjar::Errc::notYetValid) &&
              is<IRONJAR_TOO_LARGE>(ironjar::Errc::tooLarge) && is<IRONJAR_NOT_ALLOWED>(ironjar::Errc::notAllowed));

#define IRONJAR_TEXT_OF(number) #number
#define IRONJAR_VERSION_OF(major, minor, patch) \
  IRONJAR_TEXT_OF(major) "." IRONJAR_TEXT_OF(minor) "." IRONJAR_TEXT_OF(patch)

}  // namespace

const char* ironjar_version(void) {
  return IRONJAR_VERSION_OF(IRONJAR_VERSION_MAJOR, IRONJAR_VERSION_MINOR, IRONJAR_VERSION_PATCH);
}

const char* ironjar_status_name(ironjar_status status) {
  switch (status) {
    case IRONJAR_OK:
      return "ok";
    case IRONJAR_BUFFER_TOO_SMALL:
      return "bufferTooSmall";
    case IRONJAR_INVALID_ARGUMENT:
      return "invalidArgument";
    case IRONJAR_OUT_OF_MEMORY:
      return "outOfMemory";
    case IRONJAR_MACHINE:
      return "machine";
    default:
      return ironjar::nameOf(static_cast<ironjar::Errc>(status)).data();  // a literal, and so terminated
  }
}

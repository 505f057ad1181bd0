// What stands behind the opaque handles.
#pragma once

#include "crypto/secret.hpp"
#include "seal/seal_format.hpp"

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <ironjar.h>
#include <ironjar/session.hpp>

namespace ironjar::c {

// Marks a handle as one of its kind while it lives, so that most mistaken handles are found before they do harm.
class Tag {
 public:
  explicit Tag(std::uint64_t kind) : kind_(kind) {}
  Tag(const Tag&) = delete;
  Tag& operator=(const Tag&) = delete;
  ~Tag() { kind_ = 0; }  // volatile: a write that nobody reads again would be removed
  [[nodiscard]] bool is(std::uint64_t kind) const { return kind_ == kind; }

 private:
  volatile std::uint64_t kind_;
};

// The time of the call under way on this thread. A jar's clock is fixed when it is made, while the interface takes the
// time with each call.
class AtTime {
 public:
  explicit AtTime(std::int64_t unixMilliseconds);  // throws std::invalid_argument when no clock can show it
  AtTime(const AtTime&) = delete;
  AtTime& operator=(const AtTime&) = delete;
  ~AtTime();
  static TimePoint now();
};

}  // namespace ironjar::c

// Reached only through a pointer of the C interface. The members before the tag would be what an allocator overwrites
// first when the handle is freed.
struct ironjar_sealer {
  static constexpr std::uint64_t kind = 0x6972'6f6e'7365'616cU;
  ironjar::Passwords passwords;
  ironjar::SealOptions options;
  ironjar::c::Tag tag{kind};
};

struct ironjar_jar {
  static constexpr std::uint64_t kind = 0x6972'6f6e'006a'6172U;
  ironjar::SessionJar jar;
  ironjar::c::Tag tag{kind};
};

struct ironjar_session {
  static constexpr std::uint64_t kind = 0x6972'6f6e'7365'7373U;
  ironjar::SessionJar jar;
  ironjar::Session session;
  std::vector<std::string> setCookies = {};
  ironjar::c::Tag tag{kind};
};

namespace ironjar::c {

template <class Handle>
Handle& live(Handle* handle) {
  if (handle == nullptr) throw std::invalid_argument("ironjar: the handle is null");
  if (!handle->tag.is(Handle::kind)) {
    throw std::invalid_argument("ironjar: the handle is of another kind, or was freed before");
  }
  return *handle;
}

// Null is nothing to free.
template <class Handle>
void release(Handle* handle) {
  if (handle != nullptr) delete &live(handle);
}

}  // namespace ironjar::c

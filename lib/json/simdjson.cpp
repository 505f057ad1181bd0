#include "json/simdjson.hpp"

#include "base/thread_local.hpp"
#include "base/utf8.hpp"

#include <atomic>
#include <simdjson.h>

namespace ironjar::detail {

bool hasSimdjson() {
  static std::atomic<bool> gone = false;  // no destructor: it can be read to the end
  struct Watch {
    Watch() { simdjson::get_active_implementation()->name(); }  // makes simdjson choose, so that it goes after this
    ~Watch() { gone = true; }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
  };
  static const Watch watch;
  return !gone;
}

simdjson::dom::parser* threadParser() { return threadLocalOrNull<simdjson::dom::parser>(); }

bool isUtf8(std::string_view text) {
  // Where simdjson has no code for the machine, or is told by its environment to use one that is not there, it says no.
  return (hasSimdjson() && simdjson::validate_utf8(text.data(), text.size())) || utf16Length(text).has_value();
}

}  // namespace ironjar::detail

// When a document that another server publishes is asked for, as a state machine, pure: no I/O, threads or clock. The
// first row that fits:
//
// | state                                              | event             | next                                       |
// | -------------------------------------------------- | ----------------- | ------------------------------------------ |
// | being asked for; none is there                     | wanted            | wait                                       |
// | being asked for; one is there                      | wanted            | use it                                     |
// |                                                    | a newer is wanted | wait                                       |
// | none, or older than a day; a failure within 5 s    | wanted            | refuse                                     |
// | none, or older than a day                          | wanted            | fetch                                      |
// | there, asked for less than a minute ago            | wanted            | use it                                     |
// |                                                    | a newer is wanted | use it; refuse if asking has failed        |
// | there, no older than `keep`                        | wanted            | use it                                     |
// |                                                    | a newer is wanted | fetch                                      |
// | there, older                                       | wanted            | fetch; if that fails, what is there serves |
#pragma once

#include <optional>

#include <ironjar/types.hpp>

namespace ironjar::detail {

class Freshness {
 public:
  enum class Step { use, fetch, wait, refuse };
  enum class Wanted { any, newer };

  explicit Freshness(Seconds keep) : keep_(keep) {}

  // After `fetch` the caller asks for the document, and calls fetched() once.
  [[nodiscard]] Step ask(Wanted wanted, MonotonicTime now);
  void fetched(bool isThere, MonotonicTime now);
  // Whether there is one that may be used.
  [[nodiscard]] bool serves(MonotonicTime now) const;

 private:
  const Seconds keep_;
  bool isAsked_ = false;                      // and not answered yet
  std::optional<MonotonicTime> askedAt_;      // last
  std::optional<MonotonicTime> failedAt_;     // last, unless it has succeeded since
  std::optional<MonotonicTime> documentsOf_;  // when what is there was asked for
};

}  // namespace ironjar::detail

// Telling an observer. What it throws is dropped: watching must not change what happens.
#pragma once

#include <ironjar/observer.hpp>

namespace ironjar::detail {

// `event` is made only when somebody watches.
template <class MakeEvent>
void notify(const Observer& observer, const MakeEvent& event) {
  if (!observer) return;
  try {
    observer(event());
  } catch (...) {  // NOLINT(bugprone-empty-catch): see above
  }
}

}  // namespace ironjar::detail

#include "json/json.hpp"

#include <ironjar/shared_json.hpp>

namespace ironjar::detail {

Json& SharedJson::own() {
  // What the others have read, they read before they let go.
  if (node_ == nullptr || node_->owners.load(std::memory_order_acquire) != 1) *this = SharedJson(Json(**this));
  return node_->value;
}

// Never freed: a session may be made by a destructor at the end of the program.
const Json& SharedJson::none() noexcept {
  static const Json& none = *new Json(Json::object());
  return none;
}

void SharedJson::letGo() noexcept {
  dismantle(node_->value);
  delete node_;
}

}  // namespace ironjar::detail

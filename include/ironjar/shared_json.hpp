// How a Session holds its data: copies of a session share it until one of them changes.
#pragma once

#include <atomic>
#include <utility>

#include <ironjar/types.hpp>

namespace ironjar::detail {

// A JSON value of few enough levels to be copied; an empty object to begin with. Copies may be on different threads,
// one is for one thread at a time.
class SharedJson {
 public:
  SharedJson() noexcept = default;
  explicit SharedJson(Json&& value) : node_(new Node{.value = std::move(value)}) {}
  SharedJson(const SharedJson& other) noexcept : node_(other.node_) {
    if (node_ != nullptr) node_->owners.fetch_add(1, std::memory_order_relaxed);
  }
  SharedJson(SharedJson&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  SharedJson& operator=(SharedJson other) noexcept {
    std::swap(node_, other.node_);
    return *this;
  }
  ~SharedJson() {
    if (node_ != nullptr && node_->owners.fetch_sub(1, std::memory_order_acq_rel) == 1) letGo();
  }

  [[nodiscard]] const Json& operator*() const noexcept { return node_ != nullptr ? node_->value : none(); }
  [[nodiscard]] const Json* operator->() const noexcept { return &**this; }
  [[nodiscard]] Json& own();  // to be changed: a copy if others hold it
  // Whether neither has changed since one was copied from the other: equal then, and otherwise perhaps.
  [[nodiscard]] bool isShared(const SharedJson& other) const noexcept { return node_ == other.node_; }

 private:
  struct Node {
    std::atomic<unsigned> owners{1};
    Json value;
  };

  static const Json& none() noexcept;
  void letGo() noexcept;

  Node* node_ = nullptr;
};

}  // namespace ironjar::detail

#include "sim/redis/data.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace sim {
namespace {

using ironjar::MonotonicTime;
using ironjar::detail::RedisScript;
using ironjar::detail::Reply;
using Millis = std::chrono::milliseconds;
using Texts = RedisData::Texts;

constexpr std::size_t mostSteps = 64;  // that can be taken back

Reply text(std::string what) { return {.kind = Reply::Kind::text, .text = std::move(what)}; }
Reply number(std::size_t what) { return {.kind = Reply::Kind::number, .number = static_cast<long long>(what)}; }
Reply list(std::vector<Reply> items) {
  Reply reply;
  reply.kind = Reply::Kind::array;
  reply.items = std::move(items);
  return reply;
}
Reply word(std::string what) { return list({text(std::move(what))}); }

Millis millis(const std::string& text) { return Millis{std::stoll(text)}; }

}  // namespace

// One script while it runs: the functions of scripts.cpp by their names there.
class RedisData::Step {
 public:
  Step(RedisData& data, const Texts& keys, const Texts& arguments, MonotonicTime now)
      : data_(data), keys_(keys), arguments_(arguments), now_(now), n_(keys.size() / 3) {}

  Reply claim() {
    if (const Known known = this->known()) return known.reply();
    for (std::size_t j = 0; j < n_; ++j) {
      const auto other = holder(j);
      if (other && *other != owner()) return list({text("locked"), text(*other)});
    }
    for (std::size_t j = 0; !what().empty() && j < n_; ++j) {
      const auto last = read(lastOf(j));
      if (last && last->starts_with(what() + "|f")) {
        return list({text("failed"), text(last->substr(what().size() + 2))});
      }
    }
    for (std::size_t j = 0; j < n_; ++j) {
      if (find(lockOf(j)) == nullptr) {
        set(lockOf(j), owner(), lease());
      } else {
        expire(lockOf(j), lease());
      }
      set(lastOf(j), owner(), keep());
    }
    return word("mine");
  }

  Reply publish() {
    const Known known = this->known();
    for (std::size_t j = 0; known.kind == 'o' && j < n_; ++j) {
      const Value* const value = find(keys_[j]);
      if (value != nullptr && (!value->endsAt || *value->endsAt - now_ < ttl())) expire(keys_[j], ttl());
    }
    if (known.kind == 'o' && what() == "r") return known.reply();
    bool newest = true;
    for (std::size_t j = 0; j < n_; ++j) {
      const auto last = read(lastOf(j));
      if (last && !last->starts_with(owner())) newest = false;
      if (holder(j) == owner()) remove(lockOf(j));
    }
    for (std::size_t j = 0; j < n_; ++j) published.push_back(lockOf(j));
    const std::string mark = what() == "f" ? "|f" + note() : "|" + what();
    for (std::size_t j = 0; newest && j < n_; ++j) set(lastOf(j), owner() + mark, keep());
    if (known.kind == 'o') return known.reply();
    if (known.kind == 'r' && !(what() == "r" && newest)) return known.reply();
    if (known.kind == 'd' && what() == "r" && !newest) return known.reply();
    if (what() == "f") return word("stored");
    if (what() == "d" && !newest) return word("refused");
    storeValues();
    return word("stored");
  }

  Reply renew() {
    for (std::size_t j = 0; j < n_; ++j) {
      const auto other = holder(j);
      const auto last = read(lastOf(j));
      if ((other && *other != owner()) || (last && *last != owner())) return word("lost");
    }
    for (std::size_t j = 0; j < n_; ++j) {
      set(lockOf(j), owner(), lease());
      set(lastOf(j), owner(), keep());
    }
    return word("renewed");
  }

  Reply logOut() {
    const Known known = this->known();
    if (known.kind == 'd') return known.reply();
    if (known.kind == 'o') {
      const std::string ended = part(known.value, 1, 16);
      const bool isOlder = ended >= part(newValue(known.index), 1, 16);
      if (isOlder || part(note(), 0, 13) <= part(ended, 0, 13)) return known.reply();
    }
    storeValues();
    return known ? known.reply() : word("none");
  }

  Reply lookUp() {
    std::vector<Reply> values;
    for (const std::string& key : keys_) {
      auto value = read(key);
      values.push_back(value ? text(*std::move(value)) : Reply());
    }
    return list(std::move(values));
  }

  Reply store() {
    for (std::size_t i = 0; i < keys_.size(); ++i) set(keys_[i], arguments_.at(2 + i), millis(arguments_.at(1)));
    return word("stored");
  }

  Reply storeLatest() {
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      const auto held = read(keys_[i]);
      if (!held || *held < arguments_.at(2 + i)) set(keys_[i], arguments_.at(2 + i), millis(arguments_.at(1)));
    }
    return word("stored");
  }

  // When it has run.
  void end() {
    if (before_.empty()) return;
    data_.written_.push_back({now_, std::move(before_)});
    if (data_.written_.size() > mostSteps) data_.written_.pop_front();
  }

  Texts published;

 private:
  struct Known {
    std::size_t index = 0;
    std::string value = {};
    char kind = 0;

    explicit operator bool() const { return kind != 0; }
    [[nodiscard]] Reply reply() const { return list({text("value"), number(index + 1), text(value)}); }
  };

  static std::string part(const std::string& text, std::size_t from, std::size_t size) {
    return from < text.size() ? text.substr(from, size) : std::string();
  }
  [[nodiscard]] const std::string& owner() const { return arguments_.at(1); }
  [[nodiscard]] Millis lease() const { return millis(arguments_.at(2)); }
  [[nodiscard]] Millis keep() const { return millis(arguments_.at(3)); }
  [[nodiscard]] Millis longest() const { return millis(arguments_.at(4)); }
  [[nodiscard]] const std::string& what() const { return arguments_.at(ironjar::detail::whatArgument); }
  [[nodiscard]] const std::string& note() const { return arguments_.at(ironjar::detail::noteArgument); }
  [[nodiscard]] const std::string& passedOver(std::size_t i) const {
    return arguments_.at(ironjar::detail::tokenArguments + i);
  }
  [[nodiscard]] const std::string& newValue(std::size_t i) const {
    return arguments_.at(ironjar::detail::tokenArguments + n_ + i);
  }
  [[nodiscard]] const std::string& lockOf(std::size_t i) const { return keys_[n_ + i]; }
  [[nodiscard]] const std::string& lastOf(std::size_t i) const { return keys_[2 * n_ + i]; }

  [[nodiscard]] Millis ttl() const { return millis(arguments_.at(7)); }

  void storeValues() {
    for (std::size_t j = 0; j < n_; ++j) set(keys_[j], newValue(j), ttl());
  }

  Known known() {
    std::vector<std::optional<std::string>> values;
    for (std::size_t i = 0; i < n_; ++i) {
      values.push_back(read(keys_[i]));
      if (values.back() == passedOver(i)) values.back().reset();
    }
    for (const char kind : std::string_view("ord")) {
      for (std::size_t i = 0; i < n_; ++i) {
        if (values[i] && values[i]->front() == kind) return {i, *values[i], kind};
      }
    }
    return {};
  }

  std::optional<std::string> holder(std::size_t i) {
    const Value* const lock = find(lockOf(i));
    if (lock == nullptr) return std::nullopt;
    if (!lock->endsAt || *lock->endsAt - now_ > longest()) {
      remove(lockOf(i));
      return std::nullopt;
    }
    return read(lockOf(i));
  }

  std::optional<std::string> read(const std::string& key) {
    const Value* const value = find(key);
    if (value == nullptr || (value->isText && value->text.empty())) return std::nullopt;
    if (value->isText && value->text.size() <= std::stoull(arguments_.at(0))) return value->text;
    remove(key);
    return std::nullopt;
  }

  [[nodiscard]] const Value* find(const std::string& key) const {
    const auto found = data_.values_.find(key);
    const bool isThere = found != data_.values_.end() && (!found->second.endsAt || *found->second.endsAt > now_);
    return isThere ? &found->second : nullptr;
  }
  void note(const std::string& key) {
    const auto found = data_.values_.find(key);
    before_.try_emplace(key, found == data_.values_.end() ? std::nullopt : std::optional(found->second));
  }
  void set(const std::string& key, const std::string& value, Millis ttl) {
    note(key);
    data_.values_.insert_or_assign(key, Value{value, true, now_ + ttl});
  }
  void expire(const std::string& key, Millis ttl) {
    note(key);
    data_.values_.at(key).endsAt = now_ + ttl;
  }
  void remove(const std::string& key) {
    note(key);
    data_.values_.erase(key);
  }

  RedisData& data_;
  const Texts& keys_;
  const Texts& arguments_;
  const MonotonicTime now_;
  const std::size_t n_;
  std::map<std::string, std::optional<Value>> before_;
};

RedisData::Answer RedisData::run(const RedisScript& script, const Texts& keys, const Texts& arguments,
                                 MonotonicTime now) {
  using namespace ironjar::detail;
  Step step(*this, keys, arguments, now);
  const std::array<std::pair<const RedisScript*, Reply (Step::*)()>, 7> scripts = {
      {{&claimScript(), &Step::claim},
       {&publishScript(), &Step::publish},
       {&renewScript(), &Step::renew},
       {&logOutScript(), &Step::logOut},
       {&lookUpScript(), &Step::lookUp},
       {&storeScript(), &Step::store},
       {&storeLatestScript(), &Step::storeLatest}}};
  const auto found =
      std::find_if(scripts.begin(), scripts.end(), [&](const auto& one) { return one.first == &script; });
  if (found == scripts.end()) throw std::logic_error("a script that is not simulated");
  Reply reply = (step.*found->second)();
  step.end();
  return {std::move(reply), std::move(step.published)};
}

std::size_t RedisData::takeBack(MonotonicTime since) {
  std::size_t count = 0;
  for (; !written_.empty() && written_.back().at >= since; ++count) {
    for (auto& [key, before] : written_.back().before) {
      if (before) {
        values_.insert_or_assign(key, *std::move(before));
      } else {
        values_.erase(key);
      }
    }
    written_.pop_back();
  }
  written_.clear();  // the new master sends no more of it
  return count;
}

void RedisData::clear() {
  values_.clear();
  written_.clear();
}

std::map<std::string, RedisData::Value> RedisData::all(MonotonicTime now) const {
  auto there = values_;
  std::erase_if(there, [&](const auto& one) { return one.second.endsAt && *one.second.endsAt <= now; });
  return there;
}

}  // namespace sim

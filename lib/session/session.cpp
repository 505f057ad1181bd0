#include "base/hex.hpp"
#include "crypto/sodium.hpp"
#include "json/json.hpp"
#include "seal/seal_format.hpp"

#include <array>
#include <span>
#include <utility>

#include <ironjar/session.hpp>

namespace ironjar {
namespace {

std::string randomId() {
  std::string id(16, '\0');
  detail::random(detail::writable(id.data(), id.size()));
  return id;
}

// Never freed: a session may be made by a destructor at the end of the program.
std::shared_ptr<const TokenNames> defaultTokenNames() {
  static const auto& names = *new auto(std::make_shared<const TokenNames>());
  return names;
}

}  // namespace

Session::Session() : Session(defaultTokenNames(), systemClock) { begin(now_()); }

Session::Session(std::shared_ptr<const TokenNames> names, Clock now)
    : tokenNames_(std::move(names)), now_(std::move(now)) {}

Session::~Session() {
  detail::dismantle(data_);
  for (Json& data : former_) detail::dismantle(data);
  for (auto& [spent, renewed] : renewals_) detail::dismantle(renewed);
}

void Session::begin(TimePoint now) {
  id_ = randomId();
  start_ = detail::unixSeconds(now);
  isNew_ = true;
}

const Json* Session::find(std::string_view key) const {
  const auto member = data_.find(key);
  return member == data_.end() ? nullptr : &*member;
}

bool Session::refuses(const Json& value, std::size_t level) {
  if (state_ != State::open) {
    rejection_ = fail(Errc::notAllowed, "written to after destroy() or detach()");
    return true;
  }
  const Result<std::size_t> bound = detail::jsonBound(value, level);
  if (!bound) rejection_ = bound.error();
  return !bound;
}

void Session::set(std::string_view key, const Json& value) {
  if (refuses(value, 1)) return;  // before it is copied, which takes stack for every level
  const Json* const present = find(key);
  if (present != nullptr && detail::isSameJson(*present, value)) return;
  Json copy = value;
  const detail::Dismantled unlessTaken(copy);
  store(key, std::move(copy));
}

void Session::set(std::string_view key, Json&& value) {
  const detail::Dismantled unlessTaken(value);
  if (!refuses(value, 1)) store(key, std::move(value));
}

void Session::store(std::string_view key, Json&& value) {
  const auto member = data_.find(key);
  if (member == data_.end()) {
    if (refuses(key)) return;  // one that is there was accepted before
    data_.emplace(key, std::move(value));
  } else {
    if (detail::isSameJson(*member, value)) return;
    detail::dismantle(*member);
    *member = std::move(value);
  }
  due_ = Due::write;
}

void Session::refuseDepth() { rejection_ = fail(Errc::tooLarge, "the data holds more than 64 levels"); }

void Session::erase(std::string_view key) {
  const auto member = data_.find(key);
  if (member == data_.end()) return;
  detail::dismantle(*member);
  data_.erase(member);
  due_ = Due::write;
}

void Session::assign(const Json& value) {
  if (refuses(value)) return;  // before it is copied, as in set()
  Json copy = value;
  assign(std::move(copy));
}

void Session::assign(Json&& value) {
  const detail::Dismantled unlessTaken(value);
  if (refuses(value)) return;
  if (!value.is_object()) {
    rejection_ = fail(Errc::malformed, "assign() takes a JSON object");
    return;
  }
  if (detail::isSameJson(value, data_)) return;
  detail::dismantle(data_);
  data_ = std::move(value);
  due_ = Due::write;
}

void Session::replace(std::initializer_list<std::string_view> keep) {
  if (refuses(nullptr)) return;
  Json kept = Json::object();
  const detail::Dismantled unlessTaken(kept);
  for (const std::string_view key : keep) {
    if (const Json* value = find(key)) kept[std::string(key)] = *value;
  }
  former_.push_back(std::move(kept));
  former_.back().swap(data_);
  due_ = Due::write;
  expiresAt_.reset();
  begin(now_());
}

void Session::detach() {
  if (destroyed()) return;
  detail::dismantle(data_);
  state_ = State::detached;
}

void Session::destroy() {
  if (destroyed()) return;
  former_.emplace_back(Json::object()).swap(data_);
  state_ = State::destroyed;
  due_ = Due::write;
}

std::string Session::id() const { return detail::hex(detail::bytes(id_)); }

std::string Session::tag() const {
  std::array<unsigned char, 16> digest{};
  detail::blake2b(digest, detail::bytes("ironjar session tag"), detail::bytes(id_));
  return detail::hex(std::span(digest).first(8));
}

TimePoint Session::startedAt() const { return detail::fromUnixMilliseconds(start_ * 1000); }

}  // namespace ironjar

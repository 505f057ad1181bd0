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
  for (auto& [spent, renewed] : renewals_) detail::dismantle(renewed);
}

void Session::begin(TimePoint now) {
  detail::random(id_);
  start_ = detail::unixSeconds(now);
  isNew_ = true;
}

const Json* Session::find(std::string_view key) const {
  const auto member = data_->find(key);
  return member == data_->end() ? nullptr : &*member;
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
  const Json* const present = find(key);
  if (present == nullptr) {
    if (refuses(key)) return;  // one that is there was accepted before
    data_.own().emplace(key, std::move(value));
  } else {
    if (detail::isSameJson(*present, value)) return;
    Json& member = *data_.own().find(key);
    detail::dismantle(member);
    member = std::move(value);
  }
  due_ = Due::write;
}

void Session::refuseDepth() { rejection_ = fail(Errc::tooLarge, "the data holds more than 64 levels"); }

void Session::erase(std::string_view key) {
  if (!contains(key)) return;
  Json& data = data_.own();
  const auto member = data.find(key);
  detail::dismantle(*member);
  data.erase(member);
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
  if (detail::isSameJson(value, *data_)) return;
  data_ = detail::SharedJson(std::move(value));
  due_ = Due::write;
}

void Session::replace(std::initializer_list<std::string_view> keep) {
  if (refuses(nullptr)) return;
  Json kept = Json::object();
  const detail::Dismantled unlessTaken(kept);
  for (const std::string_view key : keep) {
    if (const Json* value = find(key)) kept[std::string(key)] = *value;
  }
  detail::SharedJson data(std::move(kept));
  former_.push_back({data_, start_});  // before anything has changed: there may be no memory for it
  data_ = std::move(data);
  due_ = Due::write;
  expiresAt_.reset();
  begin(now_());
}

void Session::detach() {
  if (destroyed()) return;
  data_ = {};
  state_ = State::detached;
}

void Session::destroy() {
  if (destroyed()) return;
  former_.push_back({data_, start_});  // as in replace()
  data_ = {};
  state_ = State::destroyed;
  due_ = Due::write;
}

std::string Session::id() const { return detail::hex(id_); }

std::string Session::tag() const {
  std::array<unsigned char, 16> digest{};
  detail::blake2b(digest, detail::bytes("ironjar session tag"), id_);
  return detail::hex(std::span(digest).first(8));
}

TimePoint Session::startedAt() const { return detail::fromUnixMilliseconds(start_ * 1000); }

}  // namespace ironjar

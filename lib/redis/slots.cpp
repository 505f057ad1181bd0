#include "redis/slots.hpp"

#include "base/number.hpp"
#include "redis/policy.hpp"

#include <algorithm>

namespace ironjar::detail {
namespace {

constexpr std::size_t longestHost = 255;  // of a name (RFC 1035 section 2.3.4)

// CRC-16/XMODEM: polynomial 0x1021, nothing reflected, from 0.
std::uint16_t crc16(std::string_view text) {
  constexpr unsigned polynomial = 0x1021;
  unsigned crc = 0;
  for (const char c : text) {
    crc ^= static_cast<unsigned>(static_cast<unsigned char>(c)) << 8U;
    for (int bit = 0; bit < 8; ++bit) crc = ((crc & 0x8000U) != 0 ? (crc << 1U) ^ polynomial : crc << 1U) & 0xffffU;
  }
  return static_cast<std::uint16_t>(crc);
}

bool isPort(long long port) { return port >= 1 && port <= 65535; }
bool isSlot(long long slot) { return slot >= 0 && slot < static_cast<long long>(slotCount); }

// `?` is a node that does not know what it is called.
bool isHost(std::string_view host) {
  const auto isOfAHost = [](char c) {
    const bool isLetter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return isLetter || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' || c == ':';
  };
  return !host.empty() && host.size() <= longestHost && std::all_of(host.begin(), host.end(), isOfAHost);
}

}  // namespace

Slot slotOf(std::string_view key) {
  const std::size_t open = key.find('{');
  if (open != std::string_view::npos) {
    const std::size_t close = key.find('}', open + 1);
    if (close != std::string_view::npos && close > open + 1) key = key.substr(open + 1, close - open - 1);
  }
  return crc16(key) % slotCount;
}

Result<SlotMap> SlotMap::read(const Reply& reply, const RedisEndpoint& answered) {
  if (reply.kind != Reply::Kind::array || reply.items.empty()) return fail(Errc::malformed, "a cluster without slots");
  SlotMap map;
  for (const Reply& range : reply.items) {
    if (auto problem = map.readRange(range, answered)) return *std::move(problem);
  }
  return map;
}

// {first, last, {host, port, …}, replicas …}
std::optional<Error> SlotMap::readRange(const Reply& range, const RedisEndpoint& answered) {
  const auto isNumber = [](const Reply& item) { return item.kind == Reply::Kind::number; };
  const auto& items = range.items;
  const bool isRange = items.size() >= 3 && isNumber(items[0]) && isNumber(items[1]) && items[2].items.size() >= 2;
  if (!isRange) return fail(Errc::malformed, "no range of slots");
  const auto& master = items[2].items;
  const long long first = items[0].number;
  const long long last = items[1].number;
  if (!isSlot(first) || !isSlot(last) || first > last) return fail(Errc::malformed, "slots that there are not");
  if (!isNumber(master[1]) || !isPort(master[1].number)) return fail(Errc::malformed, "a port that there is not");
  const bool isSelf = master[0].text.empty();
  if (!isSelf && !isHost(master[0].text)) return std::nullopt;  // of whom nobody knows where it is
  const auto node = numberOf({isSelf ? answered.host : master[0].text, static_cast<int>(master[1].number)});
  if (!node) return fail(Errc::malformed, "too many nodes");
  for (auto slot = static_cast<std::size_t>(first); slot <= static_cast<std::size_t>(last); ++slot) {
    if (owners_[slot] != nobody) return fail(Errc::malformed, "a slot of two nodes");
    owners_[slot] = *node;
  }
  return std::nullopt;
}

std::optional<std::uint16_t> SlotMap::numberOf(const RedisEndpoint& node) {
  const auto found = std::find(nodes_.begin(), nodes_.end(), node);
  const auto number = static_cast<std::uint16_t>(found - nodes_.begin());
  if (found != nodes_.end()) return number;
  if (nodes_.size() >= mostNodes) return std::nullopt;
  nodes_.push_back(node);
  return number;
}

std::optional<RedisEndpoint> SlotMap::ownerOf(Slot slot) const {
  const std::uint16_t number = owners_.at(slot);
  return number == nobody ? std::nullopt : std::optional(nodes_.at(number));
}

bool SlotMap::assign(Slot slot, const RedisEndpoint& owner) {
  const auto number = numberOf(owner);
  if (number) owners_.at(slot) = *number;
  return number.has_value();
}

std::optional<Redirection> redirectionIn(const Reply& error, const RedisEndpoint& answered) {
  if (error.kind != Reply::Kind::error) return std::nullopt;
  std::string_view text = error.text;
  const auto word = [&] {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view first = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return first;
  };
  const std::string_view name = word();
  if (name != "MOVED" && name != "ASK") return std::nullopt;
  const auto slot = parseCanonicalDecimal<int>(word());
  const std::string_view place = word();
  const std::size_t colon = place.rfind(':');
  if (!slot || !isSlot(*slot) || !text.empty() || colon == std::string_view::npos) return std::nullopt;
  const auto port = parseCanonicalDecimal<int>(place.substr(colon + 1));
  const std::string_view host = place.substr(0, colon);
  if (!port || !isPort(*port) || (!host.empty() && !isHost(host))) return std::nullopt;
  return Redirection{name == "ASK" ? Redirection::Kind::ask : Redirection::Kind::moved,
                     static_cast<Slot>(*slot),
                     {host.empty() ? answered.host : std::string(host), *port}};
}

}  // namespace ironjar::detail

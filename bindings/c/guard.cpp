#include "guard.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include <ironjar/types.hpp>

namespace ironjar::c {
namespace {

constexpr std::size_t longestText = 1024 * 1024;  // far above every limit inside, far below what harms
constexpr std::size_t detailAt = offsetof(ironjar_error, detail);

// UTF-8 is not cut inside a character.
std::size_t fitting(std::string_view text, std::size_t room) {
  if (text.size() <= room) return text.size();
  while (room > 0 && (static_cast<unsigned char>(text[room]) & 0xc0U) == 0x80) --room;
  return room;
}

}  // namespace

bool isUsable(const ironjar_error* error) noexcept { return error == nullptr || error->size > detailAt; }

ironjar_status report(ironjar_error* error, ironjar_status status, std::string_view detail) noexcept {
  if (error == nullptr) return status;
  error->status = status;
  const std::size_t room = std::min<std::size_t>(error->size, sizeof(ironjar_error)) - detailAt - 1;
  const std::size_t size = fitting(detail, room);
  if (size > 0) std::memcpy(error->detail, detail.data(), size);
  error->detail[size] = '\0';
  return status;
}

std::string_view textIn(const char* text, std::size_t size, const char* name) {
  if (size == 0) return {};
  if (text == nullptr) throw std::invalid_argument(std::string("ironjar: ") + name + " is null");
  if (size > longestText) throw std::length_error(name);
  return {text, size};
}

TextOut::TextOut(char* buffer, std::size_t* size, const char* name)
    : buffer_(buffer), size_(size), room_(size == nullptr ? 0 : *size) {
  if (size == nullptr) throw std::invalid_argument(std::string("ironjar: the size of ") + name + " is null");
  *size = 0;
  if (buffer == nullptr && room_ != 0) throw std::invalid_argument(std::string("ironjar: ") + name + " is null");
}

Outcome TextOut::put(std::string_view text) const {
  *size_ = text.size();
  if (text.size() > room_) return {IRONJAR_BUFFER_TOO_SMALL, std::to_string(text.size()) + " bytes are needed"};
  if (!text.empty()) std::memcpy(buffer_, text.data(), text.size());
  return {};
}

std::string jsonText(std::string_view text) { return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace ironjar::c

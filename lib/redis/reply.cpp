#include "redis/reply.hpp"

#include "redis/policy.hpp"

#include <algorithm>
#include <memory>
#include <stdexcept>

namespace ironjar::detail {
namespace {

// Called by hiredis, through which no exception may pass; nullptr ends the reading. The root owns the whole reply, the
// others are its items.
template <class Fill>
void* place(const redisReadTask* task, Fill fill) noexcept {
  try {
    std::unique_ptr<Reply> root;
    Reply* reply = nullptr;
    if (task->parent == nullptr) {
      root = std::make_unique<Reply>();
      reply = root.get();
    } else {
      reply = &static_cast<Reply*>(task->parent->obj)->items.at(static_cast<std::size_t>(task->idx));
    }
    if (!fill(*reply)) return nullptr;
    return root ? root.release() : reply;
  } catch (...) {
    return nullptr;
  }
}

void* placeText(const redisReadTask* task, char* text, std::size_t size) {
  return place(task, [&](Reply& reply) {
    reply.kind = task->type == REDIS_REPLY_ERROR ? Reply::Kind::error : Reply::Kind::text;
    reply.text.assign(text, size);
    return true;
  });
}

void* placeNumber(const redisReadTask* task, long long number) {
  return place(task, [&](Reply& reply) {
    reply.kind = Reply::Kind::number;
    reply.number = number;
    return true;
  });
}

void* placeNil(const redisReadTask* task) {
  return place(task, [](Reply&) { return true; });
}

// RESP3's: where hiredis 1.x finds no function for them, it makes up a pointer.
template <class Functions>
void refuseNewerKinds(Functions& made) {
  if constexpr (requires { made.createDouble; }) {
    made.createDouble = [](const redisReadTask*, double, char*, std::size_t) -> void* { return nullptr; };
  }
  if constexpr (requires { made.createBool; }) {
    made.createBool = [](const redisReadTask*, int) -> void* { return nullptr; };
  }
}

// A count is an int in hiredis 0.14 and a size_t in 1.x.
redisReplyObjectFunctions functions() {
  redisReplyObjectFunctions made{};
  refuseNewerKinds(made);
  made.createString = placeText;
  made.createInteger = placeNumber;
  made.createNil = placeNil;
  made.createArray = [](const redisReadTask* task, auto count) -> void* {
    return place(task, [&](Reply& reply) {
      const bool isNested = task->parent != nullptr;
      auto* const all = static_cast<std::size_t*>(task->privdata);
      const std::size_t most = all != nullptr && !isNested ? mostRanges : mostItems;
      if ((isNested && all == nullptr) || static_cast<std::size_t>(count) > most) return false;
      if (all != nullptr && (*all += static_cast<std::size_t>(count)) > mostNestedItems) return false;
      reply.kind = Reply::Kind::array;
      reply.items.resize(static_cast<std::size_t>(count));
      return true;
    });
  };
  made.freeObject = [](void* root) { delete static_cast<Reply*>(root); };
  return made;
}

redisReader* makeReader(std::size_t* items) {
  static redisReplyObjectFunctions made = functions();
  redisReader* reader = redisReaderCreateWithFunctions(&made);
  if (reader == nullptr) throw std::runtime_error("ironjar: hiredis has no memory for a reader");
  reader->privdata = items;
  return reader;
}

}  // namespace

std::string Reply::errorName() const {
  constexpr std::size_t longest = 24;
  const std::string word = text.substr(0, std::min(text.find(' '), longest));
  const bool isName =
      !word.empty() && std::all_of(word.begin(), word.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
  return isName ? word : "an error";
}

bool Reply::refusesUser() const {
  const std::string name = kind == Kind::error ? errorName() : std::string();
  return name == "NOAUTH" || name == "NOPERM";
}

ReplyReader::ReplyReader(Arrays arrays)
    : items_(arrays == Arrays::nested ? std::make_unique<std::size_t>(0) : nullptr),
      reader_(makeReader(items_.get())) {}

Result<std::optional<Reply>> ReplyReader::read(std::string_view received) {
  pending_ += received.size();
  if (pending_ > mostReplyBytes) return fail(Errc::tooLarge, "an answer of more than 4 MiB");
  if (redisReaderFeed(reader_.get(), received.data(), received.size()) != REDIS_OK) {
    return fail(Errc::malformed, "no RESP");
  }
  void* root = nullptr;
  if (redisReaderGetReply(reader_.get(), &root) != REDIS_OK) return fail(Errc::malformed, "no RESP");
  if (root == nullptr) return std::optional<Reply>();
  const std::unique_ptr<Reply> reply(static_cast<Reply*>(root));
  pending_ = 0;
  if (items_) *items_ = 0;
  return std::optional(std::move(*reply));
}

}  // namespace ironjar::detail

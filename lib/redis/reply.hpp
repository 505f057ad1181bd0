// What a Redis server answers (RESP2), read by hiredis within bounds: the server may be anything.
#pragma once

#include "base/handle.hpp"

#include <cstddef>
#include <hiredis/hiredis.h>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <ironjar/error.hpp>

namespace ironjar::detail {

struct Reply {
  enum class Kind { nil, text, number, array, error };
  Kind kind = Kind::nil;
  std::string text = {};  // of a text or an error
  long long number = 0;
  std::vector<Reply> items = {};

  [[nodiscard]] bool isText(std::string_view expected) const { return kind == Kind::text && text == expected; }
  // An error's first word, e.g. READONLY: the rest may repeat what was sent.
  [[nodiscard]] std::string errorName() const;
  // Whether the server answers so because of who asks: no user, or one that may not do that.
  [[nodiscard]] bool refusesUser() const;
};

class ReplyReader {
 public:
  // What an array may hold. Nested: mostNestedItems in all.
  enum class Arrays { flat, nested };
  explicit ReplyReader(Arrays arrays = Arrays::flat);

  // One reply, when all of it has come. Errc::malformed for what is no RESP2, Errc::tooLarge beyond what any answer to
  // us can be; the connection is good for nothing then.
  [[nodiscard]] Result<std::optional<Reply>> read(std::string_view received);

 private:
  std::unique_ptr<std::size_t> items_;  // of the reply that is under way, where arrays may nest
  Handle<redisReader, redisReaderFree> reader_;
  std::size_t pending_ = 0;  // bytes of the reply that is under way
};

}  // namespace ironjar::detail

#include "base/utf8.hpp"

#include "support/support.hpp"

namespace utf8_test {

using namespace ironjar::detail;

TEST_CASE("UTF-8 is counted in UTF-16 units") {
  CHECK(utf16Length("abc") == 3);
  CHECK(utf16Length("é日\U0001F36A") == 4);
  for (const char* bad : {"\x80", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
                          "\xe3\x81", "\xf0\x9f\x8d"}) {
    CHECK_FALSE(utf16Length(bad));
  }
}

}  // namespace utf8_test

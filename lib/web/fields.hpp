// Lists of header fields, and looking at those of a request.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <ironjar/web.hpp>

namespace ironjar::detail {

// The value of a field that came once. Nothing for one that is absent; more than one is `repeats`.
struct Single {
  std::optional<std::string_view> value;
  bool repeats = false;
};
[[nodiscard]] Single singleField(const WebRequest& request, std::string_view name);
[[nodiscard]] bool hasField(const WebRequest& request, std::string_view name);

// Whether its body says that it is application/x-www-form-urlencoded, whatever its parameters.
[[nodiscard]] bool isForm(const WebRequest& request);

// Whether the request's one Origin is one of these; without any, whether it is of the Host that the request was sent
// to, as isSameOrigin says. Nothing else that the request has counts.
[[nodiscard]] bool isOriginOfSite(const WebRequest& request, const Origins& origins);

// The options of all Connection fields: names of fields that are for this hop only (RFC 9110 section 7.6.1). Reading
// them, and looking one up, takes no longer for being chosen by an attacker.
class ConnectionOptions {
 public:
  template <class Fields>
  explicit ConnectionOptions(const Fields& fields) {
    for (const auto& [name, value] : fields) {
      if (isConnection(name)) add(value);
    }
    sort();
  }
  [[nodiscard]] bool name(std::string_view field) const;

 private:
  static bool isConnection(std::string_view name);
  void add(std::string_view value);
  void sort();

  std::vector<std::string> options_;  // in lower case, sorted
};

// A field's name in lower case, with everything but letters and digits as `-`: CGI and its like tell them apart no
// more.
[[nodiscard]] std::string foldedName(std::string_view name);

// Whether it is for one hop only, whatever Connection says, or frames the message. `name` is in lower case.
[[nodiscard]] bool isHopByHop(std::string_view name);
// Whether it says how long, and by whom, an answer may be stored. `name` is in lower case.
[[nodiscard]] bool isCaching(std::string_view name);

}  // namespace ironjar::detail

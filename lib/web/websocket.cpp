#include "web/websocket.hpp"

#include "base/ascii.hpp"
#include "base/base64url.hpp"
#include "crypto/libcrypto.hpp"
#include "http/field.hpp"
#include "web/answer.hpp"
#include "web/fields.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace ironjar {
namespace {

constexpr std::string_view keyField = "Sec-WebSocket-Key";
constexpr std::string_view acceptField = "Sec-WebSocket-Accept";
constexpr std::string_view versionField = "Sec-WebSocket-Version";
constexpr std::string_view protocolField = "Sec-WebSocket-Protocol";
constexpr std::string_view extensionsField = "Sec-WebSocket-Extensions";
constexpr std::string_view ownVersion = "13";
constexpr std::size_t mostMembers = 32;  // of a list: each is looked for among others

using Members = std::vector<std::string_view>;

// The members of all fields of that name (RFC 9110 section 5.6.1); a comma in quotes is none between members.
template <class Fields>
Members membersOf(const Fields& fields, std::string_view name) {
  Members members;
  for (const auto& [other, whole] : fields) {
    if (!detail::equalIgnoringCase(other, name)) continue;
    const std::string_view value = whole;
    std::size_t begin = 0;
    bool isQuoted = false;
    for (std::size_t at = 0; at <= value.size(); ++at) {
      if (at < value.size() && value[at] == '"') isQuoted = !isQuoted;
      if (at < value.size() && (value[at] != ',' || isQuoted)) continue;
      members.push_back(detail::trim(value.substr(begin, at - begin)));
      begin = at + 1;
    }
  }
  return members;
}

std::string joined(const Members& members) {
  std::string all;
  for (const std::string_view member : members) all.append(all.empty() ? "" : ", ").append(member);
  return all;
}

bool contains(const Members& members, std::string_view member) {
  return std::find(members.begin(), members.end(), member) != members.end();
}

bool isSet(Members members) {
  std::sort(members.begin(), members.end());
  return std::adjacent_find(members.begin(), members.end()) == members.end();
}

// The names of extensions, each before its parameters (RFC 6455 section 9.1).
Members namesOf(Members extensions) {
  for (std::string_view& extension : extensions)
    extension = detail::trim(extension.substr(0, std::min(extension.find(';'), extension.size())));
  return extensions;
}

bool areFewTokens(const Members& members) {
  return members.size() <= mostMembers && std::all_of(members.begin(), members.end(), detail::isToken);
}

// One spelling of 16 bytes: what is left of the last character is zero.
bool isKey(std::string_view key) {
  constexpr std::size_t characters = 22;
  if (key.size() != characters + 2 || !key.ends_with("==") || key.find_first_of("-_") != std::string_view::npos) {
    return false;
  }
  std::string text(key.substr(0, characters));
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  std::array<unsigned char, 16> bytes{};
  return detail::decodeBase64url(text, bytes);
}

bool isMalformed(const WebRequest& request) {
  if (request.method != "GET" || request.bodyFollows || !request.body.empty()) return true;
  if (detail::hasField(request, "Transfer-Encoding")) return true;
  const detail::Single key = detail::singleField(request, keyField);
  if (key.repeats || !key.value || !isKey(*key.value)) return true;
  const Members protocols = membersOf(request.fields, protocolField);
  const Members extensions = membersOf(request.fields, extensionsField);
  if (!areFewTokens(protocols) || !isSet(protocols) || !areFewTokens(namesOf(extensions))) return true;
  return !std::all_of(extensions.begin(), extensions.end(), detail::isFieldValue);
}

bool hasOwnVersion(const WebRequest& request) {
  const detail::Single version = detail::singleField(request, versionField);
  return !version.repeats && version.value == ownVersion;
}

}  // namespace

bool asksForWebSocket(const WebRequest& request) {
  const auto lists = [&](std::string_view field, std::string_view wanted) {
    const Members members = membersOf(request.fields, field);
    return std::any_of(members.begin(), members.end(),
                       [&](std::string_view member) { return detail::equalIgnoringCase(member, wanted); });
  };
  return lists("Upgrade", "websocket") && lists("Connection", "Upgrade");
}

namespace detail {

std::string webSocketAccept(std::string_view key) {
  std::array<unsigned char, sha1Size> hash{};
  sha1(hash, bytes(std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
  std::string accept;
  appendBase64url(accept, hash);
  std::replace(accept.begin(), accept.end(), '-', '+');
  std::replace(accept.begin(), accept.end(), '_', '/');
  return accept.append("=");
}

std::optional<Response> refuseWebSocket(const WebRequest& request, const Origins& origins) {
  if (isMalformed(request)) return answer(400, "malformed_handshake");
  if (!hasOwnVersion(request)) {
    Response response = answer(426, "websocket_version");
    response.headers.emplace_back(versionField, ownVersion);
    return response;
  }
  if (!isOriginOfSite(request, origins)) return crossSiteAnswer();
  return std::nullopt;
}

Headers webSocketFields(const WebRequest& request) {
  Headers fields = {{std::string(versionField), std::string(ownVersion)}};
  fields.emplace_back(keyField, singleField(request, keyField).value.value_or(""));
  for (const std::string_view name : {protocolField, extensionsField}) {
    if (hasField(request, name)) fields.emplace_back(name, joined(membersOf(request.fields, name)));
  }
  return fields;
}

std::optional<Headers> webSocketAnswer(const WebRequest& request, const Response& response) {
  const Members accept = membersOf(response.headers, acceptField);
  const Members protocols = membersOf(response.headers, protocolField);
  const Members extensions = membersOf(response.headers, extensionsField);
  const std::string expected = webSocketAccept(singleField(request, keyField).value.value_or(""));
  if (accept.size() != 1 || accept.front() != expected || protocols.size() > 1) return std::nullopt;
  Headers fields = {{std::string(acceptField), expected}};
  if (!protocols.empty()) {
    const Members asked = membersOf(request.fields, protocolField);
    if (!isToken(protocols.front()) || !contains(asked, protocols.front())) return std::nullopt;
    fields.emplace_back(protocolField, protocols.front());
  }
  const Members offered = namesOf(membersOf(request.fields, extensionsField));
  const Members taken = namesOf(extensions);
  if (taken.size() > mostMembers || !std::all_of(extensions.begin(), extensions.end(), detail::isFieldValue)) {
    return std::nullopt;
  }
  if (!std::all_of(taken.begin(), taken.end(), [&](std::string_view name) { return contains(offered, name); })) {
    return std::nullopt;
  }
  if (!extensions.empty()) fields.emplace_back(extensionsField, joined(extensions));
  return fields;
}

}  // namespace detail
}  // namespace ironjar

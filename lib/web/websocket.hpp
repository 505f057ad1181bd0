// A WebSocket's opening handshake (RFC 6455 section 4): which requests may have one, and which answers grant it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <ironjar/web.hpp>

namespace ironjar::detail {

// What the server's Sec-WebSocket-Accept has to be for that Sec-WebSocket-Key (RFC 6455 section 4.2.2).
[[nodiscard]] std::string webSocketAccept(std::string_view key);

// What to answer to a request that asks for a WebSocket and must not have one:
//   400 malformed_handshake  another method than GET, a body, a Sec-WebSocket-Key that is not 16 bytes as base64,
//                            subprotocols or extensions that are no list, any of these fields twice where it may not be
//   426 websocket_version    a Sec-WebSocket-Version other than 13, which the answer names (section 4.4)
//   403 cross_site_request   no Origin, several, or one of another site. Browsers send the cookie with a WebSocket's
//                            request of any site's page and ask for no preflight (section 10.2): nothing but Origin
//                            counts.
[[nodiscard]] std::optional<Response> refuseWebSocket(const WebRequest& request, const Origins& origins);

// The handshake's own fields as they go up, of a request that is not refused.
[[nodiscard]] Headers webSocketFields(const WebRequest& request);

// The handshake's own fields of the API's 101 as they go down. Nothing unless they answer that request: its key, one of
// its subprotocols or none, its extensions alone (section 4.1).
[[nodiscard]] std::optional<Headers> webSocketAnswer(const WebRequest& request, const Response& response);

}  // namespace ironjar::detail

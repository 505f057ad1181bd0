// The adapter to cpp-httplib (https://github.com/yhirose/cpp-httplib), from Debian's 0.11.4 on. Header-only, and
// compiled with the application's own httplib and its macros; link that one yourself. POSIX.
//
// Know before you build on it:
// - httplib below 0.44 percent-decodes header values: another cookie's `%3B` reaches ironjar as `;`, and what follows
//   as a cookie of its own. A sister domain can so lock a visitor out, not in: a session planted beside the visitor's
//   own under a `__Host-` name makes neither count, until the other cookie goes.
// - httplib refuses a header line over 8192 bytes, all cookies of the site included.
// - A server serves one request a connection, on 64 threads; a handler that waits for an API holds one of them.
//   Both are HardenedServer's, which every route with a session needs: see <ironjar/httplib/server.hpp>.
//
// Example:
//   const ironjar::HardenedServer hardened(server);
//   ironjar::mountAuth(hardened, jar, fetcher);
//   ironjar::proxy(hardened, "/api", jar, fetcher, "https://api.example.com");
#pragma once

#include <ironjar/httplib/auth.hpp>
#include <ironjar/httplib/login.hpp>
#include <ironjar/httplib/proxy.hpp>
#include <ironjar/httplib/server.hpp>
#include <ironjar/httplib/session.hpp>
#include <ironjar/httplib/stream.hpp>
#include <ironjar/httplib/transport.hpp>

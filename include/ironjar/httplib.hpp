// The adapter to cpp-httplib (https://github.com/yhirose/cpp-httplib), from Debian's 0.11.4 on. Header-only, and
// compiled with the application's own httplib and its macros; link that one yourself. POSIX.
//
// Know before you build on it:
// - httplib below 0.44 percent-decodes header values, so a Cookie header's `%3B` reaches ironjar as `;`. ironjar's own
//   cookies hold no `%`; another cookie's may turn into several, which at worst adds decoys.
// - httplib refuses a header line over 8192 bytes, all cookies of the site included.
// - httplib reads a response's status line with std::regex, which takes stack for every character: an API or a provider
//   that sends one of 20 kB ends the process. Talk to peers that you trust that far, or through a proxy that bounds it.
// - A server serves one request a connection, on 64 threads; a handler that waits for an API holds one of them. Both
// are
//   HardenedServer's, which every route with a session needs: see <ironjar/httplib/server.hpp>.
#pragma once

#include <ironjar/httplib/auth.hpp>
#include <ironjar/httplib/proxy.hpp>
#include <ironjar/httplib/server.hpp>
#include <ironjar/httplib/session.hpp>
#include <ironjar/httplib/transport.hpp>

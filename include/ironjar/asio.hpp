// The adapter to Boost.Asio (https://www.boost.org/libs/asio), from 1.81 on. Header-only: link OpenSSL's libssl. POSIX.
// Asio's headers cost a compiler some seconds: include this in few of your sources.
//
// Example:
//   boost::asio::thread_pool pool(2);
//   const ironjar::AsyncTransport transport = ironjar::asioTransport(pool.get_executor());
//   const ironjar::Fetcher api({.asyncTransport = transport, .allowedOrigins = {"https://api.example.com"}});
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <ironjar/asio/fetch.hpp>
#include <ironjar/asio/transport.hpp>

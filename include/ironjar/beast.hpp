// The adapter to Boost.Beast (https://www.boost.org/libs/beast), 1.81 or later, for servers with C++20 coroutines.
// Header-only. Linux and its like.
//
// Example:
//   const ironjar::BeastAuth auth(jar, fetcher);
//   const ironjar::BeastProxy items("/api/items", jar, fetcher, "https://api.example.com/v1");
//   const auto answer = [&](ironjar::BeastRequest& asked) -> boost::asio::awaitable<ironjar::BeastAnswer> {
//     if (auth.matches(asked)) co_return co_await auth.answer(asked);
//     if (items.matches(asked)) co_return co_await items.answer(asked);
//     co_return ironjar::Response{.status = 404};
//   };
//   boost::asio::io_context io;
//   boost::asio::ip::tcp::acceptor acceptor(io, {boost::asio::ip::address_v4::loopback(), 8080});
//   boost::asio::co_spawn(io, ironjar::listenBeast(acceptor, answer), boost::asio::detached);
//   io.run();
#pragma once

#include <ironjar/beast/login.hpp>
#include <ironjar/beast/server.hpp>
#include <ironjar/beast/session.hpp>

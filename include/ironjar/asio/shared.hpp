// What the requests of a transport share, and what one of them is. Part of <ironjar/asio/transport.hpp>.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include <ironjar/asio/idle.hpp>
#include <ironjar/asio/opening.hpp>

namespace ironjar::detail {

struct AsioShared {
  AsioShared(const asio::any_io_executor& executor, TransportOptions options)
      : opener(std::move(options)),
        loop(AsioLoop::of(executor)),
        idle(std::make_shared<AsioIdle>(loop, opener.options.maxIdle, maxIdlePerKey(opener.options),
                                        opener.options.idleTimeout)) {}
  AsioOpener opener;
  const std::shared_ptr<AsioLoop> loop;
  const std::shared_ptr<AsioIdle> idle;
};

struct AsioTask {
  HttpTarget target = {};
  std::string head = {};
  std::string key = {};  // of kept connections; empty: none
};

}  // namespace ironjar::detail

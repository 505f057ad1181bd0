// The web app on one of the servers: httplib.cpp or beast.cpp.
#pragma once

#include "site.hpp"

#include <functional>
#include <memory>
#include <string>

namespace demo {

class App {
 public:
  // Listens on 127.0.0.1, on a free port for 0. Throws std::runtime_error when the port is taken.
  explicit App(int port);
  App(const App&) = delete;
  App& operator=(const App&) = delete;
  ~App();

  [[nodiscard]] int port() const;
  // Serves, until it goes. What it returns are its metrics, for a server that visitors do not reach.
  std::function<std::string()> start(AppOptions options);

 private:
  class Server;
  const std::unique_ptr<Server> server_;
};

}  // namespace demo

// A real httplib server on the loopback interface, on a free port, for as long as the object lives.
#pragma once

#include <string>
#include <thread>

#include <httplib.h>

namespace support {

// Has a client send paths as they are: what older versions call a URL's encoding, newer ones call the path's.
template <class Client>
void sendPathsAsTheyAre(Client& client) {
  if constexpr (requires { client.set_path_encode(false); }) {
    client.set_path_encode(false);
  } else {
    client.set_url_encode(false);
  }
}

template <class Server = httplib::Server>
class Running {
 public:
  template <class... Arguments>
  explicit Running(Arguments&&... arguments) : server(std::forward<Arguments>(arguments)...) {
    server.new_task_queue = [] { return new httplib::ThreadPool(16); };
    server.set_tcp_nodelay(true);
    port_ = server.bind_to_any_port("127.0.0.1");
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() {
    server.stop();
    if (thread_.joinable()) thread_.join();
  }

  // After the routes are there.
  void start() {
    thread_ = std::thread([this] { server.listen_after_bind(); });
    while (!server.is_running()) std::this_thread::yield();
  }
  std::string host() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string origin() const { return "http://" + host(); }
  int port() const { return port_; }

  Server server;

 private:
  int port_ = 0;
  std::thread thread_;
};

}  // namespace support

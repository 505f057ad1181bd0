// The smallest program on Boost.Asio: asks somebody who is not there.
#include <chrono>
#include <iostream>

#include <ironjar/asio.hpp>

int main() {
  boost::asio::io_context io;
  const ironjar::AsyncTransport transport = ironjar::asioTransport(io.get_executor());
  const ironjar::Request request{.url = "http://127.0.0.1:1/"};
  int called = 0;
  transport(request, std::chrono::steady_clock::now() + std::chrono::seconds(10), {},
            [&](const ironjar::Result<ironjar::Response>& response) {
              ++called;
              std::cout << (response ? "an answer" : nameOf(response.error().code)) << '\n';
            });
  io.run();
  return called == 1 ? 0 : 1;
}

// A host that nobody is: both transports say so.
#include <chrono>
#include <iostream>

#include <ironjar/curl.hpp>

int main() {
  const ironjar::Request request{.url = "http://127.0.0.1:1/"};
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  const auto response = ironjar::curlTransport()(request, deadline);
  const auto other = ironjar::blocking(ironjar::asyncCurlTransport())(request, deadline);
  std::cout << (response ? "answered" : ironjar::nameOf(response.error().code)) << '\n';
  const auto isUnreachable = [](const ironjar::Result<ironjar::Response>& result) {
    return !result && result.error().code == ironjar::Errc::unreachable;
  };
  return isUnreachable(response) && isUnreachable(other) ? 0 : 1;
}

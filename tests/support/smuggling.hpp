// What is sent to a server so that it takes a part of one request for another: POST /logout, after a request for /page.
#pragma once

#include "raw.hpp"

#include <chrono>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace support {

inline std::size_t answersIn(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find("HTTP/1.1 ", at)) != std::string_view::npos; ++at)
    if (text.substr(at + 9, 3) != "100") ++count;
  return count;
}
inline std::string statusIn(const std::string& text) { return text.size() < 12 ? "none" : text.substr(9, 3); }

inline const std::string smuggled = "POST /logout HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
inline const std::string smuggledSize = std::to_string(smuggled.size());

inline std::string chunk(const std::string& body) {
  char digits[17];
  std::snprintf(digits, sizeof digits, "%zx", body.size());
  return digits + ("\r\n" + body + "\r\n");
}

// The head of a request, and what follows after a pause: httplib drops what is in its buffer when a request ends.
struct Vector {
  const char* name;
  std::string head;
  std::string rest = smuggled;
  bool isPipelined = false;  // what follows is a request of its own, whoever reads it
};

inline std::vector<Vector> vectors() {
  const auto head = [](const std::string& line, const std::string& fields) {
    return line + " HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n";
  };
  std::vector<Vector> all;
  for (const char* method : {"GET", "HEAD", "DELETE", "OPTIONS"}) {
    all.push_back({method, head(std::string(method) + " /page", "Content-Length: " + smuggledSize + "\r\n")});
    all.push_back({method, head(std::string(method) + " /page", "Transfer-Encoding: chunked\r\n"), chunk(smuggled)});
  }
  for (const std::string coding : {"gzip, chunked", "identity", " chunked ", "xchunked"})
    all.push_back({"coding", head("POST /page", "Transfer-Encoding: " + coding + "\r\n"), chunk(smuggled) + smuggled});
  for (const std::string length :
       {"%300", "%30", "0x30", "0x0", "+0", "-0", "0, 50", "0 50", "00", "000000000000000000000000"})
    all.push_back({"length", head("POST /page", "Content-Length: " + length + "\r\n"), smuggled, length == "00"});
  const std::string twice = "Content-Length: 0\r\nContent-Length: " + smuggledSize + "\r\n";
  all.push_back({"CL.CL", head("POST /page", twice)});
  all.push_back({"CL.TE", head("POST /page", "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"), chunk(smuggled)});
  all.push_back(
      {"TE.CL", head("POST /page", "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n"), "0\r\n\r\n" + smuggled});
  all.push_back({"TE.0", head("POST /page", "Transfer-Encoding: chunked\r\n"), "0\r\n\r\n" + smuggled, true});
  all.push_back({"extension", head("POST /page", "Transfer-Encoding: chunked\r\n"), "0;x=y\r\n\r\n" + smuggled, true});
  all.push_back(
      {"trailer", head("POST /page", "Transfer-Encoding: chunked\r\n"), "0\r\nX: y\r\n\r\n" + smuggled, true});
  all.push_back({"obs-fold", head("POST /page", "X: y\r\n Content-Length: " + smuggledSize + "\r\n")});
  all.push_back({"blank", head("POST /page", "Content-Length : " + smuggledSize + "\r\n")});
  all.push_back({"bare LF", head("POST /page", "Content-Length: " + smuggledSize + "\n")});
  all.push_back({"expect", head("POST /page", "Expect: 100-continue\r\nContent-Length: 0\r\n"), smuggled, true});
  all.push_back({"expect else", head("POST /page", "Expect: 5\r\nContent-Length: " + smuggledSize + "\r\n")});
  for (const char* method : {"PROPFIND", "TRACE", "PRI", "get"})
    all.push_back({method, head(std::string(method) + " /page", "Content-Length: " + smuggledSize + "\r\n")});
  all.push_back({"long line",
                 head("POST /page", "X: " + std::string(8300, 'x') + "\r\nContent-Length: " + smuggledSize + "\r\n")});
  all.push_back({"long target", head("POST /" + std::string(9000, 'x'), "Content-Length: " + smuggledSize + "\r\n")});
  all.push_back({"control", head("POST /page", "X: a\x01\r\nContent-Length: " + smuggledSize + "\r\n")});
  all.push_back({"bad range", head("GET /page", "Range: x\r\nContent-Length: " + smuggledSize + "\r\n")});
  all.push_back({"pipelined", head("GET /page", ""), smuggled, true});
  all.push_back(
      {"keep-alive", "GET /page HTTP/1.0\r\nConnection: Keep-Alive\r\nContent-Length: " + smuggledSize + "\r\n\r\n"});
  all.push_back({"too long", head("POST /page", "Content-Length: 2000000\r\n")});
  return all;
}

inline std::string exchange(int port, const Vector& vector) {
  const RawClient client(port);
  if (!client.send(vector.head)) return {};
  const std::string first = client.receive(std::chrono::milliseconds{60});
  static_cast<void>(client.send(vector.rest));
  return first + client.receive(std::chrono::milliseconds{60});
}

}  // namespace support

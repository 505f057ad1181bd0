// One site: a server on ironjar, and a client that keeps its cookies.
#pragma once

#include "raw.hpp"
#include "server.hpp"
#include "support.hpp"

#include <map>
#include <string>

#include <ironjar/httplib.hpp>

namespace support {

class Site {
 public:
  explicit Site(const ironjar::SessionJar& jar_ =
                    ironjar::SessionJar({.cookieName = "sid", .passwords = password, .observer = teller()}))
      : jar(jar_), hardened(web.server) {}

  void get(const std::string& path, ironjar::SessionHandler handler) {
    web.server.Get(path, ironjar::withSession(hardened, jar, std::move(handler)));
  }
  void start() { web.start(); }

  httplib::Response send(const std::string& method, const std::string& path, httplib::Headers headers = {},
                         const std::string& body = "") {
    httplib::Client client(web.origin());
    sendPathsAsTheyAre(client);
    httplib::Request request;
    request.method = method;
    request.path = path;
    request.headers = std::move(headers);
    request.body = body;
    if (!cookies.empty()) request.headers.emplace("Cookie", header());
    auto result = client.send(request);
    REQUIRE(result);
    keep(*result);
    return *result;
  }
  httplib::Response visit(const std::string& path, const httplib::Headers& headers = {}) {
    return send("GET", path, headers);
  }
  // For what some versions of httplib's client will not send, or not read: the whole answer as it comes.
  std::string sendAsItIs(const std::string& path, const std::string& field) const {
    const RawClient client(web.port());
    REQUIRE(client.send("GET " + path + " HTTP/1.1\r\nHost: " + web.host() + "\r\nCookie: " + header() + "\r\n" +
                        field + "\r\nConnection: close\r\n\r\n"));
    return client.receive(std::chrono::seconds(10));
  }

  std::string header() const {
    std::string text;
    for (const auto& [name, value] : cookies) text += (text.empty() ? "" : "; ") + name + "=" + value;
    return text;
  }
  ironjar::Session session() const { return jar.open(header()); }
  void putSession(const ironjar::Json& data) {
    ironjar::Session fresh = jar.open("");
    fresh.assign(data);
    take(jar.commit(fresh)->front());
  }

  ironjar::SessionJar jar;
  Running<> web;
  ironjar::HardenedServer hardened;
  std::map<std::string, std::string> cookies;

 private:
  void keep(const httplib::Response& response) {
    const auto [begin, end] = response.headers.equal_range("Set-Cookie");
    for (auto header = begin; header != end; ++header) take(header->second);
  }
  void take(const std::string& cookie) {
    const std::size_t equals = cookie.find('=');
    const std::string name = cookie.substr(0, equals);
    cookies.erase(name);
    if (cookie.find("; Max-Age=0;") == std::string::npos) {
      cookies[name] = cookie.substr(equals + 1, cookie.find(';') - equals - 1);
    }
  }
};

}  // namespace support

// A site that signs in, with its provider; what a browser does there.
#pragma once

#include "support.hpp"
#include "visitor.hpp"

#include <ironjar/login.hpp>
#include <ironjar/testing/provider.hpp>
#include <ironjar/tokens.hpp>

namespace support {

struct LoginSite {
  explicit LoginSite(const std::function<void(ironjar::LoginOptions&, ironjar::SessionOptions&)>& change = {}) {
    ironjar::SessionOptions session{.cookieName = "__Host-sid", .passwords = password};
    session.seal.now = clock.wall();
    ironjar::LoginOptions options{.issuer = id.options().origin,
                                  .client = ironjar::postAuth("web", clientSecret),
                                  .redirectUri = "https://app.example/callback",
                                  .transport = id.transport()};
    if (change) change(options, session);
    jar.emplace(session);
    login.emplace(*jar, options);
  }

  // The provider does otherwise from now on.
  void change(const std::function<void(ironjar::testing::ProviderBehaviour&)>& knob) {
    ironjar::testing::ProviderBehaviour behaviour = id.behaviour();
    knob(behaviour);
    id.behave(behaviour);
  }
  // The form of the newest request to a path of the provider's.
  [[nodiscard]] Fields sentTo(const std::string& path) const {
    Fields fields;
    for (const ironjar::Request& request : id.seen()) {
      if (request.url.ends_with(path)) fields = fieldsOf(request.body);
    }
    return fields;
  }

  static ironjar::WebRequest requestOf(const std::string& target, const std::string& cookies) {
    return {.target = target, .fields = {{"Cookie", cookies}}};
  }
  // GET /login; where it leads.
  std::string begin(Visitor& visitor, const ironjar::LoginRequest& attempt = {}) const {
    const std::string cookies = visitor.header();
    const ironjar::Response response = login->begin(requestOf("/login", cookies), attempt);
    REQUIRE(response.status == 303);
    visitor.take(response.headers);
    return locationOf(response);
  }
  // The browser opens the callback, and gets the answer with the session's cookie.
  ironjar::Response callback(Visitor& visitor, const std::string& url, const std::string& form = {}) const {
    const std::string cookies = visitor.header();
    ironjar::Session session = jar->open(cookies);
    const std::string target = url.substr(url.find('/', 8));
    ironjar::WebRequest request = requestOf(target, cookies);
    if (!form.empty()) {
      request.method = "POST";
      request.body = form;
      request.fields.emplace_back("Content-Type", "application/x-www-form-urlencoded");
    }
    ironjar::Response response = login->callback(request, session);
    response = ironjar::finish(*jar, cookies, session, std::move(response));
    visitor.take(response.headers);
    return response;
  }
  void save(Visitor& visitor, ironjar::Session& session) const {
    const std::vector<std::string> cookies = jar->commit(session).value();
    for (const std::string& cookie : cookies) visitor.take(cookie);
  }
  // All of it; where it leads in the end.
  std::string signIn(Visitor& visitor, const ironjar::LoginRequest& attempt = {}) {
    return locationOf(callback(visitor, id.signIn(begin(visitor, attempt))));
  }

  static std::string locationOf(const ironjar::Response& response) {
    return std::string(ironjar::findHeader(response.headers, "Location").value_or(""));
  }
  [[nodiscard]] ironjar::Session sessionOf(const Visitor& visitor) const { return jar->open(visitor.header()); }
  [[nodiscard]] std::string userOf(const Visitor& visitor) const {
    const auto tokens = sessionOf(visitor).tokens();
    return tokens ? tokens->subject : "nobody";
  }

  ironjar::testing::VirtualClock clock{at(1'700'000'000'000)};
  ironjar::testing::Provider id{{.clock = clock, .client = ironjar::postAuth("web", clientSecret)}};
  std::optional<ironjar::SessionJar> jar;
  std::optional<ironjar::Login> login;
};

}  // namespace support

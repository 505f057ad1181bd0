// The smallest program on ironjar's core: a session goes into a cookie and comes out of it again.
#include <iostream>
#include <string>

#include <ironjar/ironjar.hpp>

int main() {
  const ironjar::SessionJar jar({.cookieName = "session", .passwords = "Hw6-password-of-this-test-and-no-site-0003"});

  ironjar::Session session = jar.open("");
  session.set("user", "ada");
  const std::string setCookie = jar.commit(session).value().at(0);

  const std::string sentBack = setCookie.substr(0, setCookie.find(';'));
  const auto user = jar.open(sentBack).get<std::string>("user");
  std::cout << user.value_or("nobody") << " from " << sentBack << '\n';
  return user == "ada" ? 0 : 1;
}

#pragma once

#include <cstddef>
#include <string>

#include <ironjar/coordinator.hpp>
#include <ironjar/httplib/server.hpp>

namespace demo {

// Requests that may wait for the identity provider at one time; the next are told to come again.
inline constexpr std::size_t maxWaiters = 64;
// One for each of them, and some to spare for other pages.
inline constexpr std::size_t threads = maxWaiters + 32;

struct AppOptions {
  std::string self;              // where browsers reach the app, e.g. http://localhost:8080
  std::string provider;          // the identity provider's origin
  std::string api;               // the API's origin
  ironjar::ClientAuth client;    // what the provider knows the app by
  ironjar::Seconds timeout{30};  // for what one request does
};

// For HardenedServerOptions::preRouting. A page that a browser loads before anybody asks for it may be shown after a
// logout, and a login that it follows ahead takes the session's place: it gets 503, and is loaded when it is asked for.
httplib::Server::HandlerResponse refusePreloading(const httplib::Request& request, httplib::Response& response);

// The web app's routes, and those for its operators on a server that visitors do not reach. Reads SESSION_PASSWORD from
// the environment.
void mountApp(const ironjar::HardenedServer& site, httplib::Server& operators, const AppOptions& options);

}  // namespace demo

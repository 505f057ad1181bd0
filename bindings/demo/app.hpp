#pragma once

#include <string>

#include <httplib.h>

namespace demo {

struct AppOptions {
  std::string self;      // where browsers reach the app, e.g. http://localhost:8080
  std::string provider;  // the identity provider's origin
  std::string api;       // the API's origin
};

// The web app's routes. Reads SESSION_PASSWORD from the environment.
void mountApp(httplib::Server& server, const AppOptions& options);

}  // namespace demo

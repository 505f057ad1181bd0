#include "login_servers.hpp"
#include "server.hpp"

#include <ironjar/httplib.hpp>

namespace support {
namespace {

class HttplibLoginServer final : public LoginServer {
 public:
  explicit HttplibLoginServer(const LoginServed& served) : hardened_(web_.server) {
    ironjar::mountLogin(hardened_, served.login, served.fetcher, served.routes);
    ironjar::mountAuth(hardened_, served.login.jar(), served.fetcher, served.auth);
    web_.start();
  }
  [[nodiscard]] int port() const override { return web_.port(); }

 private:
  Running<> web_;
  ironjar::HardenedServer hardened_;
};

}  // namespace

std::unique_ptr<LoginServer> httplibLoginServer(const LoginServed& served) {
  return std::make_unique<HttplibLoginServer>(served);
}

}  // namespace support

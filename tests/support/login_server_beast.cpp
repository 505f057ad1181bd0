#include "beast_site.hpp"
#include "login_servers.hpp"

namespace support {
namespace {

class BeastLoginServer final : public LoginServer {
 public:
  explicit BeastLoginServer(const LoginServed& served)
      : login_(served.login, served.fetcher, served.routes),
        auth_(served.login.jar(), served.fetcher, served.auth),
        site_([this](ironjar::BeastRequest& request) -> boost::asio::awaitable<ironjar::BeastAnswer> {
          if (login_.matches(request)) co_return co_await login_.answer(request);
          if (auth_.matches(request)) co_return co_await auth_.answer(request);
          co_return ironjar::Response{.status = 404};
        }) {}
  [[nodiscard]] int port() const override { return site_.port(); }

 private:
  ironjar::BeastLogin login_;
  ironjar::BeastAuth auth_;
  BeastSite site_;
};

}  // namespace

std::unique_ptr<LoginServer> beastLoginServer(const LoginServed& served) {
  return std::make_unique<BeastLoginServer>(served);
}

}  // namespace support

// A web app on ironjar and Boost.Beast: sign in with OAuth, keep the tokens in a sealed cookie, call an API with them.
// One thread, on which nothing waits. This is the file to copy from for that server; what it shares with others is
// site.cpp.
#include "app.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <optional>
#include <stdexcept>
#include <thread>

#include <ironjar/asio.hpp>
#include <ironjar/beast.hpp>

namespace demo {

namespace asio = boost::asio;
using asio::ip::tcp;
using ironjar::BeastAnswer;
using ironjar::BeastRequest;
using ironjar::Response;
using ironjar::Session;

namespace {

class Routes {
 public:
  Routes(AppOptions options, ironjar::AsyncTransport transport)
      : site_(std::move(options), nullptr, std::move(transport)),
        auth_(site_.jar, site_.api),
        items_("/api/data", site_.jar, site_.api, site_.options.api),
        login_(site_.login, site_.api, site_.loginRoutes()) {}

  [[nodiscard]] asio::awaitable<BeastAnswer> answer(BeastRequest& request) const {
    const ironjar::WebRequest& web = request.web();
    if (auto refusal = Site::refusePreloading(web)) co_return *std::move(refusal);
    if (auth_.matches(request)) co_return co_await auth_.answer(request);
    if (items_.matches(request)) co_return co_await items_.answer(request);
    if (login_.matches(request)) co_return co_await login_.answer(request);
    const std::string_view path = web.target.substr(0, web.target.find('?'));
    if (web.method != "GET" && web.method != "HEAD") co_return Response{.status = 404};
    if (path == "/") co_return Site::page();
    if (path.starts_with("/ironjar/")) co_return Site::script(path);
    if (path == "/stats") co_return privately(site_.options.stats());
    if (path == "/me") co_return co_await profile(request);
    if (path == "/session") co_return co_await view(request);
    co_return Response{.status = 404};
  }
  [[nodiscard]] const Site& site() const { return site_; }

 private:
  [[nodiscard]] asio::awaitable<Response> profile(const BeastRequest& request) const {
    return ironjar::withSession(site_.jar, request, [this](Session& session) -> asio::awaitable<Response> {
      const auto known = session.get<std::string>("profile");
      if (known) co_return privately(*known);
      const auto answer = co_await ironjar::asyncFetch(site_.api, session, site_.profileRequest(), asio::use_awaitable);
      co_return site_.profile(session, answer);
    });
  }
  [[nodiscard]] asio::awaitable<Response> view(const BeastRequest& request) const {
    return ironjar::withSession(site_.jar, request,
                                [&](const Session& session) { return site_.view(request.web(), session); });
  }

  const Site site_;
  const ironjar::BeastAuth auth_;
  const ironjar::BeastProxy items_;
  const ironjar::BeastLogin login_;
};

}  // namespace

class App::Server {
 public:
  explicit Server(int port) {
    const tcp::endpoint here(asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(port));
    boost::system::error_code problem;
    acceptor_.open(here.protocol());
    acceptor_.set_option(tcp::acceptor::reuse_address(true));
    acceptor_.bind(here, problem);
    if (problem) throw std::runtime_error("port " + std::to_string(port) + " is taken: name another");
    acceptor_.listen();
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }

  [[nodiscard]] int port() const { return acceptor_.local_endpoint().port(); }

  std::function<std::string()> start(AppOptions options) {
    routes_.emplace(std::move(options), ironjar::asioTransport(io_.get_executor()));
    const auto handler = [this](BeastRequest& request) { return routes_->answer(request); };
    asio::co_spawn(io_, ironjar::listenBeast(acceptor_, handler), asio::detached);
    thread_ = std::thread([this] { io_.run(); });
    return [metrics = routes_->site().metrics] { return metrics->text(); };
  }

 private:
  std::optional<Routes> routes_;
  asio::io_context io_{1};  // goes before the routes that it serves
  tcp::acceptor acceptor_{io_};
  std::thread thread_;
};

App::App(int port) : server_(std::make_unique<Server>(port)) {}
App::~App() = default;
int App::port() const { return server_->port(); }
std::function<std::string()> App::start(AppOptions options) { return server_->start(std::move(options)); }

}  // namespace demo

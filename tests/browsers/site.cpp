// Sites for the model of browsers in history.mjs: each history has one, which is started anew with other options
// whenever it says so. Prints `listening PORT`, and `opened REQUEST` when a request that is to be held has opened its
// session. Ends with its standard input.
//
// A request says in X-Site whose it is and in X-Now what the time is there, in unix milliseconds.
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include <httplib.h>
#include <ironjar/httplib.hpp>
#include <ironjar/ironjar.hpp>
#include <ironjar/revocation.hpp>

namespace {

using ironjar::Json;
using ironjar::Seconds;
using ironjar::Session;

constexpr std::size_t threads = 256;  // a connection that stays open, and a request that is held, take one each

ironjar::TimePoint timeAt(std::int64_t milliseconds) {
  return ironjar::TimePoint(std::chrono::milliseconds(milliseconds));
}

// What lasts from one start of a site to the next.
struct World {
  std::atomic<std::int64_t> now = 0;
  ironjar::Clock clock = [this] { return timeAt(now); };
  std::shared_ptr<ironjar::LocalRevocationList> list = std::make_shared<ironjar::LocalRevocationList>(
      ironjar::RevocationOptions{.keep = Seconds{1'000'000'000}, .now = clock});
};

// The faults are controls: the model has to find each.
struct Site {
  std::shared_ptr<World> world;
  ironjar::SessionJar jar;
  std::string fault;
  bool denies = false;  // whether a login and a logout end the session before them
};

// Whether the session of this thread's request was opened already.
bool& isOpened() {
  thread_local bool opened = false;
  return opened;
}

ironjar::CookieShape shapeFrom(const Json& json) {
  return {.domain = json.value("domain", ""),
          .path = json.value("path", "/"),
          .partitioned = json.value("partitioned", false)};
}

ironjar::Passwords passwordsFrom(const Json& json) {
  const auto texts = json.get<std::vector<std::string>>();
  std::vector<std::pair<std::uint32_t, std::string_view>> byId;
  for (const std::string& text : texts) byId.emplace_back(static_cast<std::uint32_t>(byId.size() + 1), text);
  return ironjar::Passwords(std::span<const std::pair<std::uint32_t, std::string_view>>(byId));
}

ironjar::SessionOptions optionsFrom(const Json& json, const World& world) {
  const ironjar::CookieShape today = shapeFrom(json);
  ironjar::SessionOptions options{.cookieName = json.at("cookieName"),
                                  .passwords = passwordsFrom(json.at("passwords"))};
  options.seal.formats.clear();
  for (const Json& name : json.at("formats")) {
    options.seal.formats.push_back(name == "native" ? ironjar::SealFormat::native : ironjar::SealFormat::fe26);
  }
  options.seal.now = world.clock;
  if (json.contains("ttl")) options.seal.ttl = Seconds{json["ttl"].get<std::int64_t>()};
  options.cookie.domain = today.domain;
  options.cookie.path = today.path;
  options.cookie.partitioned = today.partitioned;
  if (json.contains("maxAge")) options.cookie.maxAge = Seconds{json["maxAge"].get<std::int64_t>()};
  if (json.contains("expires")) options.cookie.expires = timeAt(json["expires"].get<std::int64_t>());
  for (const Json& shape : json.value("former", Json::array())) options.former.push_back(shapeFrom(shape));
  options.untilBrowserCloses = json.value("untilBrowserCloses", false);
  options.chunk = json.value("chunk", false);
  options.maxCookieHeader = json.at("maxCookieHeader").get<std::size_t>();
  options.rolling = json.value("rolling", false);
  if (!json.value("list", false)) return options;
  options.isRevoked = ironjar::revokedBy(world.list);
  if (json.value("fault", "") == "asks once") {
    options.isRevoked = [asked = options.isRevoked](const Session& session) {
      return !isOpened() && asked(session) == ironjar::Revoked::yes;
    };
  }
  return options;
}

class Sites {
 public:
  explicit Sites(httplib::Server& server) : hardened_(server, {.threads = threads}) {
    // Each connection is the model's own, or the proxy's, which sends what httplib reads well.
    server.set_keep_alive_max_count(1'000'000'000);
    server.set_keep_alive_timeout(600);
    server.set_tcp_nodelay(true);
    server.Post("/operator/start", [this](const auto& request, auto& response) { start(request, response); });
    server.Post("/operator/end", [this](const auto& request, auto&) {
      const std::lock_guard lock(mutex_);
      sites_.erase(request.get_header_value("X-Site"));
    });
    server.Post("/operator/release", [this](const auto& request, auto&) {
      siteOf(request);
      const std::lock_guard lock(mutex_);
      released_.insert(request.get_param_value("request"));
      changed_.notify_all();
    });
    server.Post("/operator/deny", [this](const auto& request, auto&) {
      siteOf(request)->world->list->deny({ironjar::RevocationList::Mark::Kind::sid, request.get_param_value("sid")});
    });
    serve(&httplib::Server::Get, "/app/me/read", [](const auto&, Session&) {});
    serve(&httplib::Server::Post, "/app/me/write", [](const auto& request, Session& session) {
      if (!session.contains("sid")) session.set("sid", request.get_param_value("sid"));
      fill(session, request);
    });
    serve(&httplib::Server::Post, "/app/me/login", [](const auto& request, Session& session) {
      session.replace();
      session.set("sid", request.get_param_value("sid"));
      fill(session, request);
    });
    serve(&httplib::Server::Post, "/app/me/logout", [](const auto&, Session& session) { session.destroy(); });
  }

 private:
  using Action = std::function<void(const httplib::Request&, Session&)>;
  using Register = httplib::Server& (httplib::Server::*)(const std::string&, httplib::Server::Handler);

  void start(const httplib::Request& request, httplib::Response& response) {
    const Json json = Json::parse(request.body);
    const std::string name = request.get_header_value("X-Site");
    const std::lock_guard lock(mutex_);
    const auto before = sites_.find(name);
    auto world = before == sites_.end() ? std::make_shared<World>() : before->second->world;
    world->now = std::stoll(request.get_header_value("X-Now"));
    try {
      sites_[name] = std::make_shared<Site>(Site{world, ironjar::SessionJar(optionsFrom(json, *world)),
                                                 json.value("fault", ""), json.value("list", false)});
    } catch (const std::invalid_argument& refused) {
      response.status = 422;
      response.set_content(refused.what(), "text/plain");
    }
  }

  std::shared_ptr<const Site> siteOf(const httplib::Request& request) {
    const std::lock_guard lock(mutex_);
    auto site = sites_.at(request.get_header_value("X-Site"));
    site->world->now = std::stoll(request.get_header_value("X-Now"));
    return site;
  }

  void serve(Register method, const std::string& path, const Action& act) {
    (hardened_.server().*method)(path, [this, act](const httplib::Request& request, httplib::Response& response) {
      const auto site = siteOf(request);
      if (site->fault == "first cookie") keepFirst(request);
      isOpened() = false;
      ironjar::withSession(hardened_, site->jar, [&](const auto&, auto&, Session& session) {
        isOpened() = true;
        response.set_header("X-Opened", session.get<std::string>("sid").value_or("nobody"));
        response.set_header("X-Write", session.get<std::string>("write").value_or(""));
        hold(request.get_param_value("hold"));
        endBefore(*site, request, session);
        act(request, session);
      })(request, response);
      if (site->fault == "deletes what came") keepDeletionsOf(request, response);
    });
  }

  // Each write makes a session of another content, of as many bytes as it says.
  static void fill(Session& session, const httplib::Request& request) {
    session.set("write", request.get_param_value("write"));
    session.set("pad", std::string(std::stoul(request.get_param_value("bytes")), 'x'));
  }

  // The session of the login before, when another is made, and of one that is ended.
  static void endBefore(const Site& site, const httplib::Request& request, const Session& session) {
    const auto sid = session.get<std::string>("sid");
    const bool ends = request.path.ends_with("/login") || request.path.ends_with("/logout");
    if (site.denies && ends && sid) site.world->list->deny({ironjar::RevocationList::Mark::Kind::sid, *sid});
  }

  void hold(const std::string& request) {
    if (request.empty()) return;
    std::unique_lock lock(mutex_);
    std::cout << "opened " + request + "\n" << std::flush;
    changed_.wait(lock, [&] { return released_.erase(request) == 1; });
  }

  static void keepFirst(const httplib::Request& request) {
    std::string first;
    std::set<std::string_view> names;
    const std::string all = ironjar::cookieHeader(request);
    for (const auto& [name, value] : ironjar::parseCookies(all)) {
      if (names.insert(name).second) first.append(first.empty() ? "" : "; ").append(name).append("=").append(value);
    }
    auto& headers = const_cast<httplib::Request&>(request).headers;  // NOLINT(cppcoreguidelines-pro-type-const-cast)
    headers.erase("Cookie");
    headers.emplace("Cookie", first);
  }

  static void keepDeletionsOf(const httplib::Request& request, httplib::Response& response) {
    const std::string came = "; " + ironjar::cookieHeader(request);
    std::erase_if(response.headers, [&](const auto& field) {
      const std::string& line = field.second;
      return field.first == "Set-Cookie" && line.find("=; Max-Age=0") != std::string::npos &&
             came.find("; " + line.substr(0, line.find('=') + 1)) == std::string::npos;
    });
  }

  ironjar::HardenedServer hardened_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::shared_ptr<Site>> sites_;
  std::set<std::string> released_;
};

}  // namespace

int main() {
  httplib::Server server;
  const Sites sites(server);
  const int port = server.bind_to_any_port("127.0.0.1");
  std::thread serving([&] { server.listen_after_bind(); });
  std::cout << "listening " + std::to_string(port) + "\n" << std::flush;
  std::string line;
  while (std::getline(std::cin, line)) {
  }
  std::_Exit(0);  // requests may be held
}

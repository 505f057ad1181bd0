// One login, several APIs whose access tokens differ (RFC 8707).
#include "support/support.hpp"

#include <condition_variable>
#include <mutex>
#include <thread>

using namespace ironjar;
using support::errorOf;

namespace {

// A strict provider: each refresh token works once, and an access token is for the resource that was asked for.
class Provider {
 public:
  Transport transport() {
    return [this](const Request& request, Deadline) -> Result<Response> {
      std::unique_lock lock(mutex_);
      if (request.url.starts_with("https://id.example")) return token(request, lock);
      ++apiCalls;
      const std::string wanted = request.url.starts_with("https://reports.example") ? "reports" : "";
      const bool good = findHeader(request.headers, "Authorization") == "Bearer " + current(wanted);
      return Response{.status = good ? 200 : 401};
    };
  }
  void waitForCall() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return inside_ > 0; });
  }
  void release() {
    const std::lock_guard lock(mutex_);
    held = false;
    changed_.notify_all();
  }
  void expire(const std::string& resource) { ++generation_[resource]; }
  std::string current(const std::string& resource) { return "at" + resource + std::to_string(generation_[resource]); }

  bool held = false;
  bool rotates = true;
  int calls = 0;
  int reuses = 0;
  int apiCalls = 0;

 private:
  Result<Response> token(const Request& request, std::unique_lock<std::mutex>& lock) {
    ++calls;
    ++inside_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !held; });
    const std::string brought = request.body.substr(request.body.find("refresh_token=", 20) + 14);
    const std::string good = "rt" + std::to_string(issued_);
    const std::string bare = brought.substr(0, brought.find('&'));
    if (bare != good) {
      ++reuses;
      return Response{.status = 400, .body = R"({"error":"invalid_grant"})"};
    }
    if (rotates) ++issued_;
    const std::string resource = request.body.find("resource=reports") != std::string::npos ? "reports" : "";
    Json body = {{"access_token", current(resource)}};
    if (rotates) body["refresh_token"] = "rt" + std::to_string(issued_);
    return Response{.status = 200, .body = body.dump()};
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  int inside_ = 0;
  int issued_ = 0;
  std::map<std::string, int> generation_;
};

struct Apis {
  Fetcher make(const std::string& resource) {
    return Fetcher(
        {.transport = provider.transport(),
         .allowedOrigins = {"https://api.example", "https://reports.example"},
         .tokenEndpoint = {.url = "https://id.example/token", .clientAuth = publicClient("web"), .resource = resource},
         .coordinator = coordinator});
  }

  Provider provider;
  std::shared_ptr<LocalCoordinator> coordinator = std::make_shared<LocalCoordinator>();
  Fetcher main = make("");
  Fetcher reports = make("reports");
};

const Request items{.url = "https://api.example/items"};
const Request report{.url = "https://reports.example/july"};

Session signedIn() {
  Session session;
  session.setTokens({.accessToken = "spent", .refreshToken = "rt0", .scope = "all", .subject = "ada"});
  return session;
}

}  // namespace

TEST_CASE(
    "C23 two resources of one login at once: a token for each, calls one after the other, no refresh token twice") {
  for (const bool rotates : {true, false}) {
    Apis apis;
    apis.provider.rotates = rotates;
    apis.provider.held = true;
    Session first = signedIn();
    Session second = signedIn();
    std::thread one([&] { CHECK(apis.main.performFetch(first, items)->status == 200); });
    apis.provider.waitForCall();
    std::thread two([&] { CHECK(apis.reports.performFetch(second, report)->status == 200); });
    while (apis.coordinator->stats().waiters < 2) std::this_thread::yield();
    apis.provider.release();
    one.join();
    two.join();
    CHECK(apis.provider.calls == 2);
    CHECK(apis.provider.reuses == 0);
    CHECK(second.tokens("reports")->accessToken == "atreports0");
    CHECK(second.tokens()->accessToken == "at0");
    CHECK(first.tokens()->accessToken == "at0");
    CHECK(second.tokens()->scope == "all");
    CHECK(second.tokens("reports")->scope == "");
    CHECK(second.tokens("reports")->subject == "ada");
  }
}

TEST_CASE("each resource's token is refreshed on its own, and the other's stays") {
  for (const bool rotates : {true, false}) {
    Apis apis;
    apis.provider.rotates = rotates;
    Session session = signedIn();
    CHECK(apis.main.performFetch(session, items)->trace.attempts == 2);
    CHECK(apis.reports.performFetch(session, report)->trace.attempts == 1);  // none yet: fetched first
    CHECK(apis.main.performFetch(session, items)->trace.attempts == 1);
    CHECK(apis.provider.calls == 2);
    apis.provider.expire("reports");
    CHECK(apis.reports.performFetch(session, report)->status == 200);
    CHECK(apis.main.performFetch(session, items)->trace.attempts == 1);
    CHECK(apis.provider.calls == 3);
    CHECK(apis.provider.reuses == 0);
    const Json kept = session.data();
    CHECK(apis.main.performFetch(session, items)->status == 200);
    CHECK(session.data() == kept);
  }
}

TEST_CASE("a late request for one resource after refreshes for both: no refresh token is used twice") {
  Apis apis;
  Session session = signedIn();
  CHECK(apis.main.performFetch(session, items)->status == 200);
  CHECK(apis.reports.performFetch(session, report)->status == 200);
  for (const bool forReports : {false, true, false}) {
    Session late = signedIn();
    const Fetcher& fetcher = forReports ? apis.reports : apis.main;
    CHECK(fetcher.performFetch(late, forReports ? report : items)->status == 200);
    CHECK(late.tokens()->refreshToken != "rt0");
  }
  CHECK(apis.provider.reuses == 0);
}

TEST_CASE("a new login brings no token of the old one's along; the session's data holds what a session can") {
  Apis apis;
  Session session = signedIn();
  CHECK(apis.reports.performFetch(session, report)->status == 200);
  CHECK(session.data()["accessTokens"]["reports"]["accessToken"] == "atreports0");
  session.setTokens({.accessToken = "other", .refreshToken = "other"});
  CHECK_FALSE(session.contains("accessTokens"));
  session.set("accessTokens", "garbage");
  CHECK(session.tokens("reports")->accessToken == "");
  session.set("accessTokens", {{"reports", 7}});
  CHECK(session.tokens("reports")->refreshToken == "other");
  session.eraseTokens();
  CHECK(session.empty());
}

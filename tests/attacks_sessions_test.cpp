// The list of a user's own sessions, over the network, and attacks on it, on every server that has the routes.
#include "support/login_servers.hpp"

#include <ironjar/session_registry.hpp>

namespace attacks_sessions_test {

using namespace ironjar;
using support::fieldOf;
using support::LoginServerKind;
using support::loginServers;
using support::LoginSite;
using support::ServedLogin;
using support::Visitor;

namespace {

const std::string isOwn = "Sec-Fetch-Site: same-origin\r\n";
const std::string route = "/api/auth/sessions";

// Two users' browsers at a site that lists sessions, each labelled by its User-Agent.
struct Listing {
  explicit Listing(const LoginServerKind& kind) : served(kind, change(), {.sessions = own}) {}

  // Signs in, in a browser of its own.
  void signIn(Visitor& visitor, const std::string& user, const std::string& agent = "Firefox") {
    served.site.change([&](testing::ProviderBehaviour& provider) { provider.authorizeAs = user; });
    in(visitor, [&] { served.send("GET", served.begin(), "User-Agent: " + agent + "\r\n"); });
  }
  Response send(Visitor& visitor, const std::string& method, const std::string& target, const std::string& fields) {
    Response response;
    in(visitor, [&] { response = served.send(method, target, fields); });
    return response;
  }
  Json list(Visitor& visitor) { return Json::parse(send(visitor, "GET", route, {}).body)["sessions"]; }
  [[nodiscard]] std::string tagOf(const Visitor& visitor) const { return served.site.sessionOf(visitor).tag(); }
  [[nodiscard]] bool isSignedIn(const Visitor& visitor) const {
    return served.site.sessionOf(visitor).tokens().has_value();
  }

  std::shared_ptr<LocalRevocationList> denied = std::make_shared<LocalRevocationList>();
  std::shared_ptr<LocalSessionRegistry> registry = std::make_shared<LocalSessionRegistry>(
      SessionRegistryOptions{.now = [] { return support::at(1'700'000'000'000); }});
  std::shared_ptr<const OwnSessions> own = std::make_shared<const OwnSessions>(registry, denied);
  ServedLogin served;

 private:
  ServedLogin::Change change() {
    return [this](LoginOptions& options, SessionOptions& session) {
      session.isRevoked = revokedBy(denied);
      session = recordingSessions(session, registry);
      options.revoked = denied;
      options.sessions = registry;
      options.members = [](const WebRequest& request) {
        Json members = {{"sub", "somebody"}, {"sid", "planted"}, {"accessToken", "planted"}};
        for (const auto& [name, value] : request.fields) {
          if (name == "User-Agent") members["sessionLabel"] = std::string(value);
        }
        return members;
      };
    };
  }
  template <class Work>
  void in(Visitor& visitor, const Work& work) {
    std::swap(served.ada, visitor);
    work();
    std::swap(served.ada, visitor);
  }
};

void onEach(const std::function<void(Listing&)>& test) {
  for (const auto& kind : loginServers) {
    CAPTURE(kind.name);
    Listing listing(kind);
    test(listing);
  }
}

}  // namespace

TEST_CASE("a user sees the own sessions and ends them, one or all others") {
  onEach([](Listing& site) {
    Visitor laptop;
    Visitor phone;
    Visitor tablet;
    CHECK(site.send(laptop, "GET", route, {}).status == 401);
    site.signIn(laptop, "ada", "Laptop");
    site.signIn(phone, "ada", "Phone");
    site.signIn(tablet, "ada", "Tablet");
    const Response answer = site.send(laptop, "GET", route, {});
    CHECK(answer.status == 200);
    CHECK(fieldOf(answer, "Content-Type") == "application/json");
    CHECK(fieldOf(answer, "Cache-Control") == "no-store");
    const Json list = Json::parse(answer.body)["sessions"];
    REQUIRE(list.size() == 3);
    for (const Json& each : list) {
      CHECK(each["current"].get<bool>() == (each["label"] == "Laptop"));
      CHECK(each["startedAt"] == 1'700'000'000);
      CHECK(each["lastSeen"] == 1'700'000'000);
    }
    CHECK(site.send(laptop, "DELETE", route + "/" + site.tagOf(phone), isOwn).status == 204);
    CHECK_FALSE(site.isSignedIn(phone));
    CHECK(site.list(laptop).size() == 2);
    CHECK(site.send(laptop, "DELETE", route + "/" + site.tagOf(laptop), isOwn).status == 409);
    CHECK(site.send(laptop, "DELETE", route, isOwn).status == 204);
    CHECK_FALSE(site.isSignedIn(tablet));
    CHECK(site.isSignedIn(laptop));
    CHECK(site.list(laptop).size() == 1);
    CHECK(site.send(laptop, "POST", route, isOwn).status == 404);
  });
}

TEST_CASE("a login anew takes the place of the browser's session in the list") {
  onEach([](Listing& site) {
    Visitor laptop;
    site.signIn(laptop, "ada");
    site.signIn(laptop, "ada");
    CHECK(site.list(laptop).size() == 1);
  });
}

TEST_CASE("what the site keeps of a request that signs in is no claim and no token") {
  onEach([](Listing& site) {
    Visitor laptop;
    site.signIn(laptop, "ada", "Laptop");
    const Session session = site.served.site.sessionOf(laptop);
    CHECK(session.get<std::string>("sub") == "ada");
    CHECK(session.tokens()->accessToken == "at-1");
    CHECK(session.get<std::string>("sessionLabel") == "Laptop");
    site.served.site.change([](testing::ProviderBehaviour& provider) { provider.claims = {{"sid", nullptr}}; });
    site.signIn(laptop, "ada");
    CHECK_FALSE(site.served.site.sessionOf(laptop).contains("sid"));
  });
}

TEST_CASE("there is no list where the application has none") {
  for (const auto& kind : loginServers) {
    CAPTURE(kind.name);
    ServedLogin served(kind);
    served.signIn();
    CHECK(served.get(route).status == 404);
    CHECK(served.send("DELETE", route, isOwn).status == 404);
  }
}

TEST_CASE("L76 another user's session is neither listed nor ended at each server") {
  onEach([](Listing& site) {
    Visitor ada;
    Visitor eve;
    site.signIn(ada, "ada");
    site.signIn(eve, "eve");
    CHECK(site.list(eve).size() == 1);
    const Session victim = site.served.site.sessionOf(ada);
    for (const std::string& id :
         {victim.tag(), victim.id(), std::string("%2e"), std::string("a/b"), std::string("x?")}) {
      CHECK(site.send(eve, "DELETE", route + "/" + id, isOwn).status == 404);
    }
    CHECK(site.send(eve, "DELETE", route + "?sub=ada", isOwn + "X-User: ada\r\n").status == 204);
    CHECK(site.isSignedIn(ada));
    CHECK(site.list(ada).size() == 1);
  });
}

TEST_CASE("L77 another site's page ends no session, and neither does GET") {
  onEach([](Listing& site) {
    Visitor ada;
    Visitor phone;
    site.signIn(ada, "ada");
    site.signIn(phone, "ada");
    for (const char* fields : {"Sec-Fetch-Site: cross-site\r\n", "Origin: https://evil.example\r\n", ""}) {
      CHECK(site.send(ada, "DELETE", route, fields).status == 403);
      CHECK(site.send(ada, "DELETE", route + "/" + site.tagOf(phone), fields).status == 403);
    }
    CHECK(site.send(ada, "GET", route + "/" + site.tagOf(phone), isOwn).status == 404);
    CHECK(site.send(ada, "GET", route + "?_method=DELETE", isOwn + "X-HTTP-Method-Override: DELETE\r\n").status == 200);
    CHECK(site.isSignedIn(phone));
  });
}

TEST_CASE("L78 a label that a browser has planted breaks neither the answer nor a page that has it in a script") {
  onEach([](Listing& site) {
    Visitor eve;
    const std::string agent = R"(</script><img src=x onerror=alert(1)>"}]} & \u003c)";
    site.signIn(eve, "eve", agent);
    const Response answer = site.send(eve, "GET", route, {});
    for (const char* part : {"<", ">", "&"}) CHECK(answer.body.find(part) == std::string::npos);
    CHECK(fieldOf(answer, "X-Content-Type-Options") == "nosniff");
    CHECK(Json::parse(answer.body)["sessions"][0]["label"] == agent);
  });
}

TEST_CASE("L79 a cookie of a session that was ended lists and ends nothing, nor does a refresh bring it back") {
  onEach([](Listing& site) {
    Visitor ada;
    Visitor thief;
    site.signIn(ada, "ada");
    site.signIn(thief, "ada");
    CHECK(site.send(ada, "DELETE", route, isOwn).status == 204);
    CHECK(site.send(thief, "GET", route, {}).status == 401);
    CHECK(site.send(thief, "DELETE", route, isOwn).status == 401);
    CHECK(site.send(thief, "POST", "/api/auth/refresh", isOwn).status == 401);
    CHECK(site.list(ada).size() == 1);
    CHECK(site.isSignedIn(ada));
    Visitor copy = ada;  // of a cookie whose login is over, though it is not denied
    CHECK(site.send(ada, "POST", "/api/auth/logout", isOwn).status == 204);
    CHECK(site.isSignedIn(copy));
    CHECK(site.send(copy, "GET", route, {}).status == 401);
    CHECK(site.send(copy, "DELETE", route, isOwn).status == 401);
  });
}

TEST_CASE("L80 the list tells no id that a seal or a revocation list knows, and no token") {
  onEach([](Listing& site) {
    Visitor ada;
    site.signIn(ada, "ada");
    const std::string body = site.send(ada, "GET", route, {}).body;
    const Session session = site.served.site.sessionOf(ada);
    for (const std::string& secret : {session.id(), std::string("at-"), std::string("rt-"), std::string("s-1")}) {
      CHECK(body.find(secret) == std::string::npos);
    }
  });
}

}  // namespace attacks_sessions_test

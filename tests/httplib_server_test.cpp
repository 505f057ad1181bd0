#include "support/raw.hpp"
#include "support/server.hpp"
#include "support/site.hpp"
#include "support/smuggling.hpp"
#include "support/support.hpp"
#include "support/upstream.hpp"

#include <atomic>
#include <stdexcept>
#include <zlib.h>

#include <ironjar/httplib/server.hpp>

namespace httplib_server_test {

using namespace std::chrono_literals;
using ironjar::HardenedServer;
using support::answersIn;
using support::chunk;
using support::exchange;
using support::RawClient;
using support::smuggled;
using support::statusIn;
using support::Vector;
using support::vectors;

namespace {

// Two routes; /logout counts how often it ran.
class Target {
 public:
  explicit Target(bool isHardened, ironjar::HardenedServerOptions options = {}) {
    if (isHardened) hardened.emplace(web.server, std::move(options));
    const auto page = [](const auto&, auto& response) { response.set_content("page", "text/plain"); };
    const auto logout = [this](const auto&, auto&) { ++logouts; };
    web.server.Get("/page", page).Post("/page", page).Put("/page", page).Delete("/page", page).Options("/page", page);
    web.server.Post("/logout", logout);
    web.server.Get("/throws", [](const auto&, auto&) { throw std::runtime_error("the-text-of-an-exception"); });
    web.server.Get("/throwsNumber", [](const auto&, auto&) { throw 5; });
    web.server.Get(R"(/users/([a-z]+)/((a|b)*)*)", page);
    web.server.Post("/size", [](const auto& request, auto& response) {
      response.set_content(std::to_string(request.body.size()), "text/plain");
    });
  }

  support::Running<> web;
  std::optional<HardenedServer> hardened;
  std::atomic<int> logouts = 0;
};

std::string gzip(const std::string& text) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

httplib::Response post(const Target& target, const httplib::Headers& headers, const std::string& body) {
  httplib::Client client(target.web.origin());
  auto result = client.Post("/size", headers, body, "text/plain");
  REQUIRE(result);
  return *result;
}

// As httplib's own pool, with stacks of 512 KiB.
void useSmallStacks(httplib::Server& server) {
  class Queue final : public httplib::TaskQueue {
    using Enqueued = decltype(std::declval<httplib::TaskQueue&>().enqueue({}));

   public:
    Enqueued enqueue(std::function<void()> task) override {
      pthread_attr_t attributes;
      pthread_attr_init(&attributes);
      pthread_attr_setstacksize(&attributes, 512 * 1024);
      threads_.emplace_back();
      auto* const owned = new std::function<void()>(std::move(task));
      pthread_create(&threads_.back(), &attributes, &Queue::run, owned);
      pthread_attr_destroy(&attributes);
      return static_cast<Enqueued>(true);
    }
    void shutdown() override {
      for (const pthread_t thread : threads_) pthread_join(thread, nullptr);
    }

   private:
    static void* run(void* task) {
      const std::unique_ptr<std::function<void()>> owned(static_cast<std::function<void()>*>(task));
      (*owned)();
      return nullptr;
    }
    std::vector<pthread_t> threads_;
  };
  server.new_task_queue = [] { return new Queue; };
}

}  // namespace

TEST_CASE("V01 a connection gives one answer, whatever follows a request's head") {
  Target target(true);
  target.web.start();
  for (const Vector& vector : vectors()) {
    CAPTURE(vector.name);
    CAPTURE(vector.head.substr(0, 200));
    const std::string answer = exchange(target.web.port(), vector);
    CHECK(answersIn(answer) <= 1);
    CHECK((answersIn(answer) == 0 || answer.find("Connection: close\r\n") != std::string::npos));
    CHECK(target.logouts.exchange(0) == 0);
  }
}

TEST_CASE("V01 without HardenedServer the same bytes do run as a second request, with the newest httplib too") {
  Target target(false);
  target.web.start();
  int ran = 0;
  for (const Vector& vector : vectors()) {
    if (std::string_view(vector.name) == "pipelined") continue;  // two requests by right
    static_cast<void>(exchange(target.web.port(), vector));
    ran += target.logouts.exchange(0) > 0 ? 1 : 0;
  }
  CHECK(ran >= 5);
}

TEST_CASE("V09 a body over the limit is not taken, chunked, compressed or neither") {
  Target target(true, {.maxBodySize = 100'000});
  target.web.start();
  CHECK(post(target, {}, std::string(100'000, 'x')).body == "100000");
  CHECK(post(target, {}, std::string(100'001, 'x')).status == 413);
  const std::string bomb = gzip(std::string(20'000'000, 'x'));
  REQUIRE(bomb.size() < 100'000);
  const int status = post(target, {{"Content-Encoding", "gzip"}}, bomb).status;
  CHECK((status == 415 || status == 413));
  for (const char* line : {"POST", "PUT", "PATCH", "DELETE", "PRI"}) {
    CAPTURE(line);
    const RawClient client(target.web.port());
    REQUIRE(client.send(std::string(line) + " /size HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"));
    const std::string piece = chunk(std::string(50'000, 'x'));
    int sent = 0;
    while (sent < 400 && client.send(piece)) ++sent;
    CHECK(sent < 400);  // 20 MB: it was cut off before, or answered
  }
  const RawClient unframed(target.web.port());
  REQUIRE(unframed.send("POST /size HTTP/1.1\r\nHost: x\r\n\r\n"));
  const std::string answer = unframed.receive(2000ms);
  CHECK((statusIn(answer) == "411" || answer.ends_with("\r\n0")));
}

TEST_CASE("V13 no path ends the process, on stacks of 512 KiB") {
  Target target(true);
  useSmallStacks(target.web.server);
  target.web.start();
  const auto ask = [&](const std::string& path) {
    const RawClient client(target.web.port());
    static_cast<void>(client.send("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n"));
    return statusIn(client.receive(2000ms));
  };
  CHECK(ask("/users/ada/ab") == "200");
  for (const std::size_t length : {200U, 256U, 8000U})
    for (const std::string unit : {"a", "%61", "/", "ab/", "%2f"}) {
      std::string path = "/users/ada/";
      while (path.size() + unit.size() <= length) path += unit;
      CAPTURE(path.substr(0, 30));
      CHECK_FALSE(ask(path) == "none");
    }
  CHECK(ask("/users/ada/" + std::string(246, 'a')) == "414");
  CHECK(ask("/page") == "200");
}

TEST_CASE("V13 V37 below a proxied prefix paths of any length pass, on stacks of 512 KiB") {
  support::Upstream upstream;
  support::Site site;
  const std::string api = support::api;
  proxy(site.hardened, "/da.ta", site.jar, ironjar::Fetcher(support::fetchOptions(upstream)), api + "/v1",
        {.anonymous = true});
  useSmallStacks(site.web.server);
  site.start();
  for (const char* method : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}) {
    CAPTURE(method);
    for (const std::string& path :
         {std::string(8000, 'a'), std::string(250, 'a'), std::string(260, 'a'), std::string()}) {
      const RawClient client(site.web.port());
      const std::string target = path.empty() ? "" : "/" + path;
      REQUIRE(client.send(std::string(method) + " /da.ta" + target +
                          "?q=1 HTTP/1.1\r\nHost: x\r\nX-Requested-With: x\r\nContent-Length: 0\r\n\r\n"));
      CHECK(statusIn(client.receive(5000ms)) == "401");  // the API's own
      CHECK(upstream.api.seen().back().url == api + "/v1" + target + "?q=1");
    }
  }
  CHECK(site.visit("/daXta").status == 404);
  CHECK(site.visit("/da.tab").status == 404);
}

TEST_CASE("V01 no session is opened on a server that was not hardened, or whose handler was replaced") {
  support::Site site;
  support::Running<> other;
  const auto handler = ironjar::withSession(site.hardened, site.jar, [](auto&, auto& response, ironjar::Session&) {
    response.set_content("opened", "text/plain");
  });
  other.server.Get("/", handler);
  site.get("/", [](auto&, auto& response, ironjar::Session&) { response.set_content("opened", "text/plain"); });
  other.start();
  SUBCASE("hardened") {
    site.start();
    CHECK(site.visit("/").body == "opened");
  }
  SUBCASE("replaced") {
    site.web.server.set_pre_routing_handler(
        [](const auto&, auto&) { return httplib::Server::HandlerResponse::Unhandled; });
    site.start();
    CHECK(site.visit("/").status == 500);
  }
  httplib::Client client(other.origin());
  const auto answer = client.Get("/");
  REQUIRE(answer);
  CHECK(answer->status == 500);
  CHECK(answer->body == R"({"reason":"server_not_hardened"})");
}

TEST_CASE("V13 no field ends the process, whatever stacks the system gives threads") {
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 512 * 1024);
  pthread_attr_t usual;
  REQUIRE(pthread_getattr_default_np(&usual) == 0);
  REQUIRE(pthread_setattr_default_np(&small) == 0);
  {
    Target target(true);
    target.web.start();
    const auto ask = [&](const std::string& fields) {
      const RawClient client(target.web.port());
      static_cast<void>(client.send("GET /page HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n"));
      return statusIn(client.receive(5000ms));
    };
    std::string many = "Range: bytes=0-";
    while (many.size() < 8100) many += ",-";
    for (const std::string& range :
         {"Range: bytes=0-" + std::string(8100, '1'), many, "Range: bytes=-," + std::string(8100, ' ') + "-"}) {
      CAPTURE(range.substr(0, 30));
      CHECK(ask(range + "\r\n") != "none");
    }
    const RawClient client(target.web.port());
    const std::string part =
        "--b\r\nContent-Disposition: form-data; name=\"" + std::string(8100, 'a') + "\"\r\n\r\nx\r\n--b--\r\n";
    static_cast<void>(
        client.send("POST /size HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
                    "Content-Length: " +
                    std::to_string(part.size()) + "\r\n\r\n" + part));
    CHECK(statusIn(client.receive(5000ms)) != "none");
    CHECK(ask("") == "200");
  }
  REQUIRE(pthread_setattr_default_np(&usual) == 0);
  pthread_attr_destroy(&usual);
  pthread_attr_destroy(&small);
}

TEST_CASE("V05 an answer is not made larger by the ranges that are asked for") {
  Target target(true);
  target.web.start();
  std::string ranges = "Range: bytes=0-";
  while (ranges.size() < 3000) ranges += ",0-";
  const RawClient client(target.web.port());
  REQUIRE(client.send("GET /page HTTP/1.1\r\nHost: x\r\n" + ranges + "\r\n\r\n"));
  const std::string answer = client.receive(2000ms);
  CHECK(statusIn(answer) == "416");
  CHECK(answer.size() < 1000);
}

TEST_CASE("V05 no range reaches beyond a content provider's end") {
  const std::string resource(700, 'r');
  Target target(true);
  target.web.server.Get("/stream", [&](const auto&, auto& response) {
    response.set_content_provider(resource.size(), "text/plain",
                                  [&](std::size_t offset, std::size_t length, httplib::DataSink& sink) {
                                    CHECK(offset + length <= resource.size());
                                    return sink.write(resource.data(), std::min(length, resource.size())), true;
                                  });
  });
  target.web.start();
  for (const char* range : {"0-9000000", "100-900", "699-700", "700-", "9000-", "-9000"}) {
    CAPTURE(range);
    const RawClient client(target.web.port());
    REQUIRE(client.send("GET /stream HTTP/1.1\r\nHost: x\r\nRange: bytes=" + std::string(range) + "\r\n\r\n"));
    const std::string answer = client.receive(2000ms);
    CHECK(answer.size() - std::min(answer.size(), answer.find("\r\n\r\n") + 4) <= resource.size());
  }
}

TEST_CASE("V23 an exception's text stays in the process") {
  Target target(true);
  target.web.start();
  for (const char* path : {"/throws", "/throwsNumber"}) {
    const RawClient client(target.web.port());
    REQUIRE(client.send(std::string("GET ") + path + " HTTP/1.1\r\nHost: x\r\nRange: bytes=2-3\r\n\r\n"));
    const std::string answer = client.receive(2000ms);
    CHECK(statusIn(answer) == "500");
    CHECK(answer.ends_with(R"({"reason":"internal_error"})"));
    CHECK(answer.find("the-text") == std::string::npos);
    CHECK(answer.find("EXCEPTION_WHAT") == std::string::npos);
  }
}

TEST_CASE("a server's own pre-routing and exception handlers run after ours") {
  std::atomic<int> seen = 0;
  Target target(true, {.preRouting =
                           [&](const httplib::Request& request, httplib::Response& response) {
                             ++seen;
                             if (request.path != "/mine") return httplib::Server::HandlerResponse::Unhandled;
                             response.set_content("mine", "text/plain");
                             return httplib::Server::HandlerResponse::Handled;
                           },
                       .onException = [](const auto&, auto& response, auto) { response.status = 503; }});
  target.web.start();
  httplib::Client client(target.web.origin());
  CHECK(client.Get("/mine")->body == "mine");
  CHECK(client.Get("/throws")->status == 503);
  CHECK(seen == 2);
  CHECK(client.Get("/" + std::string(600, 'a'))->status == 414);
  CHECK(seen == 2);
}

TEST_CASE("limits that would serve nothing are refused at start-up") {
  httplib::Server server;
  CHECK_THROWS_AS(HardenedServer(server, {.maxBodySize = 0}), std::invalid_argument);
  CHECK_THROWS_AS(HardenedServer(server, {.maxPathSize = 0}), std::invalid_argument);
  CHECK_THROWS_AS(HardenedServer(server, {.threads = 0}), std::invalid_argument);
}

}  // namespace httplib_server_test

// The link of a process without its thread: it stands in for lib/redis/link.cpp. What a link does is link_core.cpp's,
// as in an application.
#include "redis/link.hpp"

#include "redis/link_core.hpp"
#include "redis/options.hpp"
#include "sim/redis/servers.hpp"

namespace {

std::map<const sim::Life*, std::function<void()>> endings;  // of the links that there are

}  // namespace

void sim::endLinkOf(const Life& life) {
  const auto ending = endings.extract(&life);
  if (!ending.empty()) ending.mapped()();
}

namespace ironjar::detail {

// The simulated servers answer the first look at once.
RedisLink::RedisLink(RedisOptions options)
    : sealer_(options.passwords, options.prefix), core_(std::make_shared<Core>(checked(std::move(options)))) {
  core_->begin([](const std::optional<Error>&) {});
  endings[sim::Schedule::current().life().get()] = [core = core_.get()] {
    core->loop().stop();
    core->close();
  };
}

// endLinkOf() has come first.
RedisLink::~RedisLink() { core_->closeReports(); }

Result<Reply> RedisLink::run(const RedisCall& /*call*/) { return fail(Errc::overloaded, "nobody can wait"); }
void RedisLink::runEventually(RedisCall call) { runLater(std::move(call)); }

}  // namespace ironjar::detail

#include "redis/link.hpp"

#include "base/leave.hpp"
#include "redis/link_core.hpp"
#include "redis/options.hpp"

#include <stdexcept>
#include <utility>

namespace ironjar::detail {

RedisLink::RedisLink(RedisOptions options)
    : sealer_(options.passwords, options.prefix), core_(std::make_shared<Core>(checked(std::move(options)))) {
  thread_ = std::thread([core = core_] { core->run(); });
  std::optional<Error> problem;
  try {
    problem = begin();
  } catch (const std::exception&) {
    end();
    throw;
  }
  if (!problem || problem->code != Errc::notAllowed) return;
  end();
  throw std::invalid_argument("ironjar: RedisOptions: the server refuses user and password: " + problem->detail);
}

std::optional<Error> RedisLink::begin() {
  return waitFor<std::optional<Error>>(
      [this](Completion<std::optional<Error>> begun) {
        core_->loop().post([core = core_.get(), begun = std::move(begun)] { core->begin(begun); });
      },
      Error{Errc::overloaded, {}});
}

void RedisLink::end() noexcept {
  core_->loop().stop();
  thread_.join();
  core_->closeReports();
}

RedisLink::~RedisLink() {
  if (!isOfThisProcess()) {
    thread_.detach();
    leave(core_);
    return;
  }
  if (core_->loop().isOnItsThread()) {
    thread_.detach();  // it ends when what is pending has been sent
    const auto stop = [core = core_.get()] { core->loop().stop(); };
    try {
      core_->end(stop);
    } catch (const std::exception&) {  // no memory for it: what is pending is lost
      stop();
    }
    return;
  }
  try {
    const bool isEnded = waitFor<bool>(
        [this](const Completion<bool>& ended) {
          core_->loop().post([core = core_.get(), ended] { core->end([ended] { ended(true); }); });
        },
        false);
    static_cast<void>(isEnded);
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): no memory for it: what is pending is lost
  }
  end();
}

Result<Reply> RedisLink::run(const RedisCall& call) {
  if (core_->isDegraded()) return fail(Errc::unreachable, "Redis is given up for now");
  if (core_->loop().isOnItsThread()) return fail(Errc::overloaded, "the thread of the connections cannot wait");
  return waitFor<Result<Reply>>([&](Answered done) { start(call, std::move(done)); }, Error{Errc::unreachable, {}});
}

void RedisLink::runEventually(RedisCall call) {
  if (!run(call)) runLater(std::move(call));
}

}  // namespace ironjar::detail

#include "redis/sentinel.hpp"

#include "base/number.hpp"
#include "redis/options.hpp"
#include "redis/policy.hpp"

#include <algorithm>
#include <utility>

namespace ironjar::detail {
namespace {

constexpr std::string_view channel = "+switch-master";

std::optional<RedisEndpoint> endpointOf(const std::string& host, const std::string& port) {
  const auto number = parseCanonicalDecimal<int>(port);
  constexpr std::size_t longestHost = 255;  // of a name (RFC 1035 section 2.3.4)
  if (host.empty() || host.size() > longestHost || !number || *number < 1 || *number > 65535) return std::nullopt;
  return RedisEndpoint{host, *number};
}

}  // namespace

RedisOptions sentinelOptions(RedisOptions options) {
  options.user = options.sentinelUser;
  options.password = options.sentinelPassword;
  options.database = 0;
  return options;
}

struct RedisSentinels::Search {
  Deadline deadline;
  Verify verify;
  Looked done;
  std::vector<Pointer> left;  // to be asked, the last one first
  Pointer asked = nullptr;
  std::set<RedisEndpoint> refused = {};  // that are no masters
  std::optional<Error> problem = {};     // that tells most
};

RedisSentinels::RedisSentinels(std::shared_ptr<EventLoop> loop, const RedisOptions& options, const RedisTls& tls,
                               std::shared_ptr<std::atomic<std::uint64_t>> commands, std::function<void()> switched)
    : loop_(std::move(loop)),
      options_(options),
      tls_(tls),
      commands_(std::move(commands)),
      switched_(std::move(switched)) {
  for (const std::string& text : options_.sentinels) sentinels_.push_back(poolOf(endpointIn(text, sentinelPort)));
}

RedisSentinels::Pointer RedisSentinels::poolOf(const RedisEndpoint& sentinel) const {
  return std::make_shared<RedisPool>(loop_, options_, tls_, sentinel, commands_, RedisPool::Arrays::nested);
}

std::vector<RedisEndpoint> RedisSentinels::known() const {
  std::vector<RedisEndpoint> all;
  for (const Pointer& sentinel : sentinels_) all.push_back(sentinel->endpoint());
  return all;
}

void RedisSentinels::find(Deadline deadline, Verify verify, Looked done) {
  const auto once = exactlyOnce(std::move(done), std::optional(Error{Errc::overloaded, {}}));
  const auto search =
      std::make_shared<Search>(Search{deadline, std::move(verify), once, {sentinels_.rbegin(), sentinels_.rend()}});
  searches_.insert(search);
  next(search);
}

void RedisSentinels::next(const std::shared_ptr<Search>& search) {
  const auto now = std::chrono::steady_clock::now();
  if (search->left.empty() || now >= search->deadline || isClosed_) {
    return finish(search, search->problem.value_or(fail(Errc::unreachable, "no sentinel answers")));
  }
  // Each has its part of the time, for itself and for the master that it names.
  const Deadline part = now + (search->deadline - now) / static_cast<int>(search->left.size());
  search->asked = std::move(search->left.back());
  search->left.pop_back();
  RedisCall call{.arguments = {"SENTINEL", "get-master-addr-by-name", options_.masterName}};
  search->asked->run(std::move(call), part,
                     [self = shared_from_this(), search](const Result<Reply>& reply) { self->named(search, reply); });
}

void RedisSentinels::named(const std::shared_ptr<Search>& search, const Result<Reply>& reply) {
  if (!searches_.contains(search)) return;
  const auto failed = [&](Error why) {
    const bool refusesUs = why.code == Errc::notAllowed;
    if (!search->problem || refusesUs) search->problem = std::move(why);
    next(search);
  };
  if (!reply) return failed(reply.error());
  if (reply->kind == Reply::Kind::error) {
    const Errc code = reply->refusesUser() ? Errc::notAllowed : Errc::unreachable;
    return failed(fail(code, "a sentinel answers " + reply->errorName()));
  }
  const auto& items = reply->items;
  const auto master = items.size() == 2 ? endpointOf(items[0].text, items[1].text) : std::nullopt;
  if (!master) return failed(fail(Errc::unreachable, "a sentinel knows no master of that name"));
  if (search->refused.contains(*master)) return failed(fail(Errc::unreachable, "sentinels name no master"));
  const auto now = std::chrono::steady_clock::now();
  const Deadline part = now + (search->deadline - now) / static_cast<int>(search->left.size() + 1);
  search->verify(*master, part, [self = shared_from_this(), search, master = *master](std::optional<Error> problem) {
    self->verified(search, master, std::move(problem));
  });
}

void RedisSentinels::verified(const std::shared_ptr<Search>& search, const RedisEndpoint& master,
                              std::optional<Error> problem) {
  if (!searches_.contains(search)) return;
  if (problem) {
    search->refused.insert(master);
    const bool tellsMore = problem->code == Errc::notAllowed || !search->problem;
    if (tellsMore) search->problem = std::move(problem);
    return next(search);
  }
  const auto named = std::find(sentinels_.begin(), sentinels_.end(), search->asked);
  if (named != sentinels_.end()) std::rotate(sentinels_.begin(), named, std::next(named));
  learnOthers(search->asked, search->deadline);
  if (!listening_) listen();
  finish(search, std::nullopt);
}

void RedisSentinels::finish(const std::shared_ptr<Search>& search, std::optional<Error> problem) {
  if (searches_.erase(search) == 0) return;
  completeSafely(search->done, std::move(problem));
}

void RedisSentinels::learnOthers(const Pointer& sentinel, Deadline deadline) {
  RedisCall call{.arguments = {"SENTINEL", "sentinels", options_.masterName}};
  sentinel->run(std::move(call), deadline, [weak = weak_from_this()](const Result<Reply>& reply) {
    const auto self = weak.lock();
    if (self && reply && !self->isClosed_) self->learn(*reply);
  });
}

// Each is a list of names and values. Those of the options stay; of others there are so many at most, the newest.
void RedisSentinels::learn(const Reply& others) {
  std::size_t learnt = 0;
  for (const Reply& other : others.items) {
    std::string host;
    std::string port;
    for (std::size_t i = 0; i + 1 < other.items.size(); i += 2) {
      if (other.items[i].isText("ip")) host = other.items[i + 1].text;
      if (other.items[i].isText("port")) port = other.items[i + 1].text;
    }
    const auto sentinel = endpointOf(host, port);
    const auto all = known();
    if (!sentinel || std::find(all.begin(), all.end(), *sentinel) != all.end()) continue;
    if (++learnt > mostLearntSentinels) break;
    sentinels_.push_back(poolOf(*sentinel));
  }
  const auto isGiven = [this](const Pointer& sentinel) {
    return std::any_of(options_.sentinels.begin(), options_.sentinels.end(),
                       [&](const std::string& text) { return endpointIn(text, sentinelPort) == sentinel->endpoint(); });
  };
  while (sentinels_.size() > options_.sentinels.size() + mostLearntSentinels) {
    // Behind the first, which has named the master.
    const auto oldest = std::find_if_not(std::next(sentinels_.begin()), sentinels_.end(), isGiven);
    if (oldest == sentinels_.end()) return;
    loop_->post([gone = *oldest] { gone->close(); });
    sentinels_.erase(oldest);
  }
}

// To the one in front, whose addresses are known since it has just answered.
void RedisSentinels::listen() {
  if (isClosed_ || listening_ || sentinels_.front()->addresses().empty()) return;
  loop_->cancel(timer_);
  const auto weak = weak_from_this();
  const auto opened = [weak](const std::optional<Error>& problem) {
    const auto self = weak.lock();
    if (!self || !self->listening_) return;
    if (problem) return self->listenLater();
    self->listening_->post(std::vector<std::string_view>{"SUBSCRIBE", channel});
  };
  const auto ended = [weak] {
    if (const auto self = weak.lock()) self->listenLater();
  };
  const auto pushed = [weak](const Reply& message) {
    if (const auto self = weak.lock()) self->heard(message);
  };
  listening_ =
      std::make_shared<RedisConnection>(*loop_, options_, tls_.forHost(sentinels_.front()->endpoint().host),
                                        RedisConnection::Hooks{.opened = opened, .ended = ended, .pushed = pushed});
  listening_->open(sentinels_.front()->addresses(), std::chrono::steady_clock::now() + options_.pause);
}

void RedisSentinels::heard(const Reply& pushed) {
  const auto& items = pushed.items;
  const bool isMessage = items.size() == 3 && items[0].isText("message") && items[1].isText(channel);
  if (isMessage && items[2].text.starts_with(options_.masterName + ' ')) switched_();
}

// To the next one: this one has gone.
void RedisSentinels::listenLater() {
  listening_ = nullptr;
  if (isClosed_) return;
  std::rotate(sentinels_.begin(), std::next(sentinels_.begin()), sentinels_.end());
  loop_->cancel(timer_);
  timer_ = loop_->at(std::chrono::steady_clock::now() + options_.pause, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->timer_.reset();
    self->switched_();  // what was said meanwhile was not heard; who finds the master listens again
  });
}

void RedisSentinels::close() {
  isClosed_ = true;
  loop_->cancel(timer_);
  if (const auto connection = listening_) connection->close({Errc::unreachable, "going"});
  const std::vector<Pointer> all = sentinels_;
  for (const Pointer& sentinel : all) sentinel->close();
  while (!searches_.empty()) finish(*searches_.begin(), Error{Errc::unreachable, "going"});
}

}  // namespace ironjar::detail

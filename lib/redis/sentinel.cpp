#include "redis/sentinel.hpp"

#include "base/number.hpp"
#include "redis/options.hpp"
#include "redis/policy.hpp"

#include <algorithm>
#include <set>
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
  // No sentinel's word is worth asking a server twice that is no master.
  const auto refused = std::make_shared<std::set<RedisEndpoint>>();
  const Verify once = [refused, verify = std::move(verify)](const RedisEndpoint& master, Deadline until, Looked told) {
    if (refused->contains(master)) return told(fail(Errc::unreachable, "sentinels name no master"));
    verify(master, until, [refused, master, told = std::move(told)](std::optional<Error> problem) {
      if (problem) refused->insert(master);
      told(std::move(problem));
    });
  };
  const auto ask = [weak = weak_from_this(), once](const Search& search, const Pointer& sentinel, Deadline until) {
    const auto self = weak.lock();
    if (!self || self->isClosed_) return search->finish(Error{Errc::unreachable, "going"});
    RedisCall call{.arguments = {"SENTINEL", "get-master-addr-by-name", self->options_.masterName}};
    sentinel->run(std::move(call), until, [weak, search, sentinel, once](const Result<Reply>& reply) {
      if (const auto asker = weak.lock()) asker->named(search, sentinel, reply, once);
    });
  };
  Enquiry<Pointer>::begin(loop_, sentinels_, deadline, fail(Errc::unreachable, "no sentinel answers"), ask,
                          std::move(done));
}

void RedisSentinels::named(const Search& search, const Pointer& by, const Result<Reply>& reply, const Verify& verify) {
  if (search->isOver()) return;
  if (!reply) return search->failed(reply.error());
  if (reply->kind == Reply::Kind::error) {
    const Errc code = reply->refusesUser() ? Errc::notAllowed : Errc::unreachable;
    return search->failed(fail(code, "a sentinel answers " + reply->errorName()));
  }
  const auto& items = reply->items;
  const auto master = items.size() == 2 ? endpointOf(items[0].text, items[1].text) : std::nullopt;
  if (!master) return search->failed(fail(Errc::unreachable, "a sentinel knows no master of that name"));
  verify(*master, search->part(), [weak = weak_from_this(), search, by](std::optional<Error> problem) {
    if (const auto self = weak.lock()) self->verified(search, by, std::move(problem));
  });
}

void RedisSentinels::verified(const Search& search, const Pointer& by, std::optional<Error> problem) {
  if (search->isOver()) return;
  if (problem) return search->failed(*std::move(problem));
  const auto named = std::find(sentinels_.begin(), sentinels_.end(), by);
  if (named != sentinels_.end()) std::rotate(sentinels_.begin(), named, std::next(named));
  learnOthers(by, search->deadline());
  if (!listening_) listen();
  search->finish(std::nullopt);
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
}

}  // namespace ironjar::detail

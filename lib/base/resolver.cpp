#include "base/resolver.hpp"

#include <arpa/inet.h>
#include <array>
#include <condition_variable>
#include <map>
#include <mutex>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <thread>

namespace ironjar::detail {
namespace {

constexpr std::size_t maxNames = 1000;   // whose answers are remembered
constexpr std::size_t maxLookups = 100;  // at a time

bool isAddress(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  return ::inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
}

}  // namespace

Addresses systemLookup(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return {};
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list(found, ::freeaddrinfo);
  Addresses addresses;
  for (const addrinfo* a = list.get(); a != nullptr; a = a->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (::getnameinfo(a->ai_addr, a->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) != 0) continue;
    addresses.emplace_back(text.data());
  }
  return addresses;
}

struct Resolver::State {
  struct Answer {
    Addresses addresses;
    MonotonicTime until;
  };

  State(Lookup how, Seconds time) : lookup(std::move(how)), serves(time) {}

  const Lookup lookup;
  const Seconds serves;
  std::mutex mutex;
  std::map<std::string, Answer> answers;
  std::map<std::string, std::vector<Completion<Addresses>>> waiting;  // by the name that is being looked up

  void run(const std::string& host) noexcept {
    Addresses addresses;
    try {
      addresses = lookup(host);
    } catch (...) {  // NOLINT(bugprone-empty-catch): no address
    }
    std::vector<Completion<Addresses>> done;
    {
      const std::lock_guard lock(mutex);
      done = std::move(waiting.extract(host).mapped());
      try {
        remember(host, addresses);
      } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): it is looked up again
      }
    }
    for (const Completion<Addresses>& each : done) complete(each, addresses);
  }

  void remember(const std::string& host, const Addresses& addresses) {
    const MonotonicTime now = std::chrono::steady_clock::now();
    if (answers.size() >= maxNames) {
      std::erase_if(answers, [now](const auto& answer) { return answer.second.until <= now; });
    }
    if (!addresses.empty() && answers.size() < maxNames) answers[host] = {addresses, now + serves};
  }

  // With no address where there is no memory for them.
  static void complete(const Completion<Addresses>& done, const Addresses& addresses) noexcept {
    Addresses copy;
    try {
      copy = addresses;
    } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): said above
    }
    completeSafely(done, std::move(copy));
  }

  // An answer that is there, or nothing.
  std::optional<Addresses> find(const std::string& host) {
    const auto found = answers.find(host);
    if (found == answers.end()) return std::nullopt;
    if (std::chrono::steady_clock::now() < found->second.until) return found->second.addresses;
    answers.erase(found);
    return std::nullopt;
  }
};

Resolver::Resolver(Lookup lookup, Seconds serves) : state_(std::make_shared<State>(std::move(lookup), serves)) {}

void Resolver::resolve(const std::string& host, Completion<Addresses> done) const {
  if (isAddress(host)) return completeSafely(done, Addresses{host});
  std::optional<Addresses> answer;
  {
    const std::lock_guard lock(state_->mutex);
    answer = state_->find(host);
    if (!answer) {
      const bool isNew = state_->waiting.count(host) == 0;
      if (!isNew || state_->waiting.size() < maxLookups) {
        auto& waiting = state_->waiting[host];
        try {
          waiting.emplace_back();
          if (isNew) std::thread([state = state_, host] { state->run(host); }).detach();
          waiting.back() = std::move(done);
          return;
        } catch (const std::exception&) {  // no thread can be had, or no memory
          if (isNew) state_->waiting.erase(host);
        }
      }
    }
  }
  completeSafely(done, std::move(answer).value_or(Addresses()));
}

std::optional<Addresses> Resolver::resolve(const std::string& host, Deadline deadline) const {
  struct Shared {
    std::mutex mutex;
    std::condition_variable isThere;
    std::optional<Addresses> addresses;
  };
  const auto shared = std::make_shared<Shared>();
  resolve(host, [shared](Addresses addresses) {
    const std::lock_guard lock(shared->mutex);
    shared->addresses = std::move(addresses);
    shared->isThere.notify_one();
  });
  std::unique_lock lock(shared->mutex);
  if (!shared->isThere.wait_until(lock, deadline, [&] { return shared->addresses.has_value(); })) return std::nullopt;
  return shared->addresses;
}

}  // namespace ironjar::detail

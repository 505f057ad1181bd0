// Raw bytes as a Redis server's answers: whatever the server says, a record's steps end in time with what can be, no
// value counts that was not sealed for this token, and how the bytes are cut on their way makes no difference.
//
// The first byte chooses the steps; each answer ends with 0x1e. A 0x1d stands for a bulk string: a value that was
// sealed for the record.
#include "base/completion.hpp"
#include "listener.hpp"
#include "redis/records.hpp"

using namespace ironjar;
using namespace std::chrono_literals;
using detail::Record;
using detail::RedisRecord;

namespace {

const TokenSet& storedTokens() {
  static const TokenSet tokens{.accessToken = "at-2", .refreshToken = "rt-2"};
  return tokens;
}

// What is received is one command, since its sender waits for each answer.
class Peer {
 public:
  Peer(std::string answers, std::string sealedValue)
      : answers_(std::move(answers)), sealedValue_(std::move(sealedValue)) {}
  [[nodiscard]] int port() const { return listener_.port(); }

 private:
  void serve(int connection) {
    char buffer[16 * 1024];
    ssize_t got = 0;
    while ((got = ::recv(connection, buffer, sizeof buffer, 0)) > 0) {
      const std::string answer = answerTo({buffer, static_cast<std::size_t>(got)});
      if (::send(connection, answer.data(), answer.size(), MSG_NOSIGNAL) < 0 || !isWhole(answer)) break;
    }
  }

  // After what is not, the peer hangs up, so that nobody waits for the rest.
  static bool isWhole(const std::string& answer) {
    detail::ReplyReader reader;
    const auto read = reader.read(answer);
    return read && *read;
  }

  std::string answerTo(std::string_view command) {
    if (command.find(":probe") != std::string_view::npos) return "+OK\r\n";
    // A script and its hash are asked for at once.
    const bool loads = command.find("\r\nLOAD\r\n") != std::string_view::npos;
    const std::size_t end = std::min(answers_.find('\x1e'), answers_.size());
    std::string answer;
    for (const char c : std::string_view(answers_).substr(0, end)) {
      c == '\x1d' ? answer += '$' + std::to_string(sealedValue_.size()) + "\r\n" + sealedValue_ + "\r\n" : answer += c;
    }
    answers_.erase(0, std::min(end + 1, answers_.size()));
    return loads && isWhole(answer) ? answer + "-NOPERM\r\n" : answer;
  }

  std::string answers_;
  std::string sealedValue_;
  fuzz::Listener listener_{[this](int connection) { serve(connection); }};
};

RedisOptions optionsFor(int port) {
  static const Passwords passwords(fuzz::password);
  return {.passwords = passwords, .port = port, .timeout = 20ms, .failures = 1000};
}

// As a process stores what it refreshed.
std::string sealedValue() {
  const RedisOptions options = optionsFor(0);
  const detail::RedisSealer sealer(options.passwords, options.prefix);
  Json sealed = detail::writeTokens(storedTokens());
  sealed["k"] = "r";
  const auto names = sealer.names("token", "client", "rt-1");
  return "r" + sealer.seal(names, {"redis-result", "rt-1"}, sealed, Seconds{60}).value().front();
}

void requirePossible(const std::optional<Record>& record) {
  fuzz::require(!record || (record->kind == Record::Kind::rotated && record->tokens == storedTokens()),
                "only what was sealed counts");
}

template <class T>
const T* possible(const Result<T>& result) {
  if (result) return &*result;
  fuzz::requireError(
      result, {Errc::unreachable, Errc::timeout, Errc::transport, Errc::malformed, Errc::tooLarge, Errc::notAllowed});
  return nullptr;
}

void step(unsigned which, RedisRecord& record) {
  switch (which % 6U) {
    case 0: {
      const auto begun = record.claim("owner", "");
      const auto* what = possible(begun);
      const auto* found = what ? std::get_if<Record>(what) : nullptr;
      return requirePossible(found ? std::optional(*found) : std::nullopt);
    }
    case 1: {
      const auto looked = record.lookUp();
      const auto* found = possible(looked);
      return requirePossible(found ? *found : std::nullopt);
    }
    case 2: {
      const auto finished = record.publish("owner", {.accessToken = "at-3", .refreshToken = "rt-3"});
      const auto* what = possible(finished);
      const auto* found = what ? std::get_if<Record>(what) : nullptr;
      return requirePossible(found ? std::optional(*found) : std::nullopt);
    }
    case 3:
      static_cast<void>(possible(record.renew("owner")));
      return;
    case 4:
      return requirePossible(record.logOut({.at = fuzz::noon()}));
    case 5: {
      const auto start = [&](const auto& done) { record.orphaned(done); };
      const auto found = detail::waitFor<Result<RedisRecord::Orphaned>>(start, fail(Errc::overloaded));
      fuzz::require(!found || !found->tokens, "nothing was left behind");
    }
  }
}

// The reader alone, fed in one piece and in pieces.
void readBothWays(std::string_view bytes, std::size_t piece) {
  detail::ReplyReader whole;
  const auto all = whole.read(bytes);
  detail::ReplyReader parts;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    const auto part = parts.read(bytes.substr(at, piece));
    if (!part) return fuzz::require(!all, "what is refused in pieces is refused whole");
    if (!*part) continue;
    fuzz::require(all && *all && (*all)->kind == (*part)->kind && (*all)->text == (*part)->text &&
                      (*all)->items.size() == (*part)->items.size(),
                  "the first reply is the same");
    fuzz::require((*part)->items.size() <= 256, "within bounds");
    return;
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  unsigned steps = input.byte();
  const std::string_view answers = input.rest();
  readBothWays(answers.substr(0, answers.find('\x1e')), 1 + steps % 7U);

  const Peer peer(std::string(answers), sealedValue());
  detail::RedisLink link(optionsFor(peer.port()));
  RedisRecord record(link, "client", "rt-1", {.lease = 1s, .keep = Seconds{60}, .keepInvalidGrant = Seconds{60}});

  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 3; ++i, steps /= 6) step(steps, record);
  fuzz::require(std::chrono::steady_clock::now() - begin < 3s, "it ends in time");
  return 0;
}

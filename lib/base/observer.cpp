#include "base/notify.hpp"

#include <mutex>
#include <ostream>
#include <sstream>

#include <ironjar/observer.hpp>
#include <nlohmann/json.hpp>

namespace ironjar {
namespace {

// logfmt: what could be taken for another pair is quoted as a JSON string.
class Line {
 public:
  explicit Line(std::string_view event) : text_("event=" + std::string(event)) {}

  Line& add(std::string_view key, std::string_view value) {
    text_.append(" ").append(key).append("=");
    if (value.find_first_of(" =\"\\") == std::string_view::npos && isPrintable(value)) {
      text_.append(value);
    } else {
      text_ += nlohmann::json(value).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
    }
    return *this;
  }
  Line& add(std::string_view key, std::size_t value) { return add(key, std::to_string(value)); }
  Line& add(event::Duration took) {
    std::ostringstream milliseconds;
    milliseconds.imbue(std::locale::classic());
    milliseconds.precision(1);
    milliseconds << std::fixed << std::chrono::duration<double, std::milli>(took).count();
    return add("took_ms", milliseconds.str());
  }
  Line& session(const std::string& tag) { return tag.empty() ? *this : add("session", tag); }
  Line& error(const Error& error) {
    add("error", nameOf(error.code));
    return error.detail.empty() ? *this : add("detail", error.detail);
  }

  [[nodiscard]] std::string text() const { return text_; }

 private:
  static bool isPrintable(std::string_view value) {
    for (const char c : value) {
      if (c <= ' ' || c > '~') return false;
    }
    return !value.empty();
  }

  std::string text_;
};

struct Lines {
  std::string operator()(const event::Unsealed& e) const {
    return Line("unsealed").session(e.session).add("bytes", e.bytes).text();
  }
  std::string operator()(const event::Sealed& e) const {
    return Line("sealed").session(e.session).add("bytes", e.bytes).text();
  }
  std::string operator()(const event::ResealSkipped& e) const {
    return Line("reseal_skipped").session(e.session).error(e.error).text();
  }
  std::string operator()(const event::Rejected& e) const { return Line("rejected").error(e.error).text(); }
  std::string operator()(const event::LoggedOut& e) const { return Line("logged_out").session(e.session).text(); }
  std::string operator()(const event::RefreshStarted& e) const {
    return Line("refresh_started").session(e.session).add("trigger", nameOf(e.trigger)).text();
  }
  std::string operator()(const event::TokensAnswered& e) const {
    Line line("tokens_answered");
    line.session(e.session).add("trigger", nameOf(e.trigger)).add(e.took);
    return (e.error ? line.error(*e.error) : line).text();
  }
  std::string operator()(const event::Refreshed& e) const {
    Line line("refreshed");
    return line.session(e.session).add("role", nameOf(e.role)).add("trigger", nameOf(e.trigger)).add(e.took).text();
  }
  std::string operator()(const event::RefreshFailed& e) const {
    Line line("refresh_failed");
    line.session(e.session).add("role", nameOf(e.role)).add("trigger", nameOf(e.trigger)).add(e.took);
    return line.add("outcome", outcomeOf(e.error)).error(e.error).text();
  }
  std::string operator()(const event::FetchRetried& e) const {
    return Line("fetch_retried").session(e.session).add("attempt", e.attempt).text();
  }
  std::string operator()(const event::CoordinatorDegraded& e) const {
    return Line(e.degraded ? "coordinator_degraded" : "coordinator_recovered").add("why", e.why).text();
  }
};

}  // namespace

std::string_view nameOf(RefreshedBy role) noexcept {
  switch (role) {
    case RefreshedBy::none:
      return "none";
    case RefreshedBy::self:
      return "self";
    case RefreshedBy::follower:
      return "follower";
    case RefreshedBy::chain:
      return "chain";
  }
  return "unknown";
}

std::string_view nameOf(RefreshTrigger trigger) noexcept {
  switch (trigger) {
    case RefreshTrigger::unauthorized:
      return "unauthorized";
    case RefreshTrigger::expiry:
      return "expiry";
    case RefreshTrigger::late:
      return "late";
    case RefreshTrigger::request:
      return "request";
    case RefreshTrigger::service:
      return "service";
  }
  return "unknown";
}

std::string_view outcomeOf(const Error& error) noexcept {
  if (error.end) return nameOf(*error.end);
  switch (error.code) {
    case Errc::notAllowed:
      return "client_refused";
    case Errc::overloaded:
      return "overloaded";
    case Errc::throttled:
      return "throttled";
    default:
      return "transient";
  }
}

std::string toLine(const Event& event) { return std::visit(Lines(), event); }

Observer logLines(std::ostream& out) {
  return [&out, mutex = std::make_shared<std::mutex>()](const Event& event) {
    const std::string line = toLine(event) + '\n';
    const std::lock_guard lock(*mutex);
    out.write(line.data(), static_cast<std::streamsize>(line.size())).flush();
  };
}

Observer combined(std::vector<Observer> observers) {
  return [all = std::move(observers)](const Event& event) {
    for (const Observer& observer : all) detail::notify(observer, [&]() -> const Event& { return event; });
  };
}

}  // namespace ironjar

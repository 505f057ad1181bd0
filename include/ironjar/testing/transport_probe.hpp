// How the rules of a Transport are looked at: a call that is measured, what is expected of it, what was seen instead.
// Part of checkTransport.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <exception>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ironjar/http.hpp>
#include <ironjar/testing/transport_peer.hpp>

namespace ironjar::testing {

struct TransportCheck {
  // Rules by their names below that are not looked at, since what the transport stands on cannot keep to them.
  std::vector<std::string> except = {};
  // For a transport over TLS: its scheme and a name of 127.0.0.1 that the certificate is for, without a port; and how
  // the server speaks it.
  std::string origin = "http://127.0.0.1";
  WireMaker wires = detail::plainWire;
  std::chrono::milliseconds deadline{200};  // of requests that get no answer
  std::chrono::milliseconds grace{2000};    // how long after its deadline a call may return, on a machine that is busy
  std::size_t largest = 64 * 1024 * 1024;   // a transport that takes more of a response has no limit
};

namespace detail {

using namespace std::chrono_literals;

inline std::string answerWith(std::string_view body, std::string_view fields = "") {
  return "HTTP/1.1 200 OK\r\n" + std::string(fields) + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

// The body of a response, read to its end if it is streamed.
inline Result<std::string> wholeBody(const Response& response) {
  if (!response.bodyReader) return response.body;
  try {
    return readBody({.url = {}, .openBody = [&] { return response.bodyReader; }});
  } catch (...) {
    return fail(Errc::malformed, "the body's reader threw an exception");
  }
}

// The transport that is looked at, and what was found. Thread-safe.
class TransportProbe {
 public:
  static constexpr std::chrono::milliseconds enough{10'000};

  TransportProbe(const Transport& transport, const TransportCheck& options)
      : transport_(transport), options_(options) {}

  // What is found from now on breaks this rule.
  void lookAt(const char* rule) { rule_ = rule; }

  [[nodiscard]] const TransportCheck& options() const { return options_; }
  // How long a script waits for a transport that should have given up by then.
  [[nodiscard]] std::chrono::milliseconds patience() const { return options_.deadline + options_.grace + 300ms; }
  [[nodiscard]] std::string urlOf(int port, std::string_view target = "/") const {
    return options_.origin + ":" + std::to_string(port) + std::string(target);
  }
  [[nodiscard]] Peer peer(Peer::Script script) const { return Peer(std::move(script), options_.wires); }
  // One that answers every request with these bytes.
  [[nodiscard]] Peer always(std::string bytes) const {
    return peer([bytes = std::move(bytes)](Peer::Connection& connection) {
      while (connection.readRequest() && connection.put(bytes)) continue;
    });
  }
  // One that answers the first request with these bytes, and hangs up.
  [[nodiscard]] Peer once(std::string bytes) const {
    return peer([bytes = std::move(bytes)](Peer::Connection& connection) {
      if (connection.readRequest()) connection.put(bytes);
    });
  }

  void violated(std::string_view when, std::string_view seen) {
    const std::lock_guard lock(mutex_);
    violations_.push_back(rule_ + ": " + std::string(when) + ": " + std::string(seen));
  }
  [[nodiscard]] std::vector<std::string> violations() const {
    const std::lock_guard lock(mutex_);
    return violations_;
  }

  // What the transport returned. Nothing when it threw or was late, which is a violation by itself: it may take
  // `longer` than the deadline.
  std::optional<Result<Response>> call(const Request& request, std::string_view when,
                                       std::chrono::milliseconds time = enough,
                                       std::chrono::milliseconds longer = 0ms) {
    const auto begin = std::chrono::steady_clock::now();
    std::optional<Result<Response>> result;
    try {
      result = transport_(request, begin + time);
    } catch (const std::exception& thrown) {
      violated(when, std::string("it threw: ") + thrown.what());
    } catch (...) {
      violated(when, "it threw something");
    }
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
    if (!result || took <= std::max(time, 0ms) + longer + options_.grace) return result;
    violated(when, "returned after " + std::to_string(took.count()) + " ms, of " + std::to_string(time.count()));
    return std::nullopt;
  }
  // As call() within the deadline, or `first`, for a peer that must be reached by then: on a machine that is busy that
  // may take a longer one, up to `most`.
  std::optional<Result<Response>> reaching(const Request& request, std::string_view when,
                                           std::chrono::milliseconds most, std::chrono::milliseconds longer = 0ms,
                                           std::chrono::milliseconds first = 0ms) {
    for (auto time = std::max(options_.deadline, first);; time *= 2) {
      auto result = call(request, when, time, longer);
      const bool isUnreached = result && !*result && result->error().code == Errc::unreachable;
      if (!isUnreached || 2 * time > most) return result;
    }
  }
  // The response, where one is due.
  std::optional<Response> answered(const Request& request, std::string_view when) {
    const auto result = call(request, when);
    if (!result) return std::nullopt;
    if (*result) return **result;
    violated(when, describe(*result) + " in place of a response");
    return std::nullopt;
  }
  void expectError(Errc code, const Request& request, std::string_view when, std::chrono::milliseconds time = enough) {
    if (const auto result = call(request, when, time)) expectError(code, *result, when);
  }
  // Of a peer that is reached; within `first`, if that is later than the deadline.
  void expectTimeout(const Request& request, std::string_view when, std::chrono::milliseconds first = 0ms) {
    const auto result = reaching(request, when, options_.deadline + options_.grace, 0ms, first);
    if (result) expectError(Errc::timeout, *result, when);
  }
  void expectError(Errc code, const Result<Response>& result, std::string_view when) {
    if (!result && result.error().code == code) return;
    violated(when, describe(result) + " in place of Errc::" + std::string(nameOf(code)));
  }

 private:
  static std::string describe(const Result<Response>& result) {
    return result ? "status " + std::to_string(result->status) : "Errc::" + std::string(nameOf(result.error().code));
  }

  const Transport& transport_;
  const TransportCheck& options_;
  std::string rule_;
  mutable std::mutex mutex_;
  std::vector<std::string> violations_;
};

}  // namespace detail
}  // namespace ironjar::testing

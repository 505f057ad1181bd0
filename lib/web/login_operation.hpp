// Drives a login's state machines (login_plan.hpp, logout_plan.hpp) with an asynchronous transport.
#pragma once

#include "base/completion.hpp"
#include "base/timer.hpp"
#include "http/sending.hpp"
#include "web/login_plan.hpp"

#include <algorithm>
#include <memory>
#include <stop_token>
#include <utility>

#include <ironjar/fetch.hpp>

namespace ironjar::detail {

// What the operations of one Login share.
struct LoginRuntime {
  const LoginConfiguration login;
  const OpenIdProvider provider;
  const AsyncTransport transport;
  const Seconds timeout;    // of one request
  const RevokeCall revoke;  // empty: the endpoint has no revocationUrl
  const std::shared_ptr<Timer> timer = std::make_shared<Timer>();
};

// How one ended: Restart, LoginProblem or Response; Errc::cancelled; or what is no outcome of a login's,
// Errc::malformed.
struct LoginEnd {
  Result<LoginStep> step;
  std::vector<std::string> cookies = {};  // due, whatever the answer
};

// Holds itself while something is on its way for it. One thing is at a time: whatever completes it goes on, alone.
template <class Plan>
class LoginOperation : public std::enable_shared_from_this<LoginOperation<Plan>> {
 public:
  LoginOperation(std::shared_ptr<const LoginRuntime> runtime, std::unique_ptr<Plan> plan, StartOptions start,
                 Completion<LoginEnd> done)
      : runtime_(std::move(runtime)), plan_(std::move(plan)), start_(std::move(start)), done_(std::move(done)) {}

  void begin() {
    next([](Plan& plan) { return plan.begin(); });
  }

 private:
  // A wait that the deadline and a request to stop end, too.
  template <class T>
  struct Wait {
    Wait(Completion<Result<T>> over, std::shared_ptr<Timer> timer_)
        : once(std::move(over), fail(Errc::transport, "what was waited for has gone")), timer(std::move(timer_)) {}
    Wait(const Wait&) = delete;
    Wait& operator=(const Wait&) = delete;
    ~Wait() {
      if (ticket) timer->cancel(*ticket);
    }
    Once<Result<T>> once;
    const std::shared_ptr<Timer> timer;
    std::optional<Timer::Ticket> ticket = {};
    std::optional<std::stop_callback<std::function<void()>>> onStop = {};
  };

  // The application's code runs in each step: its clock, its list. What it throws ends the operation.
  template <class Step>
  void next(const Step& step) {
    if (!plan_) return;
    try {
      go(step(*plan_));
    } catch (...) {
      finish(fail(Errc::malformed, "the application's code threw an exception"));
    }
  }

  void go(LoginStep step) {
    if (std::holds_alternative<Response>(step) || std::holds_alternative<LoginProblem>(step) ||
        std::holds_alternative<Restart>(step)) {
      return finish(std::move(step));
    }
    if (start_.stop.stop_requested()) return finish(fail(Errc::cancelled));
    const auto runtime = runtime_;  // finish() lets it go, perhaps before what is called here has returned
    std::visit([&](auto& wanted) { ask(*runtime, wanted); }, step);
  }

  template <class Wanted>
  void ask(const LoginRuntime& runtime, Wanted& wanted) {
    if constexpr (std::is_same_v<Wanted, WantMetadata>) {
      if constexpr (requires(Plan & plan, const Result<ProviderMetadata>& known) { plan.metadata(known); }) {
        runtime.provider.startMetadata(
            wait<ProviderMetadata>([](Plan& plan, const auto& known) { return plan.metadata(known); }));
      }
    } else if constexpr (std::is_same_v<Wanted, WantKeys>) {
      if constexpr (requires(Plan & plan, const Result<KeySet>& known) { plan.keys(known); }) {
        runtime.provider.startKeys(wait<KeySet>([](Plan& plan, const auto& known) { return plan.keys(known); }));
      }
    } else if constexpr (std::is_same_v<Wanted, Send>) {
      if constexpr (requires(Plan & plan, const Result<Response>& answer) { plan.answered(answer); }) {
        sendRequest(runtime, std::move(wanted.request));
      }
    } else if constexpr (std::is_same_v<Wanted, Verify>) {
      if constexpr (requires(Plan & plan, const Result<IdToken>& token) { plan.verified(token); }) {
        runtime.provider.startVerify(std::move(wanted.token), std::move(wanted.rules), runtime.login.now(),
                                     wait<IdToken>([](Plan& plan, const auto& token) { return plan.verified(token); }));
      }
    } else if constexpr (std::is_same_v<Wanted, VerifyLogout>) {
      if constexpr (requires(Plan & plan, const Result<LogoutToken>& token) { plan.verifiedLogout(token); }) {
        runtime.provider.startVerifyLogout(
            std::move(wanted.token), std::move(wanted.rules), runtime.login.now(),
            wait<LogoutToken>([](Plan& plan, const auto& token) { return plan.verifiedLogout(token); }));
      }
    } else if constexpr (std::is_same_v<Wanted, CheckDenied>) {
      if constexpr (requires(Plan & plan, const Result<Revoked>& known) { plan.checked(known); }) {
        const auto list = runtime.login.options.revoked;
        const auto over = wait<Revoked>([](Plan& plan, const auto& known) { return plan.checked(known); });
        list->startCheck({&wanted.mark, 1}, {}, [list, over](Revoked known) { over(known); });
      }
    } else if constexpr (std::is_same_v<Wanted, DenySessions>) {
      if constexpr (requires(Plan & plan, const Result<bool>& isFirst) { plan.denied(isFirst); }) {
        const auto list = runtime.login.options.revoked;
        const auto over = wait<bool>([](Plan& plan, const auto& isFirst) { return plan.denied(isFirst); });
        startBackChannelLogout(*list, wanted.named, [list, over](bool isFirst) { over(isFirst); });
      }
    }
  }

  void sendRequest(const LoginRuntime& runtime, Request wanted) {
    const auto request = std::make_shared<const Request>(std::move(wanted));
    Deadline deadline = std::chrono::steady_clock::now() + runtime.timeout;
    if (start_.deadline) deadline = std::min(deadline, *start_.deadline);
    const auto over = wait<Response>([](Plan& plan, const auto& answer) { return plan.answered(answer); });
    const std::stop_token stop = start_.stop;
    send(runtime.transport, *request, deadline, stop,
         [request, over](Result<Response> answer) { over(std::move(answer)); });
  }

  template <class T, class Resume>
  Completion<Result<T>> wait(Resume resume) {
    const auto over = [self = this->shared_from_this(), resume](const Result<T>& result) {
      if (!result && result.error().code == Errc::cancelled) return self->finish(result.error());
      self->next([&](Plan& plan) { return resume(plan, result); });
    };
    const auto waiting = std::make_shared<Wait<T>>(over, runtime_->timer);
    const std::weak_ptr<Wait<T>> weak = waiting;
    const std::stop_token stop = start_.stop;  // from here on another thread may go on
    if (start_.deadline) {
      waiting->ticket = waiting->timer->at(*start_.deadline, [weak] {
        if (const auto late = weak.lock()) late->once.complete(fail(Errc::timeout, "the login took too long"));
      });
    }
    waiting->onStop.emplace(stop, [weak] {
      if (const auto stopped = weak.lock()) stopped->once.complete(fail(Errc::cancelled));
    });
    return [waiting](Result<T> result) { waiting->once.complete(std::move(result)); };
  }

  // Lets go of all that is held first: who has waited for the end may destroy it.
  void finish(Result<LoginStep> step) {
    const Completion<LoginEnd> done = std::exchange(done_, nullptr);
    if (!done) return;
    LoginEnd end{.step = std::move(step)};
    if constexpr (requires(const Plan& plan) { plan.discarded(); }) {
      end.cookies = plan_->cookies();
      try {
        if (plan_->discarded() != nullptr && runtime_->revoke) runtime_->revoke(*plan_->discarded());
      } catch (...) {  // NOLINT(bugprone-empty-catch): the application's transport: they stay until their end
      }
    }
    plan_.reset();
    runtime_.reset();
    completeSafely(done, std::move(end));
  }

  std::shared_ptr<const LoginRuntime> runtime_;
  std::unique_ptr<Plan> plan_;
  const StartOptions start_;
  Completion<LoginEnd> done_;
};

}  // namespace ironjar::detail

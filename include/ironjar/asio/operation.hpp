// From what completes by a callback to any of Asio's completion tokens. Part of <ironjar/asio/fetch.hpp>.
#pragma once

#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/execution/allocator.hpp>
#include <boost/asio/execution/blocking.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/execution/relationship.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/require.hpp>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <type_traits>
#include <utility>

#include <ironjar/error.hpp>

namespace ironjar::detail {

// What waits for something outside of its executor's context, which lets it go when the context goes: an operation may
// hold a coroutine, whose objects must not outlive the context.
class AsioPending {
 public:
  AsioPending() = default;
  AsioPending(const AsioPending&) = delete;
  AsioPending& operator=(const AsioPending&) = delete;
  virtual ~AsioPending() = default;
  virtual void drop() = 0;
};

class AsioPendings : public boost::asio::execution_context::service {
 public:
  using key_type = AsioPendings;
  static inline boost::asio::execution_context::id id;

  // Shared with operations, which may outlive the context.
  struct List {
    std::mutex mutex;
    std::set<std::shared_ptr<AsioPending>> pending;
    bool isGone = false;
  };

  explicit AsioPendings(boost::asio::execution_context& owner) : boost::asio::execution_context::service(owner) {}

  template <class Executor>
  [[nodiscard]] static std::shared_ptr<List> of(const Executor& executor) {
    return boost::asio::use_service<AsioPendings>(boost::asio::query(executor, boost::asio::execution::context)).list_;
  }

 private:
  void shutdown() override {
    std::set<std::shared_ptr<AsioPending>> dropped;
    {
      const std::lock_guard lock(list_->mutex);
      list_->isGone = true;
      dropped.swap(list_->pending);
    }
    for (const auto& pending : dropped) pending->drop();
  }

  const std::shared_ptr<List> list_ = std::make_shared<List>();
};

// Nothing to take along.
struct AsioAlone {
  void bringHome() {}
};

// One operation, with what it takes along, whose bringHome() is called on the handler's executor before the handler.
template <class Outcome, class Handler, class Luggage>
class AsioOperation final : public AsioPending,
                            public std::enable_shared_from_this<AsioOperation<Outcome, Handler, Luggage>> {
 public:
  // As the handler has it, so that a post knows the handler's allocator.
  using Executor = boost::asio::associated_executor_t<Handler>;
  using Work = std::decay_t<decltype(boost::asio::prefer(std::declval<Executor>(),
                                                         boost::asio::execution::outstanding_work.tracked))>;

  AsioOperation(Handler handler, Executor executor, Luggage luggage)
      : handler_(std::move(handler)),
        executor_(boost::asio::prefer(std::move(executor), boost::asio::execution::outstanding_work.tracked)),
        list_(AsioPendings::of(*executor_)),
        luggage_(std::move(luggage)) {}

  // Calls `start` with the luggage, what to call with the outcome, and a token that says when to stop. What it throws
  // is Errc::malformed: an awaitable's initiation runs where an exception would leave the context's run(). When the
  // last copy of what to call goes uncalled, that is Errc::transport.
  template <class Start>
  void begin(Start start) {
    const auto self = this->shared_from_this();
    {
      const std::lock_guard lock(list_->mutex);
      if (list_->isGone) return;  // and with us the handler
      list_->pending.insert(self);
    }
    std::shared_ptr<const Told> told;  // until it is known that `start` has not thrown
    try {
      stopOnCancellation();
      told = std::make_shared<const Told>(self);
      start(
          luggage_, [told](Outcome outcome) { told->operation->complete(std::move(outcome)); }, stop_.get_token());
    } catch (const std::exception& thrown) {
      complete(fail(Errc::malformed, thrown.what()));
    } catch (...) {
      complete(fail(Errc::malformed, "the operation could not be begun"));
    }
  }

 private:
  struct Told {
    explicit Told(std::shared_ptr<AsioOperation> of) : operation(std::move(of)) {}
    Told(const Told&) = delete;
    Told& operator=(const Told&) = delete;
    ~Told() {
      try {
        operation->complete(fail(Errc::transport));
      } catch (...) {  // NOLINT(bugprone-empty-catch): no memory: it ends with the context
      }
    }
    const std::shared_ptr<AsioOperation> operation;
  };

  void stopOnCancellation() {
    auto slot = boost::asio::get_associated_cancellation_slot(*handler_);
    if (slot.is_connected()) {
      slot.assign([weak = this->weak_from_this()](boost::asio::cancellation_type type) {
        const auto self = weak.lock();
        if (self && type != boost::asio::cancellation_type::none) self->stop_.request_stop();
      });
    }
  }
  // On any thread.
  void complete(Outcome outcome) {
    const auto self = this->shared_from_this();
    const std::lock_guard lock(list_->mutex);  // the context stays meanwhile
    if (list_->pending.erase(self) == 0) return;
    // What post() does, but with the handler's allocator without another dispatch.
    boost::asio::prefer(boost::asio::require(*executor_, boost::asio::execution::blocking.never),
                        boost::asio::execution::relationship.fork,
                        boost::asio::execution::allocator(boost::asio::get_associated_allocator(*handler_)))
        .execute([self, outcome = std::move(outcome)]() mutable { self->end(std::move(outcome)); });
  }
  // On the executor.
  void end(Outcome outcome) {
    auto slot = boost::asio::get_associated_cancellation_slot(*handler_);
    if (slot.is_connected()) slot.clear();
    Handler handler = *std::move(handler_);
    handler_.reset();
    const auto work = std::exchange(executor_, std::nullopt);  // until the handler has said what comes next
    try {
      luggage_.bringHome();
    } catch (const std::exception&) {
      outcome = Outcome(fail(Errc::malformed, "what was brought could not be taken over"));
    }
    std::move(handler)(std::move(outcome));
  }
  void drop() override {
    handler_.reset();
    executor_.reset();
    stop_.request_stop();
  }

  std::optional<Handler> handler_;
  std::optional<Work> executor_;
  const std::shared_ptr<AsioPendings::List> list_;
  Luggage luggage_;
  std::stop_source stop_;
};

// For `start` see AsioOperation::begin.
template <class Outcome, class Luggage, class Start, class CompletionToken>
auto asioOperation(Luggage luggage, Start start, CompletionToken&& token) {
  const auto initiate = [](auto handler, Luggage with, Start begin) {
    using Handler = decltype(handler);
    auto executor = boost::asio::get_associated_executor(handler);
    std::make_shared<AsioOperation<Outcome, Handler, Luggage>>(std::move(handler), std::move(executor), std::move(with))
        ->begin(std::move(begin));
  };
  return boost::asio::async_initiate<CompletionToken, void(Outcome)>(initiate, token, std::move(luggage),
                                                                     std::move(start));
}

}  // namespace ironjar::detail

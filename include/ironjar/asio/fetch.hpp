// performFetch for any of Asio's completion tokens: awaitable, callback, future, deferred.
//
// Example:
//   boost::asio::awaitable<void> show(const ironjar::Fetcher& api, ironjar::Session& session) {
//     const ironjar::Result<ironjar::Response> items = co_await ironjar::asyncFetch(
//         api, session, {.url = "https://api.example.com/items"}, boost::asio::use_awaitable);
//     std::cout << (items ? items->body : items.error().detail) << '\n';
//   }
#pragma once

#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <stop_token>
#include <type_traits>
#include <utility>

#include <ironjar/fetch.hpp>

namespace ironjar {
namespace detail {

// What waits for something outside of its executor's context, which lets it go when the context goes: an operation may
// hold a coroutine, and that what must not outlive the context.
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

// One fetch. It works on a copy of the session, and brings what comes of it home on the handler's executor.
template <class Handler>
class AsioFetch final : public AsioPending, public std::enable_shared_from_this<AsioFetch<Handler>> {
 public:
  // As the handler has it, so that a post knows the handler's allocator.
  using Executor = boost::asio::associated_executor_t<Handler>;
  using Work = std::decay_t<decltype(boost::asio::prefer(std::declval<Executor>(),
                                                         boost::asio::execution::outstanding_work.tracked))>;

  AsioFetch(Handler handler, Executor executor, Session& session)
      : handler_(std::move(handler)),
        executor_(boost::asio::prefer(std::move(executor), boost::asio::execution::outstanding_work.tracked)),
        list_(AsioPendings::of(*executor_)),
        theirs_(session),
        session_(session),
        begunWith_(session.tokens()) {}

  void begin(const Fetcher& fetcher, Request request, std::optional<Deadline> deadline) {
    const auto self = this->shared_from_this();
    {
      const std::lock_guard lock(list_->mutex);
      if (list_->isGone) return;  // and with us the handler
      list_->pending.insert(self);
    }
    try {
      start(fetcher, std::move(request), deadline);
    } catch (...) {
      const std::lock_guard lock(list_->mutex);
      list_->pending.erase(self);
      throw;
    }
  }

 private:
  void start(const Fetcher& fetcher, Request request, std::optional<Deadline> deadline) {
    auto slot = boost::asio::get_associated_cancellation_slot(*handler_);
    if (slot.is_connected()) {
      slot.assign([weak = this->weak_from_this()](boost::asio::cancellation_type type) {
        const auto fetch = weak.lock();
        if (fetch && type != boost::asio::cancellation_type::none) fetch->stop_.request_stop();
      });
    }
    startFetch(fetcher, session_, std::move(request), fetcher.options().asyncTransport,
               [self = this->shared_from_this()](Result<Response> result) { self->complete(std::move(result)); },
               {.deadline = deadline, .stop = stop_.get_token()});
  }
  // On any thread.
  void complete(Result<Response> result) {
    const auto self = this->shared_from_this();
    const std::lock_guard lock(list_->mutex);  // the context stays meanwhile
    if (list_->pending.erase(self) == 0) return;
    const auto allocator = boost::asio::get_associated_allocator(*handler_);
    boost::asio::post(*executor_, boost::asio::bind_allocator(allocator, [self, result = std::move(result)]() mutable {
      self->end(std::move(result));
    }));
  }
  // On the executor.
  void end(Result<Response> result) {
    auto slot = boost::asio::get_associated_cancellation_slot(*handler_);
    if (slot.is_connected()) slot.clear();
    bringHome();
    Handler handler = *std::move(handler_);
    handler_.reset();
    const auto work = std::exchange(executor_, std::nullopt);  // until the handler has said what comes next
    std::move(handler)(std::move(result));
  }
  // Meanwhile another fetch may have renewed the tokens, and the application may have signed somebody in.
  void bringHome() {
    if (!session_.destroyed() && !session_.detached()) return theirs_.adoptRenewals(session_);
    if (theirs_.tokens() != begunWith_) return;
    session_.destroyed() ? theirs_.destroy() : theirs_.detach();
  }
  void drop() override {
    handler_.reset();
    executor_.reset();
    stop_.request_stop();
  }

  std::optional<Handler> handler_;
  std::optional<Work> executor_;
  const std::shared_ptr<AsioPendings::List> list_;
  Session& theirs_;
  Session session_;
  const std::optional<TokenSet> begunWith_;
  std::stop_source stop_;
};

}  // namespace detail

// performFetch with FetchOptions::asyncTransport, which throws std::invalid_argument if there is none. Never blocks.
// The token's handler gets a Result<Response>, by a post to its associated executor, the system's if it has none. The
// session must live until then; it is read now, and gets new tokens right before the handler is called, so several
// fetches may be under way for one session whose handlers run one after another (on one thread, or one strand). Any
// type of cancellation ends the fetch with Errc::cancelled; a refresh that it waits for goes on, for the others. A
// fetch that is under way keeps its executor's context at work; when the context is destroyed, so is the handler.
template <class CompletionToken>
auto asyncFetch(const Fetcher& fetcher, Session& session, Request request, CompletionToken&& token,
                std::optional<Deadline> deadline = std::nullopt) {
  if (!fetcher.options().asyncTransport) {
    throw std::invalid_argument(
        "ironjar: asyncFetch: FetchOptions::asyncTransport is empty: asioTransport() makes one");
  }
  const auto initiate = [](auto handler, const Fetcher& from, Session* with, Request asked,
                           std::optional<Deadline> until) {
    using Handler = decltype(handler);
    auto executor = boost::asio::get_associated_executor(handler);
    std::make_shared<detail::AsioFetch<Handler>>(std::move(handler), std::move(executor), *with)
        ->begin(from, std::move(asked), until);
  };
  return boost::asio::async_initiate<CompletionToken, void(Result<Response>)>(initiate, token, fetcher, &session,
                                                                              std::move(request), deadline);
}

}  // namespace ironjar

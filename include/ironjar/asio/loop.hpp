// What asynchronous operations of ours need of the executor they run on. Part of <ironjar/asio/transport.hpp>.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/strand.hpp>
#include <chrono>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <utility>

#include <ironjar/types.hpp>

namespace ironjar::detail {

namespace asio = boost::asio;
using AsioError = boost::system::error_code;
using Strand = asio::strand<asio::any_io_executor>;
using AsioSocket = asio::basic_stream_socket<asio::ip::tcp, Strand>;
using AsioTimer =
    asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Strand>;

// The way from any thread to objects that live in an executor's context, for whoever may outlive that.
//
// Sockets, timers and strands must not outlive their context. So the operations that wait own them: the context
// destroys these when it goes. All others hold weak pointers, and this.
class AsioLoop {
 public:
  // The loop of an executor's context.
  static std::shared_ptr<AsioLoop> of(const asio::any_io_executor& executor) {
    const AsioTimer timer{Strand(executor)};  // what is used first goes last: we are told before what we use is gone
    return asio::use_service<Service>(asio::query(executor, asio::execution::context)).loop;
  }

  // Calls `use` unless the context is gone, which then stays for as long as that takes. It must not call user code.
  template <class Use>
  void run(Use use) {
    const std::shared_lock lock(mutex_);
    if (!isGone_) use();
  }

  // Calls `use` with the object on its strand; never within this call, and not at all when the object or the context is
  // gone, or memory is wanting: false then.
  template <class Object, class Use>
  bool post(const std::weak_ptr<Object>& weak, Use use) noexcept {
    bool isPosted = false;
    try {
      run([&] {
        std::shared_ptr<Object> object = weak.lock();
        if (!object) return;
        const Strand strand = object->strand();
        asio::post(strand, [object = std::move(object), use = std::move(use)]() mutable { use(*object); });
        isPosted = true;
      });
    } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): std::bad_alloc
    }
    return isPosted;
  }

 private:
  // How the context says that it goes.
  class Service : public asio::execution_context::service {
   public:
    using key_type = Service;
    static inline asio::execution_context::id id;
    explicit Service(asio::execution_context& owner) : asio::execution_context::service(owner) {}

    const std::shared_ptr<AsioLoop> loop = std::make_shared<AsioLoop>();

   private:
    void shutdown() override {
      const std::unique_lock lock(loop->mutex_);
      loop->isGone_ = true;
    }
  };

  std::shared_mutex mutex_;
  bool isGone_ = false;
};

}  // namespace ironjar::detail

// Beast's adapter keeps the rules of an adapter.
#include "support/beast_site.hpp"
#include "support/support.hpp"
#include "support/violations.hpp"

#include <memory>

#include <ironjar/testing/check_adapter.hpp>

namespace beast_adapter_test {

using namespace ironjar;
using boost::asio::awaitable;
using testing::AdapterServer;
using testing::AdapterSite;

namespace {

AdapterServer start(const AdapterSite& site) {
  const BeastAuth auth(site.jar, site.fetcher, site.auth);
  const BeastProxy proxy(site.prefix, site.jar, site.fetcher, site.upstream);
  const auto handler = [&site, auth, proxy](BeastRequest& request) -> awaitable<BeastAnswer> {
    if (auth.matches(request)) co_return co_await auth.answer(request);
    if (proxy.matches(request)) co_return co_await proxy.answer(request);
    if (const auto problem = co_await request.readBody()) co_return answerForBody(*problem);
    co_return co_await withSession(site.jar, request,
                                   [&](Session& session) { return site.page(request.web(), session); });
  };
  const auto running = std::make_shared<support::BeastSite>(handler);
  return {running->port(), running};
}

}  // namespace

TEST_CASE("Beast's adapter keeps the rules of an adapter") {
  CHECK(support::listed(testing::checkAdapter(start)) == "");
}

}  // namespace beast_adapter_test

#define DOCTEST_CONFIG_IMPLEMENT
#include "support/canary.hpp"

#include <doctest/doctest.h>

namespace {

// Tells what assertions and test cases catch, whether they pass or not.
class Teller : public doctest::IReporter {
 public:
  explicit Teller(const doctest::ContextOptions& /*options*/) {}

  void log_assert(const doctest::AssertData& assertion) override {
    if (assertion.m_exception.size() > 0) support::tell("exception", assertion.m_exception.c_str());
  }
  void test_case_exception(const doctest::TestCaseException& thrown) override {
    support::tell("exception", thrown.error_string.c_str());
  }

  void report_query(const doctest::QueryData& /*unused*/) override {}
  void test_run_start() override {}
  void test_run_end(const doctest::TestRunStats& /*unused*/) override {}
  void test_case_start(const doctest::TestCaseData& /*unused*/) override {}
  void test_case_reenter(const doctest::TestCaseData& /*unused*/) override {}
  void test_case_end(const doctest::CurrentTestCaseStats& /*unused*/) override {}
  void subcase_start(const doctest::SubcaseSignature& /*unused*/) override {}
  void subcase_end() override {}
  void log_message(const doctest::MessageData& /*unused*/) override {}
  void test_case_skipped(const doctest::TestCaseData& /*unused*/) override {}
};

}  // namespace

REGISTER_LISTENER("teller", 1, Teller);

// What is to fail must not stop a run that is traced, as by strace.
int main(int argc, char** argv) {
  doctest::Context context;
  context.setOption("no-breaks", true);
  context.applyCommandLine(argc, argv);
  return context.run();
}

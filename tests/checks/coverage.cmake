# Included by coverage.sh after project(): the library alone is measured. The tests are compiled as for a release, out of
# the compiler's cache where there was one.
set(coverage_options --coverage -O0 -fprofile-update=atomic)
cmake_language(DEFER CALL target_compile_options ironjar PRIVATE ${coverage_options})
cmake_language(DEFER CALL target_compile_options ironjar_curl PRIVATE ${coverage_options})
cmake_language(DEFER CALL target_compile_options ironjar_redis PRIVATE ${coverage_options})
cmake_language(DEFER CALL target_link_options ironjar PUBLIC --coverage)

# PkgConfig::cpp_httplib for tests, demo and benchmarks: Debian's, or the header in IRONJAR_HTTPLIB_DIR with the same
# features compiled in.
if(IRONJAR_HTTPLIB_DIR)
  if(NOT EXISTS ${IRONJAR_HTTPLIB_DIR}/httplib.h)
    message(FATAL_ERROR "IRONJAR_HTTPLIB_DIR: there is no httplib.h in ${IRONJAR_HTTPLIB_DIR}")
  endif()
  find_package(OpenSSL 3.0 REQUIRED COMPONENTS SSL Crypto)
  pkg_check_modules(httplib_codings REQUIRED IMPORTED_TARGET GLOBAL zlib libbrotlicommon libbrotlienc libbrotlidec)
  add_library(PkgConfig::cpp_httplib INTERFACE IMPORTED GLOBAL)
  target_include_directories(PkgConfig::cpp_httplib SYSTEM INTERFACE ${IRONJAR_HTTPLIB_DIR})
  target_compile_definitions(PkgConfig::cpp_httplib INTERFACE
    CPPHTTPLIB_OPENSSL_SUPPORT CPPHTTPLIB_ZLIB_SUPPORT CPPHTTPLIB_BROTLI_SUPPORT)
  target_link_libraries(PkgConfig::cpp_httplib INTERFACE OpenSSL::SSL OpenSSL::Crypto PkgConfig::httplib_codings)
else()
  pkg_check_modules(cpp_httplib REQUIRED IMPORTED_TARGET GLOBAL cpp-httplib>=0.11)
endif()

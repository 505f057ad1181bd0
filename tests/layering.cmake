# Fails when a floor includes one below it, when <sodium.h> or <openssl/…> leave lib/detail, when a framework enters the
# core, or when the library includes its test kit. Run as: cmake -DROOT=<source folder> -P layering.cmake
cmake_minimum_required(VERSION 3.22)

# From the top: a file may include its own topic's header and those of floors above it. `topic: files of lib/`.
set(floors
  "error: error"
  "observer: observer notify"
  "passwords: passwords"
  "seal: seal seal_format seal_native seal_fe26"
  "cookie: cookie cookie_pairs chunks"
  "session: session session_jar session_open revocation"
  "tokens: tokens"
  "transport: transport http1 http_field upstream_cookies"
  "refresh: refresh refresh_service refreshing token_answer token_endpoint local_coordinator token_states token_key in_flight refresh_meter circuit_breaker"
  "fetch: fetch token_asker token_keeper"
  "web: web")

set(level 0)
foreach(floor IN LISTS floors)
  string(REGEX MATCH "^([a-z]+): (.*)$" _ "${floor}")
  set(level_of_${CMAKE_MATCH_1} ${level})
  string(REPLACE " " ";" files "${CMAKE_MATCH_2}")
  foreach(file IN LISTS files)
    set(level_of_${file} ${level})
  endforeach()
  math(EXPR level "${level} + 1")
endforeach()

set(problems "")
function(check file)
  get_filename_component(stem ${file} NAME_WE)
  file(RELATIVE_PATH name ${ROOT} ${file})
  file(STRINGS ${file} includes REGEX "^#include")
  string(REGEX MATCH "^(lib|include/ironjar)/[a-z0-9_]+\\.[ch]pp$" is_of_a_floor ${name})
  foreach(line IN LISTS includes)
    if(line MATCHES "<(sodium\\.h|openssl/|simdjson\\.h)" AND NOT name MATCHES "^lib/detail/")
      list(APPEND problems "${name}: ${line} (belongs into lib/detail)")
    endif()
    set(framework "(httplib|prometheus)")
    if(line MATCHES "<(httplib|prometheus/)|ironjar/(testing/)?${framework}" AND
       NOT name MATCHES "^include/ironjar/(testing/)?${framework}")
      list(APPEND problems "${name}: ${line} (the core knows no framework)")
    endif()
    if(line MATCHES "testing/" AND NOT name MATCHES "^include/ironjar/testing/")
      list(APPEND problems "${name}: ${line} (only tests include the test kit)")
    endif()
    if(line MATCHES "<hiredis/" AND NOT name MATCHES "^lib/redis/")
      list(APPEND problems "${name}: ${line} (belongs into lib/redis)")
    endif()
    if(line MATCHES "\"web/" AND NOT name MATCHES "^lib/web/")
      list(APPEND problems "${name}: ${line} (a floor below)")
    endif()
    if(line MATCHES "^#include [<\"](ironjar/)?([a-z0-9_]+)\\.hpp[>\"]" AND is_of_a_floor AND DEFINED level_of_${stem})
      set(included ${CMAKE_MATCH_2})
      if(DEFINED level_of_${included} AND level_of_${included} GREATER level_of_${stem})
        list(APPEND problems "${name}: ${line} (a floor below)")
      endif()
    endif()
  endforeach()
  if(is_of_a_floor AND NOT DEFINED level_of_${stem} AND NOT stem MATCHES "^(ironjar|version|httplib|prometheus|redis)$")
    list(APPEND problems "${name}: on no floor; name it in tests/layering.cmake")
  endif()
  set(problems "${problems}" PARENT_SCOPE)
endfunction()

file(GLOB_RECURSE files ${ROOT}/include/*.hpp ${ROOT}/lib/*.hpp ${ROOT}/lib/*.cpp)
foreach(file IN LISTS files)
  check(${file})
endforeach()

if(problems)
  string(REPLACE ";" "\n" problems "${problems}")
  message(FATAL_ERROR "layering:\n${problems}")
endif()
list(LENGTH files count)
message(STATUS "layering: ${count} files in order")

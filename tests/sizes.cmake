# Fails when a source file has more lines than one can hold in the head.
#   cmake -DROOT=<source folder> [-DPLANTED=<file>] -P sizes.cmake
# PLANTED is the guard's control: `path|lines`, the lines that a file is taken to have, with which it must fail.
cmake_minimum_required(VERSION 3.22)

set(most 400)

set(folders lib include bindings tests bench)
set(endings h hpp c cpp js mjs cjs ts mts cts py sh)
set(not_ours "/(node_modules|build|__pycache__)/")  # what is installed or built

set(patterns "")
foreach(folder IN LISTS folders)
  foreach(ending IN LISTS endings)
    list(APPEND patterns ${ROOT}/${folder}/*.${ending})
  endforeach()
endforeach()
file(GLOB_RECURSE files RELATIVE ${ROOT} ${patterns})

set(problems "")
set(count 0)
foreach(file IN LISTS files)
  if("/${file}" MATCHES "${not_ours}")
    continue()
  endif()
  math(EXPR count "${count} + 1")
  file(READ ${ROOT}/${file} text)
  string(REGEX REPLACE "[^\n]+" "" ends "${text}")
  string(LENGTH "${ends}" lines)
  if(PLANTED MATCHES "^${file}[|]([0-9]+)$")
    set(lines ${CMAKE_MATCH_1})
  endif()
  if(lines GREATER most)
    list(APPEND problems "${file}: ${lines} lines, at most ${most}: one topic a file")
  endif()
endforeach()

if(problems)
  string(REPLACE ";" "\n  " problems "${problems}")
  message(FATAL_ERROR "sizes:\n  ${problems}")
endif()
if(count LESS 300)
  message(FATAL_ERROR "sizes: only ${count} files were found")
endif()
message(STATUS "sizes: ${count} files of at most ${most} lines")

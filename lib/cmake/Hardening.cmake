# What compilers and linkers offer against memory errors: PIE, full RELRO, no executable stack, FORTIFY, stack protector,
# CET; and calls without the detour through a PLT, which full RELRO makes as safe. For what is built in this folder and
# below only: no consumer's own target is compiled or linked with any of it.
include(CheckCXXCompilerFlag)
include(CheckLinkerFlag)
include(CheckPIESupported)

set(optimised $<CONFIG:Release,RelWithDebInfo,MinSizeRel>)  # FORTIFY demands it
set(fortify 2)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 12)
  set(fortify 3)
endif()
add_compile_options($<${optimised}:-U_FORTIFY_SOURCE> $<${optimised}:-D_FORTIFY_SOURCE=${fortify}>)

foreach(flag -fstack-protector-strong -fstack-clash-protection -fcf-protection=full -fno-plt)
  string(MAKE_C_IDENTIFIER "IRONJAR_HAS${flag}" has)
  check_cxx_compiler_flag(${flag} ${has})
  if(${has})
    add_compile_options(${flag})
  endif()
endforeach()
foreach(flag -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
  string(MAKE_C_IDENTIFIER "IRONJAR_HAS${flag}" has)
  check_linker_flag(CXX ${flag} ${has})
  if(${has})
    add_link_options(${flag})
  endif()
endforeach()

check_pie_supported(LANGUAGES CXX)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

# Two builds of one source give one file, wherever their folders are.
add_compile_options(-ffile-prefix-map=${PROJECT_SOURCE_DIR}=.)

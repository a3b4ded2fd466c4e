# Compiler warnings, hardening and sanitizers, for every target of the project.

add_compile_options(-Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wno-missing-field-initializers)
if(MCRELAY_WERROR)
  add_compile_options(-Werror)
endif()

set(CMAKE_POSITION_INDEPENDENT_CODE ON)
include(CheckPIESupported)
check_pie_supported()

if(MCRELAY_SANITIZE)
  add_compile_options(-fsanitize=${MCRELAY_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${MCRELAY_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Instrumented code makes g++ 12 take std::regex's and std::function's members for uninitialized.
    add_compile_options(-Wno-maybe-uninitialized)
    if(MCRELAY_SANITIZE MATCHES thread)
      # fences are not modelled by ThreadSanitizer; libstdc++'s shared_ptr is fine without them
      add_compile_options(-Wno-error=tsan)
    endif()
  endif()
else()
  add_compile_options(-fstack-protector-strong -fstack-clash-protection)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|amd64")
    add_compile_options(-fcf-protection)
  endif()
  add_link_options(-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
  if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
  endif()
endif()
add_compile_definitions(_GLIBCXX_ASSERTIONS)

# Release keeps assertions out but symbols in: a crash in the field must have a readable trace.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g")
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 -g")

if(MCRELAY_LTO AND CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT MCRELAY_SANITIZE)
  include(CheckIPOSupported)
  check_ipo_supported(RESULT mcrelay_ipo OUTPUT mcrelay_ipo_why LANGUAGES CXX)
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ${mcrelay_ipo})
endif()

# Libraries, all from the distribution. Why each: docs/architecture.md, "Libraries".

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(spdlog REQUIRED)
find_package(yaml-cpp REQUIRED)
pkg_check_modules(libuv REQUIRED IMPORTED_TARGET libuv)
pkg_check_modules(hiredis REQUIRED IMPORTED_TARGET hiredis)
pkg_check_modules(libsystemd REQUIRED IMPORTED_TARGET libsystemd)
if(MCRELAY_TESTS)
  find_package(doctest REQUIRED)
endif()

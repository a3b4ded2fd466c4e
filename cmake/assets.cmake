# The files of the status page as a source file: admin_assets.

file(READ ${CMAKE_SOURCE_DIR}/daemon/admin/assets/status.css ADMIN_CSS)
file(READ ${CMAKE_SOURCE_DIR}/daemon/admin/assets/status.js ADMIN_JS)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
  ${CMAKE_SOURCE_DIR}/daemon/admin/assets/status.css ${CMAKE_SOURCE_DIR}/daemon/admin/assets/status.js)
set(admin_assets ${CMAKE_BINARY_DIR}/admin_assets.cc)
configure_file(${CMAKE_SOURCE_DIR}/daemon/admin/assets.cc.in ${admin_assets} @ONLY)

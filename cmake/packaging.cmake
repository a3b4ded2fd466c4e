# Where `cmake --install` puts things, and the Debian package (`scripts/dev deb`, CPack).

include(GNUInstallDirs)

set(package_dir ${CMAKE_BINARY_DIR}/package)
file(MAKE_DIRECTORY ${package_dir})

# Debian wants manual pages and changelogs compressed, without name and time in the result.
function(mcrelay_install_gz source name destination)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source})
  execute_process(COMMAND gzip -9nc ${source} OUTPUT_FILE ${package_dir}/${name}.gz
    COMMAND_ERROR_IS_FATAL ANY)
  install(FILES ${package_dir}/${name}.gz DESTINATION ${destination})
endfunction()

set(debian ${CMAKE_SOURCE_DIR}/cmake/debian)
set(doc_dir ${CMAKE_INSTALL_DATAROOTDIR}/doc/mcrelay)

install(TARGETS mcrelay RUNTIME DESTINATION bin)
install(FILES config/mcrelay.yaml DESTINATION /etc/mcrelay)
install(FILES systemd/mcrelay.service systemd/mcrelay@.service systemd/mcrelay.socket
  DESTINATION /lib/systemd/system)
install(FILES systemd/mcrelay.sysusers DESTINATION lib/sysusers.d RENAME mcrelay.conf)
install(FILES scripts/completion.bash DESTINATION share/bash-completion/completions RENAME mcrelay)
mcrelay_install_gz(${CMAKE_SOURCE_DIR}/docs/man/mcrelay.8 mcrelay.8 share/man/man8)
mcrelay_install_gz(${CMAKE_SOURCE_DIR}/docs/man/mcrelay.yaml.5 mcrelay.yaml.5 share/man/man5)
install(FILES ${debian}/copyright DESTINATION ${doc_dir})
mcrelay_install_gz(${debian}/changelog changelog ${doc_dir})
# As in the source tree, so that the guides' links to each other and to their pictures hold.
file(GLOB guides ${CMAKE_SOURCE_DIR}/docs/*.md ${CMAKE_SOURCE_DIR}/docs/*.png
  ${CMAKE_SOURCE_DIR}/docs/*.svg)
install(FILES README.md SECURITY.md CONTRIBUTING.md CHANGELOG.md DESTINATION ${doc_dir})
install(FILES ${guides} DESTINATION ${doc_dir}/docs)
install(DIRECTORY docs/examples DESTINATION ${doc_dir}/docs)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME mcrelay)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
# Who distributes the package names themselves here and in the changelog.
set(CPACK_PACKAGE_CONTACT "The mcrelay authors <mcrelay@maintainers.invalid>" CACHE STRING
  "Maintainer of the Debian package")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "memcached's protocol in front of Redis")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"mcrelay is a daemon that speaks memcached's text protocol to applications and
keeps every item in Redis: one server, or several with the keys spread over
them. Applications and client libraries need no change.

With no Redis server named it starts a private one, so that it answers on
port 11211 (loopback only) as soon as it is installed.")
set(CPACK_DEBIAN_PACKAGE_SECTION database)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "adduser, init-system-helpers (>= 1.52)")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "redis-server (>= 5:6.2)")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
  "${debian}/postinst;${debian}/prerm;${debian}/postrm;${debian}/conffiles")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ
  GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_INSTALL_CMAKE_PROJECTS "${CMAKE_BINARY_DIR};mcrelay;ALL;/")
include(CPack)

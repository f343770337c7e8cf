# fastpar for vcpkg, from a checkout: vcpkg install fastpar --overlay-ports=packaging/vcpkg
# It needs cargo, of Rust 1.85 or later.

get_filename_component(SOURCE_PATH "${CURRENT_PORT_DIR}/../.." ABSOLUTE)
find_program(CARGO cargo HINTS "$ENV{HOME}/.cargo/bin" "$ENV{USERPROFILE}/.cargo/bin" REQUIRED)

if(VCPKG_TARGET_IS_MINGW)
  set(target x86_64-pc-windows-gnu)
elseif(VCPKG_TARGET_IS_WINDOWS)
  set(target x86_64-pc-windows-msvc)
else()
  set(target x86_64-unknown-linux-gnu)
endif()
if(VCPKG_LIBRARY_LINKAGE STREQUAL "static")
  set(kind staticlib)
else()
  set(kind cdylib)
endif()

set(built "${CURRENT_BUILDTREES_DIR}/${TARGET_TRIPLET}")
vcpkg_execute_required_process(
  COMMAND "${CARGO}" rustc --release --lib --locked --package fastpar --target ${target} --crate-type ${kind} --target-dir "${built}"
  WORKING_DIRECTORY "${SOURCE_PATH}"
  LOGNAME cargo-${TARGET_TRIPLET})
set(built "${built}/${target}/release")

file(INSTALL "${SOURCE_PATH}/include/" DESTINATION "${CURRENT_PACKAGES_DIR}/include")
if(kind STREQUAL "staticlib")
  if(target MATCHES "msvc")
    file(INSTALL "${built}/fastpar.lib" DESTINATION "${CURRENT_PACKAGES_DIR}/lib")
  else()
    file(INSTALL "${built}/libfastpar.a" DESTINATION "${CURRENT_PACKAGES_DIR}/lib")
  endif()
elseif(target MATCHES "msvc")
  file(INSTALL "${built}/fastpar.dll" DESTINATION "${CURRENT_PACKAGES_DIR}/bin")
  file(INSTALL "${built}/fastpar.dll.lib" DESTINATION "${CURRENT_PACKAGES_DIR}/lib" RENAME fastpar.lib)
elseif(target MATCHES "gnu$" AND VCPKG_TARGET_IS_MINGW)
  file(INSTALL "${built}/fastpar.dll" DESTINATION "${CURRENT_PACKAGES_DIR}/bin")
  file(INSTALL "${built}/libfastpar.dll.a" DESTINATION "${CURRENT_PACKAGES_DIR}/lib")
else()
  file(INSTALL "${built}/libfastpar.so" DESTINATION "${CURRENT_PACKAGES_DIR}/lib" RENAME libfastpar.so.1)
  file(CREATE_LINK libfastpar.so.1 "${CURRENT_PACKAGES_DIR}/lib/libfastpar.so" SYMBOLIC)
endif()
# One build serves both: nothing of the C library's kind crosses the interface.
if(NOT VCPKG_BUILD_TYPE)
  foreach(folder bin lib)
    if(EXISTS "${CURRENT_PACKAGES_DIR}/${folder}")
      file(COPY "${CURRENT_PACKAGES_DIR}/${folder}" DESTINATION "${CURRENT_PACKAGES_DIR}/debug")
    endif()
  endforeach()
endif()

vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE-MIT" "${SOURCE_PATH}/LICENSE-APACHE")

# find_package(fastpar): the targets fastpar::fastpar, the shared library, and fastpar::static (not for MSVC).
get_filename_component(_fastpar_root "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)

if(NOT TARGET fastpar::fastpar)
  add_library(fastpar::fastpar SHARED IMPORTED)
  set_target_properties(fastpar::fastpar PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${_fastpar_root}/include")
@LOCATION@
endif()

if(NOT TARGET fastpar::static AND NOT MSVC)
  add_library(fastpar::static STATIC IMPORTED)
  set_target_properties(fastpar::static PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${_fastpar_root}/include"
    INTERFACE_COMPILE_DEFINITIONS FASTPAR_STATIC
    INTERFACE_LINK_LIBRARIES "@CMAKE_PRIVATE@"
    IMPORTED_LOCATION "${_fastpar_root}/lib/libfastpar.a")
endif()

unset(_fastpar_root)

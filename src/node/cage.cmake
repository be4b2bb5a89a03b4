# The lockdown of a room: linked by every room and by the parent.
sk_module(cage
  ${CMAKE_CURRENT_LIST_DIR}/cage.c
  ${CMAKE_CURRENT_LIST_DIR}/cage_walls.c
  ${CMAKE_CURRENT_LIST_DIR}/cage_landlock.c
  ${CMAKE_CURRENT_LIST_DIR}/cage_filter.c
  ${CMAKE_CURRENT_LIST_DIR}/cage_probe.c
  ${CMAKE_CURRENT_LIST_DIR}/cage_attacks.c)
target_link_libraries(sk_cage PUBLIC sk_base PRIVATE PkgConfig::SECCOMP)

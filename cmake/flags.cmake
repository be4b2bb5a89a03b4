# What every module is compiled with, for this machine and for others (tests/arm).
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

option(SEKISHO_FUZZ "build the libFuzzer targets (clang)" OFF)
set(SEKISHO_SANITIZE "" CACHE STRING "sanitizers, as in -fsanitize=")

# Flags live on an interface target: a preset that sets CMAKE_C_FLAGS would replace them.
add_library(sk_flags INTERFACE)
target_compile_definitions(sk_flags INTERFACE _GNU_SOURCE)
cmake_path(GET CMAKE_CURRENT_LIST_DIR PARENT_PATH sekisho_root)
target_include_directories(sk_flags INTERFACE ${sekisho_root}/src)
target_compile_options(sk_flags INTERFACE
  -Werror -Wall -Wextra -Wpedantic -Wshadow -Wvla -Wconversion -Wsign-conversion
  -Wstrict-prototypes -Wmissing-prototypes -Wcast-qual -Wundef -Wformat=2 -Wnull-dereference
  -fstack-protector-strong -fno-strict-aliasing -ffp-contract=off)
target_link_options(sk_flags INTERFACE -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--as-needed)
if(SEKISHO_SANITIZE)
  target_compile_options(sk_flags INTERFACE
    -fsanitize=${SEKISHO_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(sk_flags INTERFACE -fsanitize=${SEKISHO_SANITIZE})
else()
  target_compile_options(sk_flags INTERFACE $<$<CONFIG:Release>:-D_FORTIFY_SOURCE=2>)
endif()
if(SEKISHO_FUZZ)
  target_compile_options(sk_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
set(CMAKE_C_FLAGS_RELEASE "-O2 -g1")
# Kernels are always fast; with sanitizers clang takes minutes for each of them at -O3.
set(sk_fast -O3)
if(SEKISHO_SANITIZE)
  set(sk_fast -O1)
endif()

# sk_module(name sources...): a static library sk_<name> of src/<name>.
function(sk_module name)
  add_library(sk_${name} STATIC ${ARGN})
  target_link_libraries(sk_${name} PUBLIC sk_flags)
endfunction()

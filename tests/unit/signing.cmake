sk_unit(signing sk_signing)
target_compile_definitions(test_signing PRIVATE SEKISHO_ROOT="${CMAKE_SOURCE_DIR}")

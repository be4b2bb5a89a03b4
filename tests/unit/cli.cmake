sk_unit(cli_generate sk_labelled)
sk_unit(cli_labelled sk_labelled)
target_compile_definitions(test_cli_labelled PRIVATE SEKISHO_ROOT="${CMAKE_SOURCE_DIR}")
sk_unit(cli_pin sk_pin)

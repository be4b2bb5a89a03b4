sk_unit(border_policy sk_border)
sk_unit(policy_read sk_policy)
target_compile_definitions(test_policy_read PRIVATE SEKISHO_ROOT="${CMAKE_SOURCE_DIR}")
sk_unit(policy_diff sk_policy)

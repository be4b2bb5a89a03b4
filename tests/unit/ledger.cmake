sk_unit(ledger_tree sk_ledger)
sk_unit(ledger_tile sk_ledger)
target_compile_definitions(test_ledger_tile PRIVATE SEKISHO_ROOT="${CMAKE_SOURCE_DIR}")
sk_unit(ledger_export sk_ledger)
sk_unit(ledger_scrub sk_ledger)
sk_unit(ledger_note sk_ledger)
sk_unit(ledger_skey sk_ledger)
sk_unit(ledger_transition sk_ledger)
sk_unit(ledger_log sk_ledger)
sk_unit(ledger_recover sk_ledger)
sk_unit(ledger_receipt sk_ledger)
sk_unit(ledger_whole sk_ledger)
target_compile_definitions(test_ledger_whole PRIVATE SEKISHO_ROOT="${CMAKE_SOURCE_DIR}")
sk_unit(ledger_audit sk_ledger)
sk_unit(ledger_archive sk_ledger)
sk_unit(ledger_order sk_ledger)
sk_unit(ledger_backup sk_ledger)
sk_unit(ledger_upkeep sk_ledger)
sk_unit(ledger_dense sk_ledger)

sk_unit(report sk_lib)

sk_unit(ledger_trust sk_ledger)
sk_unit(ledger_proof sk_ledger)
sk_unit(ledger_witness sk_ledger)
sk_unit(ledger_witness_store sk_ledger)

# Vectors of others.
foreach(set vectors vectors_sign vectors_logs vectors_notes vectors_witness)
  sk_unit(ledger_${set} sk_ledger)
  target_compile_definitions(test_ledger_${set} PRIVATE SEKISHO_ROOT="${CMAKE_SOURCE_DIR}")
endforeach()

# An independent verifier reads what we write.
add_executable(ledger_write ${CMAKE_SOURCE_DIR}/tests/api/ledger_write.c)
target_link_libraries(ledger_write PRIVATE sk_flags sk_ledger)
add_test(NAME api_go_verify COMMAND ${CMAKE_SOURCE_DIR}/tests/api/test_go_verify.sh
  $<TARGET_FILE:ledger_write> ${CMAKE_SOURCE_DIR}/tests/api)
set_tests_properties(api_go_verify PROPERTIES SKIP_RETURN_CODE 77)

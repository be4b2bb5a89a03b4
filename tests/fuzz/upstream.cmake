sk_fuzz(upstream_answer sk_upstream sk_node)
sk_fuzz(upstream_envelope sk_upstream sk_gate)

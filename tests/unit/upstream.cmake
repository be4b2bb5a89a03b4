sk_unit(upstream_write sk_upstream sk_gate)
sk_unit(upstream_read sk_upstream sk_node)

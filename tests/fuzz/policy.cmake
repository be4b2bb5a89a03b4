sk_fuzz(policy_wire sk_border)

sk_fuzz(policy_wire sk_border)
sk_fuzz(policy_yaml sk_policy)

sk_fuzz(head sk_gate)
sk_fuzz(openai sk_gate sk_engine)

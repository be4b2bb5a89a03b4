sk_fuzz(head sk_gate)
sk_fuzz(openai sk_gate sk_engine)
sk_fuzz(cors sk_gate)
sk_fuzz(anthropic sk_gate sk_engine)

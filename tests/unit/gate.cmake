sk_unit(gate_head sk_gate)
sk_unit(gate_openai sk_gate sk_engine)
sk_unit(gate_cors sk_gate)
sk_unit(gate_answers sk_gate)

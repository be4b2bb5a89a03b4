sk_unit(engine_gguf sk_engine)
sk_unit(engine_kernels sk_engine)
sk_unit(engine_tokens sk_engine)
sk_unit(engine_slots sk_engine)

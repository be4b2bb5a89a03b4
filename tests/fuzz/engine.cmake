sk_fuzz(gguf sk_engine)
sk_fuzz(tokenizer sk_engine)
sk_fuzz(sampling sk_engine)
sk_fuzz(jinja sk_engine)

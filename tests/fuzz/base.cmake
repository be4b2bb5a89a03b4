sk_fuzz(json sk_base)
sk_fuzz(utf8 sk_base)
sk_fuzz(yaml sk_conf)

sk_unit(base sk_base sk_seal)
sk_unit(utf8 sk_base)
#sk_unit(json sk_base)
#sk_unit(yaml sk_conf)

sk_fuzz(keigo sk_keigo)
sk_fuzz(levels sk_keigo m)

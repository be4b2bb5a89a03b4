sk_fuzz(msg sk_node)
sk_fuzz(job sk_node)
sk_fuzz(piece sk_node)
sk_fuzz(conf sk_parent)

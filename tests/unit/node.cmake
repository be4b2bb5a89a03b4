sk_unit(msg sk_node)
sk_unit(conf sk_parent)
sk_unit(weights sk_parent)
sk_unit(border sk_border)

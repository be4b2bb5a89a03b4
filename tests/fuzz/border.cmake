sk_fuzz(table sk_border)

sk_fuzz(table sk_border)
sk_fuzz(mask sk_border)
sk_fuzz(restore sk_border)
sk_fuzz(scan sk_border)

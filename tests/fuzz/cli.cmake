sk_fuzz(labelled sk_labelled)
sk_fuzz(pin sk_pin)

sk_fuzz(labelled sk_labelled)
sk_fuzz(pin sk_pin)
sk_fuzz(lines sk_lines)
sk_fuzz(csv sk_csv)

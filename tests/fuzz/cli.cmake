sk_fuzz(labelled sk_labelled)

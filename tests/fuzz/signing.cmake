sk_fuzz(signing sk_signing)

sk_fuzz(receipt sk_ledger)
sk_fuzz(checkpoint sk_ledger)
sk_fuzz(recover sk_ledger)
sk_fuzz(tile sk_ledger)

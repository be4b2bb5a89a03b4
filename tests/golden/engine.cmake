sk_golden(stories sk_engine)
sk_golden(keigo sk_engine)

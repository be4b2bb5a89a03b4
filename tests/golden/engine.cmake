sk_golden(stories sk_engine)

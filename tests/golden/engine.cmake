sk_golden(stories sk_engine)
sk_golden(madoguchi sk_engine)

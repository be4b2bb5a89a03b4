# Parsers of src/train.
sk_fuzz(recipe sk_train)
sk_fuzz(record sk_train)
sk_fuzz(data_index sk_train)
sk_fuzz(snapshot sk_train)
sk_fuzz(convert sk_train)
sk_fuzz(tokens sk_train)

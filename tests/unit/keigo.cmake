# Tests of src/keigo.
sk_unit(keigo sk_keigo)

# Tests of src/keigo.
sk_unit(keigo sk_keigo)
sk_unit(keigo_direction sk_keigo)

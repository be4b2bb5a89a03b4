sk_unit(cli_generate sk_labelled)
sk_unit(cli_labelled sk_labelled)

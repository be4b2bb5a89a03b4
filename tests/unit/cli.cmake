sk_unit(cli_labelled sk_labelled)

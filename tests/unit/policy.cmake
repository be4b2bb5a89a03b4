sk_unit(border_policy sk_border)

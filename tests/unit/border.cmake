sk_unit(border_detector sk_border)

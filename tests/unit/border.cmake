sk_unit(border_detector sk_border)
sk_unit(border_words sk_border)

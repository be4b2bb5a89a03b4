// Forgets the macros of one inclusion of msg.def. No include guard: used after each.
#undef MESSAGE
#undef U8
#undef U16
#undef U32
#undef U64
#undef TEXT
#undef HASH
#undef END

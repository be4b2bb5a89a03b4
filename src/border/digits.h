// Digits: check digits and formats of identifiers, as pure functions of their characters.
//
// `digits` are ASCII digits (letters where the format has them, in capitals), exactly as many as
// the name says. True: the check holds. A check digit of one digit lets one in ten random numbers
// through; what a number is takes more (label.h).
#pragma once
#include <stdbool.h>
#include <stdint.h>

// My Number, 12: MIC ordinance 85 of 2014, article 5.
bool check_mynumber(const char *digits);
// Corporate number, 13: MOF ordinance 70 of 2014, article 2. Cannot see 0 for 9.
bool check_corporate(const char *digits);
// Driver's licence, 12: prefix of a public safety commission; the check digit is known from
// unofficial sources only.
bool check_licence_prefix(const char *digits);
bool check_licence(const char *digits);
// Insurer, payer and recipient numbers of health insurance, 6 to 8: MHLW.
bool check_insurer(const char *digits, uint32_t len);
// Resident-record code, 11: as My Number.
bool check_resident(const char *digits);
// ISO/IEC 7812: Luhn, and whether the number begins as cards of this length do.
bool check_luhn(const char *digits, uint32_t len);
bool check_card_range(const char *digits, uint32_t len);
// ISO 7064 MOD 97-10 over letters and digits, the first four moved to the end; length by country.
bool check_iban(const char *text, uint32_t len);
uint32_t iban_len(const char *country); // of two letters; 0: none
// ICAO 9303: line 2 of a passport (44) or a visa or card of 36; `<` stands for nothing.
bool check_mrz(const char *line, uint32_t len);

bool check_us_ssn(const char *digits);     // 9: area, group and serial that are given out
bool check_uk_nhs(const char *digits);     // 10: mod 11
bool check_uk_nino(const char *text);      // 9: AB123456C
bool check_fr_nir(const char *text);       // 15: mod 97; 2A and 2B are Corsica
bool check_es_nif(const char *text);       // 9: 12345678Z, X1234567L: mod 23
bool check_it_cf(const char *text);        // 16
bool check_de_tax(const char *digits);     // 11: ISO 7064 MOD 11,10, one digit twice or thrice
bool check_kr_date(const char *digits);    // 13: a date and a century
bool check_kr_rrn(const char *digits);     // 13: mod 11 (numbers given before October 2020)
bool check_cn_ric(const char *text);       // 18: region, date, ISO 7064 MOD 11-2
bool check_sg_nric(const char *text);      // 9: S1234567D
bool check_in_aadhaar(const char *digits); // 12: Verhoeff
bool check_in_pan(const char *text);       // 10: ABCPE1234F
bool check_lk_old(const char *text);       // 10: 9 digits and V or X; day of the year, + 500 female
bool check_lk_new(const char *digits);     // 12: year, day

// A day of the calendar, year from 1868 to 2100.
bool check_date(uint32_t year, uint32_t month, uint32_t day);
// All digits the same: no number that was given out.
bool digits_same(const char *digits, uint32_t len);
uint32_t digits_value(const char *digits, uint32_t len); // at most 9 of them

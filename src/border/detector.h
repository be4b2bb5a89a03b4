// Detectors: the kinds of things that can be found in a text, by name.
//
// A class of a policy names them ("jp.mynumber", "secret.*"); findings carry their number. The
// numbers travel between rooms of one build only; names are what files and leaves show.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/view.h"

// X(identifier, name, mask prefix): the prefix is what a mask says it stands for (mask.h).
#define DETECTORS(X)                                                                               \
    X(MYNUMBER, "jp.mynumber", "MYN")                                                              \
    X(CORPORATE, "jp.corporate_number", "CRP")                                                     \
    X(LICENCE, "jp.licence", "DRV")                                                                \
    X(INSURER, "jp.health_insurance", "INS")                                                       \
    X(PENSION, "jp.pension", "PEN")                                                                \
    X(EMPLOYMENT, "jp.employment_insurance", "EMP")                                                \
    X(PASSPORT, "jp.passport", "PSP")                                                              \
    X(RESIDENCE, "jp.residence_card", "RES")                                                       \
    X(RESIDENT, "jp.resident_code", "RCD")                                                         \
    X(BANK, "jp.bank_account", "BNK")                                                              \
    X(PHONE, "jp.phone", "TEL")                                                                    \
    X(POSTAL, "jp.postal", "ZIP")                                                                  \
    X(ADDRESS, "jp.address", "ADR")                                                                \
    X(MEDICAL, "jp.medical", "MED")                                                                \
    X(CRIMINAL, "jp.criminal", "CRM")                                                              \
    X(CREED, "jp.creed", "CRD")                                                                    \
    X(DISABILITY, "jp.disability", "DIS")                                                          \
    X(DISCRIMINATION, "jp.discrimination", "DSC")                                                  \
    X(PERSON, "person", "PER")                                                                     \
    X(BIRTHDATE, "birthdate", "DOB")                                                               \
    X(EMAIL, "email", "EML")                                                                       \
    X(CARD, "card", "CAR")                                                                         \
    X(IBAN, "iban", "IBN")                                                                         \
    X(IP, "ip", "IPA")                                                                             \
    X(MAC, "mac", "MAC")                                                                           \
    X(PHONE_INTL, "phone", "PHN")                                                                  \
    X(US_SSN, "us.ssn", "SSN")                                                                     \
    X(UK_NINO, "uk.nino", "NIN")                                                                   \
    X(UK_NHS, "uk.nhs", "NHS")                                                                     \
    X(FR_NIR, "fr.nir", "NIR")                                                                     \
    X(ES_NIF, "es.nif", "NIF")                                                                     \
    X(IT_CF, "it.cf", "ITC")                                                                       \
    X(DE_TAX, "de.tax_id", "DEI")                                                                  \
    X(KR_RRN, "kr.rrn", "RRN")                                                                     \
    X(CN_RIC, "cn.ric", "RIC")                                                                     \
    X(SG_NRIC, "sg.nric", "NRC")                                                                   \
    X(IN_AADHAAR, "in.aadhaar", "AAD")                                                             \
    X(IN_PAN, "in.pan", "PAN")                                                                     \
    X(LK_NIC, "lk.nic", "LKN")                                                                     \
    X(SECRET_KEY, "secret.private_key", "KEY")                                                     \
    X(SECRET_CLOUD, "secret.cloud", "CLD")                                                         \
    X(SECRET_TOKEN, "secret.token", "TOK")                                                         \
    X(SECRET_PASSWORD, "secret.password", "PWD")                                                   \
    X(SECRET_URL, "secret.url", "URL")                                                             \
    X(SECRET_OTHER, "secret.other", "SEC")                                                         \
    X(LISTED, "listed", "LST") /* the operator's own list of names and words */

enum detector {
#define X(identifier, name, prefix) DETECTOR_##identifier,
    DETECTORS(X)
#undef X
        DETECTOR_COUNT
};
_Static_assert(DETECTOR_COUNT <= 64, "a set is 64 bits");

struct detector_set {
    uint64_t bits;
};

const char *detector_name(enum detector detector);   // "jp.mynumber"
const char *detector_prefix(enum detector detector); // "MYN"
// Adds all that `pattern` names: one name, or "secret.*". False: nothing is called so.
bool detector_set_add(struct detector_set *set, struct view pattern);
static inline bool detector_in(const struct detector_set *set, enum detector detector) {
    return set->bits >> detector & 1;
}

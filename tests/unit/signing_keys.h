// The signers of tests/fuzz/corpus/signing: public halves of keys made, used once and thrown away.
// The bundles there were put together by hand and signed by the openssl command.
#pragma once
static const char *const signer_pems[] = {
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEP2W4n2e76pP1anfwfz3y3TVn6G5P\n"
    "l/TUszNWh0c0u89bjpWlXrFBiJZ/x007ZtLc3jCyFxom+PLFxB4hnpWquQ==\n"
    "-----END PUBLIC KEY-----\n",
    "-----BEGIN PUBLIC KEY-----\n"
    "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEweyAYSKJOSH4ocGs1yjaiYT2xBip+NNQ\n"
    "KMH7gQuGnWibXkC1K0VlQ+X4RppiEjv67TqPgy3fvOnSnGKxEWZajzXIEycl2mbk\n"
    "61PvOT35Pri7Pt4USMKcp9eTtKlu99zR\n"
    "-----END PUBLIC KEY-----\n",
    "-----BEGIN PUBLIC KEY-----\n"
    "MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQAIDhY9ihMtlJ5uI7yQF8ZbyysOyB7\n"
    "w9cDEYf8G72iSKQCYJBmTHOXyna0mdncRSsLnPf62VjlfjN/TK7itfP/udIBbv23\n"
    "1C1xAhz3xnS5Z7KE7GzGdtf7ND1k8kzCPvUAObOhFLRfxkSvlZh8doajGsOnfXAM\n"
    "/JPa1nkeLfjKp4TWrzY=\n"
    "-----END PUBLIC KEY-----\n",
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEAgkybmp1qb7ejYCxSepSuBUEa902fHbHdH3WuLmsXz94=\n"
    "-----END PUBLIC KEY-----\n",
};
static const char *const signer_names[] = {"p256", "p384", "p521", "ed"};
enum { SIGNERS = sizeof signer_pems / sizeof *signer_pems };

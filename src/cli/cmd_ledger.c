#include "cli/cli.h"

static const struct cli_command commands[] = {
    {"export", cmd_ledger_export,
     "export DIR: the log as a tlog-tiles directory, for verifiers and web servers"},
    {"backup", cmd_ledger_backup, "backup --out DIR: a verified copy of the log; the node may run"},
    {"restore", cmd_ledger_restore,
     "restore: a log goes on in place of an old copy, or of a backup"},
    {"retention", cmd_ledger_retention,
     "retention: what is kept of texts, for how long; --apply: erase what is due"},
    {"forecast", cmd_ledger_forecast, "forecast: how fast the log grows, when the disk is full"},
    {"scrub", cmd_ledger_scrub, "scrub DIR: read a log directory again and say what is damaged"},
    {"erase", cmd_ledger_erase,
     "erase --open N: make a kept text unreadable, and say so in the ledger"},
    {"disclose", cmd_ledger_disclose,
     "disclose --open N: leaves, proofs and chosen texts of a request, for others"},
    {"subject", cmd_ledger_subject,
     "subject --key-id KEY --out DIR: all that is kept of an API key"},
};

int cmd_ledger(int argc, char **argv) {
    return cli_group("ledger", commands, sizeof commands / sizeof *commands, argc, argv);
}

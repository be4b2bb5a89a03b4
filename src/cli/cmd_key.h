// `sekisho key`: API keys by their names; the words below are of the key that signs the log.
#pragma once

int cmd_key_log(int argc, char **argv);    // show, export, import
int cmd_key_rotate(int argc, char **argv); // rotate, retire
int cmd_key_compromised(int argc, char **argv);
int cmd_key_archive(int argc, char **argv);
int cmd_key_archive_rotate(int argc, char **argv);

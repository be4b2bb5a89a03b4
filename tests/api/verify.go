// An independent verifier: golang.org/x/mod/sumdb/note and tlog decide, none of Sekisho's code.
//
//	verify VKEY receipt.json...          each receipt: signature, inclusion, binding
//	verify -log VKEY checkpoint leaves   a whole log, its leaves one per line
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type entry struct {
	Index int64
	Leaf  string
	Proof []tlog.Hash // base64 in JSON
}

type receipt struct {
	V, Origin, Checkpoint string
	Open                  entry
	Close                 *entry
	Salts                 map[string]string // opened by our own verifier only
}

type leaf struct {
	Type, Key string
	N, Open   int64
}

// checkpoint opens a C2SP checkpoint: its size and root, if vkey's owner signed it.
func checkpoint(text, vkey string) (origin string, size int64, root tlog.Hash, err error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return
	}
	opened, err := note.Open([]byte(text), note.VerifierList(verifier))
	if err != nil {
		return
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		err = errors.New("not a checkpoint of " + verifier.Name())
		return
	}
	if size, err = strconv.ParseInt(lines[1], 10, 64); err == nil {
		root, err = tlog.ParseHash(lines[2])
	}
	return lines[0], size, root, err
}

func bound(r receipt) error {
	var open, close leaf
	if err := json.Unmarshal([]byte(r.Open.Leaf), &open); err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(r.Close.Leaf), &close); err != nil {
		return err
	}
	if open.Type != "open" || close.Type != "close" || close.Open != r.Open.Index ||
		open.N != close.N || open.Key != close.Key {
		return errors.New("the two leaves are not of one request")
	}
	return nil
}

func verify(data []byte, vkey string) error {
	var r receipt
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&r); err != nil {
		return err
	}
	origin, size, root, err := checkpoint(r.Checkpoint, vkey)
	if err != nil {
		return err
	}
	if r.V != "sekisho-receipt/1" || r.Origin != origin {
		return errors.New("not a receipt of " + origin)
	}
	entries := []entry{r.Open}
	if r.Close != nil {
		entries = append(entries, *r.Close)
		if err := bound(r); err != nil {
			return err
		}
	}
	for _, e := range entries {
		hash := tlog.RecordHash([]byte(e.Leaf))
		if e.Index < 0 || e.Index >= size {
			return errors.New("a leaf outside the tree")
		}
		if err := tlog.CheckRecord(e.Proof, size, root, e.Index, hash); err != nil {
			return err
		}
	}
	return nil
}

func verifyLog(vkey, note, leaves string) error {
	_, size, root, err := checkpoint(note, vkey)
	if err != nil {
		return err
	}
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var out []tlog.Hash
		for _, i := range indexes {
			out = append(out, stored[i])
		}
		return out, nil
	})
	lines := strings.Split(strings.TrimSuffix(leaves, "\n"), "\n")
	for i, line := range lines {
		hashes, err := tlog.StoredHashes(int64(i), []byte(line), reader)
		if err != nil {
			return err
		}
		stored = append(stored, hashes...)
	}
	if size != int64(len(lines)) {
		return fmt.Errorf("%d leaves, a checkpoint of %d", len(lines), size)
	}
	made, err := tlog.TreeHash(size, reader)
	if err == nil && made != root {
		err = errors.New("the leaves have another root")
	}
	return err
}

func run(args []string) error {
	var files []string
	isLog := len(args) == 4 && args[0] == "-log"
	if isLog {
		args = args[1:]
	}
	if len(args) < 2 {
		return errors.New("usage: verify VKEY receipt... | verify -log VKEY checkpoint leaves")
	}
	for _, name := range args[1:] {
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		files = append(files, string(data))
	}
	if isLog {
		return verifyLog(args[0], files[0], files[1])
	}
	for i, data := range files {
		if err := verify([]byte(data), args[0]); err != nil {
			return fmt.Errorf("%s: %v", args[1+i], err)
		}
	}
	return nil
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "verify:", err)
		os.Exit(1)
	}
}

// An independent verifier of a whole log, as tlog-tiles: golang.org/x/mod/sumdb/note and tlog
// decide, none of Sekisho's code.
//
//	tiles DIRECTORY|URL VKEY [older checkpoints...]
//
// Checks the checkpoint's signature, that every entry is included, and that the log of each older
// checkpoint is a first part of it. TOKEN in the environment: the API key that reads entries.
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const width = 256

var client = http.Client{}

// source is a directory or the URL of a log.
type source string

func (s source) read(name string) ([]byte, error) {
	if !strings.HasPrefix(string(s), "http") {
		return os.ReadFile(string(s) + "/" + name)
	}
	request, err := http.NewRequest("GET", string(s)+"/"+name, nil)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(name, "tile/entries/") {
		request.Header.Set("Authorization", "Bearer "+os.Getenv("TOKEN"))
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != 200 {
		return nil, fmt.Errorf("%s: %s", name, response.Status)
	}
	return io.ReadAll(response.Body)
}

// What tlog.TileHashReader asks for; Go's names of tiles have the height in them.
func (s source) Height() int                     { return 8 }
func (s source) SaveTiles([]tlog.Tile, [][]byte) {}
func (s source) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var out [][]byte
	for _, tile := range tiles {
		bytes, err := s.read("tile/" + strings.TrimPrefix(tile.Path(), "tile/8/"))
		if err != nil {
			return nil, err
		}
		out = append(out, bytes)
	}
	return out, nil
}

func open(text []byte, verifier note.Verifier) (tree tlog.Tree, err error) {
	opened, err := note.Open(text, note.VerifierList(verifier))
	if err != nil {
		return
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return tree, errors.New("not a checkpoint of " + verifier.Name())
	}
	if tree.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return
	}
	tree.Hash, err = tlog.ParseHash(lines[2])
	return
}

// memory asks for each hash once; what it has was checked against the root.
type memory struct {
	from tlog.HashReader
	seen map[int64]tlog.Hash
}

func (m memory) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var missing []int64
	for _, i := range indexes {
		if _, ok := m.seen[i]; !ok {
			missing = append(missing, i)
		}
	}
	if len(missing) > 0 {
		hashes, err := m.from.ReadHashes(missing)
		if err != nil {
			return nil, err
		}
		for i, hash := range hashes {
			m.seen[missing[i]] = hash
		}
	}
	var out []tlog.Hash
	for _, i := range indexes {
		out = append(out, m.seen[i])
	}
	return out, nil
}

// fetch asks at once for all hashes below a tile.
func (m memory) fetch(from, count int64) error {
	var indexes []int64
	for level := 0; level <= 8; level++ {
		for i := from >> level; (i+1)<<level <= from+count; i++ {
			indexes = append(indexes, tlog.StoredHashIndex(level, i))
		}
	}
	_, err := m.ReadHashes(indexes)
	return err
}

func bundleName(from, count int64) string {
	tile := tlog.Tile{H: 8, L: 0, N: from / width, W: int(count)}
	return "tile/entries/" + strings.TrimPrefix(tile.Path(), "tile/8/0/")
}

func checkBundle(s source, tree tlog.Tree, hashes memory, from, count int64) error {
	bundle, err := s.read(bundleName(from, count))
	if err == nil {
		err = hashes.fetch(from, count)
	}
	if err != nil {
		return err
	}
	for i := from; i < from+count; i++ {
		if len(bundle) < 2 || len(bundle) < 2+int(binary.BigEndian.Uint16(bundle)) {
			return fmt.Errorf("entry %d is cut", i)
		}
		end := 2 + int(binary.BigEndian.Uint16(bundle))
		proof, err := tlog.ProveRecord(tree.N, i, hashes)
		if err == nil {
			err = tlog.CheckRecord(proof, tree.N, tree.Hash, i, tlog.RecordHash(bundle[2:end]))
		}
		if err != nil {
			return fmt.Errorf("entry %d: %v", i, err)
		}
		bundle = bundle[end:]
	}
	if len(bundle) > 0 {
		return errors.New("a bundle of entries has more than its entries")
	}
	return nil
}

func run(args []string) error {
	if len(args) < 2 {
		return errors.New("usage: tiles DIRECTORY|URL VKEY [older checkpoints...]")
	}
	s := source(args[0])
	verifier, err := note.NewVerifier(args[1])
	if err != nil {
		return err
	}
	text, err := s.read("checkpoint")
	if err != nil {
		return err
	}
	tree, err := open(text, verifier)
	if err != nil {
		return err
	}
	hashes := memory{tlog.TileHashReader(tree, s), map[int64]tlog.Hash{}}
	for from := int64(0); from < tree.N; from += width {
		count := tree.N - from
		if count > width {
			count = width
		}
		if err := checkBundle(s, tree, hashes, from, count); err != nil {
			return err
		}
	}
	for _, name := range args[2:] {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		old, err := open(text, verifier)
		if err != nil {
			return fmt.Errorf("%s: %v", name, err)
		}
		proof, err := tlog.ProveTree(tree.N, old.N, hashes)
		if err == nil {
			err = tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash)
		}
		if err != nil {
			return fmt.Errorf("%s: %v", name, err)
		}
	}
	fmt.Printf("%d entries included, %d older checkpoints consistent\n", tree.N, len(args)-2)
	return nil
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "tiles:", err)
		os.Exit(1)
	}
}

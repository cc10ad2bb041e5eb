// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
)

// schemaVersion is that of the names and of the manifest.
const schemaVersion = 1

// manifest is manifest.json.
type manifest struct {
	SchemaVersion int     `json:"schema_version"`
	Files         []entry `json:"files"` // by name
}

type entry struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"` // 64 hex digits
	Size   int    `json:"size"`   // bytes
}

func hash(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// manifestOf writes the one manifest that files can have.
func manifestOf(files map[string][]byte) ([]byte, error) {
	m := manifest{SchemaVersion: schemaVersion, Files: []entry{}}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		m.Files = append(m.Files, entry{name, hash(files[name]), len(files[name])})
	}
	text, err := json.MarshalIndent(m, "", "  ")
	return append(text, '\n'), err
}

// compare holds files to the manifest that came with them. To be the same bytes as manifestOf is enough; the rest finds the words.
func compare(given []byte, files map[string][]byte) error {
	own, err := manifestOf(files)
	if err != nil || bytes.Equal(given, own) {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(given))
	var m manifest
	if err := decoder.Decode(&m); err != nil {
		return malformed("%s: %v", Manifest, err)
	}
	if m.SchemaVersion != schemaVersion {
		return malformed("%s: want schema_version %d (got %d)", Manifest, schemaVersion, m.SchemaVersion)
	}
	rest := maps.Clone(files)
	for _, e := range m.Files {
		content, ok := rest[e.Name]
		switch {
		case !ok:
			return tampered("%.200q is in the manifest and not in the bundle", e.Name)
		case len(content) != e.Size:
			return tampered("%s has %d bytes; the manifest says %d", e.Name, len(content), e.Size)
		case hash(content) != e.SHA256:
			return tampered("%s has the sha256 %s; the manifest says %.64q", e.Name, hash(content), e.SHA256)
		}
		delete(rest, e.Name)
	}
	if len(rest) > 0 {
		return tampered("%s is in the bundle and not in the manifest", slices.Sorted(maps.Keys(rest))[0])
	}
	return tampered("%s is not written as heapgate writes it", Manifest)
}

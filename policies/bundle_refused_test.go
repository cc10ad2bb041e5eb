// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/elliptic"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/bundle"
)

func TestBundleThatIsRefused(t *testing.T) {
	tarball, public := signed(t, nil)
	_, otherPublic := keyPair(t, elliptic.P256())
	private384, public384 := keyPair(t, elliptic.P384())
	entries := unpack(t, tarball)
	changed := func(name string, change func(entry) []entry) []byte {
		var made []entry
		for _, e := range entries {
			if e.name == name {
				made = append(made, change(e)...)
				continue
			}
			made = append(made, e)
		}
		return repack(t, made)
	}
	add := func(extra ...entry) []byte { return repack(t, append(slices.Clone(entries), extra...)) }
	replaced := func(name, old, new string) []byte {
		return changed(name, func(e entry) []entry {
			if !strings.Contains(e.text, old) {
				t.Fatalf("%s has no %q", name, old)
			}
			return []entry{{e.name, strings.Replace(e.text, old, new, 1), e.kind}}
		})
	}
	gone := func(entry) []entry { return nil }
	const rule, sign = "/gate/gc/cpu_share.rego", "/.signatures.json"
	for name, test := range map[string]struct {
		tarball, key []byte
		kind         BundleErrorKind
		want         string
	}{
		"other key":            {tarball, otherPublic, BundleUntrusted, "not signed with this key"},
		"no key":               {tarball, nil, BundleKey, "want a public key in PEM"},
		"private key":          {tarball, private384, BundleKey, "want a public key in PEM"},
		"key of another curve": {tarball, public384, BundleKey, "P-256"},
		"changed rule":         {replaced(rule, "share.value > limit", "share.value > 9"), public, BundleTampered, "gate/gc/cpu_share.rego: digest mismatch"},
		"changed limit":        {replaced("/data.json", `"gc_cpu_share":0.25`, `"gc_cpu_share":1.25`), public, BundleTampered, "data.json: digest mismatch"},
		"changed manifest":     {replaced("/.manifest", `"rego_version":1`, `"rego_version":0`), public, BundleTampered, ".manifest: digest mismatch"},
		"missing rule":         {changed(rule, gone), public, BundleTampered, "signed but missing: gate/gc/cpu_share.rego"},
		"missing data":         {changed("/data.json", gone), public, BundleTampered, "signed but missing: data.json"},
		"added rule":           {add(entry{"/gate/x.rego", "package gate.x", tar.TypeReg}), public, BundleTampered, "gate/x.rego not included in bundle signature"},
		"unsigned":             {changed(sign, gone), public, BundleUnsigned, "has no .signatures.json"},
		"no signature":         {changed(sign, func(e entry) []entry { return []entry{{sign, `{"signatures":[]}`, tar.TypeReg}} }), public, BundleUnsigned, "holds no signature"},
		"signatures no JSON":   {changed(sign, func(e entry) []entry { return []entry{{sign, "{", tar.TypeReg}} }), public, BundleMalformed, ".signatures.json"},
		"signature by the public key": {
			changed(sign, func(e entry) []entry { return []entry{{sign, forgedHMAC(t, public), tar.TypeReg}} }), public, BundleUntrusted, "not signed with this key",
		},
		"no algorithm": {changed(sign, func(e entry) []entry {
			return []entry{{sign, `{"signatures":["eyJhbGciOiJub25lIn0.e30."]}`, tar.TypeReg}}
		}), public, BundleUntrusted, ""},
		"other verifier":        {changed(sign, func(e entry) []entry { return []entry{{sign, `{"signatures":["x"],"plugin":"none"}`, tar.TypeReg}} }), public, BundleUntrusted, "none"},
		"delta bundle":          {repack(t, []entry{{"/patch.json", `{"data":[]}`, tar.TypeReg}}), public, BundleMalformed, "/patch.json"},
		"path leads out":        {add(entry{"../../etc/x.rego", "x", tar.TypeReg}), public, BundleMalformed, "leads elsewhere"},
		"path leads back":       {add(entry{"/gate/../gate/x.rego", "x", tar.TypeReg}), public, BundleMalformed, "leads elsewhere"},
		"two slashes":           {add(entry{"//gate/x.rego", "x", tar.TypeReg}), public, BundleMalformed, "leads elsewhere"},
		"Windows path":          {add(entry{`gate\x.rego`, "x", tar.TypeReg}), public, BundleMalformed, "leads elsewhere"},
		"link":                  {add(entry{"/gate/x.rego", "/etc/passwd", tar.TypeSymlink}), public, BundleMalformed, "no plain file"},
		"folder":                {add(entry{"/gate/", "", tar.TypeDir}), public, BundleMalformed, "no plain file"},
		"two spellings":         {add(entry{strings.TrimPrefix(rule, "/"), "x", tar.TypeReg}), public, BundleMalformed, "there twice"},
		"other file":            {add(entry{"/README.md", "x", tar.TypeReg}), public, BundleMalformed, "none of the files of a pack"},
		"data deeper":           {add(entry{"/limits/data.json", "{}", tar.TypeReg}), public, BundleMalformed, "none of the files of a pack"},
		"no gzip":               {[]byte("limits: {}"), public, BundleMalformed, "want a gzipped tar"},
		"nothing":               {nil, public, BundleMalformed, "want a gzipped tar"},
		"cut off":               {tarball[:len(tarball)/2], public, BundleMalformed, "want a gzipped tar"},
		"empty":                 {repack(t, nil), public, BundleUnsigned, "has no .signatures.json"},
		"second archive behind": {slices.Concat(tarball, add()), public, BundleMalformed, "behind the archive"},
		"large as it comes":     {make([]byte, maxBundleBytes+1), public, BundleTooLarge, "larger than"},
		"large file":            {add(entry{"/gate/x.rego", strings.Repeat("#", maxFileBytes+1), tar.TypeReg}), public, BundleTooLarge, "gate/x.rego"},
		"inflates":              {add(bombs(20)...), public, BundleTooLarge, "inflates to more"},
		"PAX record":            {holes(t, "comment", 1), public, BundleMalformed, "extended attributes (PAX)"},
		"holes":                 {holes(t, "GNU.sparse", 1), public, BundleMalformed, "extended attributes (PAX)"},
		"global PAX record":     {global(t), public, BundleMalformed, "no plain file"},
		"padded":                {padded(t, maxInflatedBytes), public, BundleTooLarge, "inflates to more"},
		"many files":            {add(many1000()...), public, BundleTooLarge, "want at most 1000 files"},
	} {
		t.Run(name, func(t *testing.T) {
			pack, err := LoadBundle(test.tarball, test.key, nil)
			var refused *BundleError
			if pack != nil || !errors.As(err, &refused) || refused.Kind != test.kind || !strings.Contains(err.Error(), test.want) {
				t.Errorf("want a *BundleError of the kind %q that says %q, got %v", test.kind, test.want, err)
			}
		})
	}
}

func bombs(n int) (entries []entry) {
	for i := range n {
		entries = append(entries, entry{"/gate/" + strings.Repeat("x", i+1) + ".rego", strings.Repeat("#", maxFileBytes), tar.TypeReg})
	}
	return entries
}

// holes is files of one byte that PAX records call sparse, of the largest size that a file may have; with another key the records say
// nothing. The writer of package tar refuses to write sparse files, so the key is put in afterwards.
func holes(tb testing.TB, key string, count int) []byte {
	tb.Helper()
	var plain, out bytes.Buffer
	archive := tar.NewWriter(&plain)
	for i := range count {
		header := &tar.Header{Name: "/gate/" + strings.Repeat("x", i+1) + ".rego", Typeflag: tar.TypeReg, Mode: 0o600, Size: 1, PAXRecords: map[string]string{
			"ABC.sparse.size": strconv.Itoa(maxFileBytes), "ABC.sparse.numblocks": "1", "ABC.sparse.map": "0,1",
		}}
		if err := archive.WriteHeader(header); err != nil {
			tb.Fatal(err)
		}
		if _, err := archive.Write([]byte("#")); err != nil {
			tb.Fatal(err)
		}
	}
	zipped := gzip.NewWriter(&out)
	text := plain.Bytes()
	if key == "GNU.sparse" {
		text = bytes.ReplaceAll(text, []byte("ABC.sparse"), []byte(key))
	}
	_, err := zipped.Write(append(text, make([]byte, 1024)...))
	if err = errors.Join(err, zipped.Close()); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

// Should a file with holes ever be taken, its holes count: what is read is bounded, not only what is inflated.
func TestHolesCountAsBytes(t *testing.T) {
	plain := func(tarball []byte) *tar.Reader {
		unzipped, err := gzip.NewReader(bytes.NewReader(tarball))
		if err != nil {
			t.Fatal(err)
		}
		return tar.NewReader(unzipped)
	}
	header, err := plain(holes(t, "GNU.sparse", 1)).Next()
	if err != nil || header.Size != maxFileBytes {
		t.Fatalf("want package tar to take the file for one of %d bytes, got %+v, %v", maxFileBytes, header, err)
	}
	var refused *BundleError
	if _, err := readTar(plain(repack(t, bombs(maxInflatedBytes/maxFileBytes+1)))); !errors.As(err, &refused) || refused.Kind != BundleTooLarge {
		t.Errorf("want all files together to be bounded, got %v", err)
	}
	if files, err := readTar(plain(repack(t, bombs(maxInflatedBytes/maxFileBytes)))); err != nil || len(files) != maxInflatedBytes/maxFileBytes {
		t.Errorf("want %d bytes in all files to be taken, got %v", maxInflatedBytes, err)
	}
}

// global is an archive that begins with PAX records for all files.
func global(tb testing.TB) []byte {
	tb.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	archive := tar.NewWriter(zipped)
	err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeXGlobalHeader, Name: "/gate/x.rego", PAXRecords: map[string]string{"comment": "x"}})
	if err = errors.Join(err, archive.Close(), zipped.Close()); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

func many1000() (entries []entry) {
	for i := range maxFiles {
		entries = append(entries, entry{"/lib/" + strings.Repeat("x", i%80+1) + strings.Repeat("y", i/80) + ".rego", "", tar.TypeReg})
	}
	return entries
}

// padded has zeros behind the archive, which tar allows without end.
func padded(tb testing.TB, zeros int) []byte {
	tb.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	if _, err := zipped.Write(make([]byte, zeros+1)); err != nil {
		tb.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

// forgedHMAC is a token that is right if the public key is taken for a shared secret.
func forgedHMAC(tb testing.TB, public []byte) string {
	tb.Helper()
	token, err := bundle.GenerateSignedToken(nil, bundle.NewSigningConfig(string(public), "HS256", ""), keyID)
	if err != nil {
		tb.Fatal(err)
	}
	return `{"signatures":["` + token + `"]}`
}

// Whatever comes as a bundle: no panic, and a pack only with its signature.
func FuzzLoadBundle(f *testing.F) {
	tarball, public := signed(f, nil)
	want, err := LoadBundle(tarball, public, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(tarball)
	f.Add([]byte{})
	f.Add(repack(f, nil))
	f.Add(padded(f, 1<<10))
	for i := range unpack(f, tarball) {
		f.Add(repack(f, slices.Delete(unpack(f, tarball), i, i+1)))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		pack, err := LoadBundle(text, public, nil)
		if err != nil {
			var refused *BundleError
			if pack != nil || !errors.As(err, &refused) {
				t.Fatalf("want a *BundleError and no pack, got %v", err)
			}
			return
		}
		if pack.Digest() != want.Digest() {
			t.Fatal("a bundle that was not signed was loaded")
		}
	})
}

// The same one layer deeper: one file of a signed bundle is replaced, or one added, in an archive that is whole.
func FuzzChangedBundle(f *testing.F) {
	tarball, public := signed(f, nil)
	entries := unpack(f, tarball)
	for i, e := range entries {
		f.Add(uint(i), e.name, e.text+" ")
		f.Add(uint(i), e.name, "")
	}
	f.Add(uint(len(entries)), "/gate/x.rego", "package gate.x")
	f.Add(uint(len(entries)), "../x.rego", "package gate.x")
	f.Fuzz(func(t *testing.T, at uint, name, text string) {
		changed := slices.Clone(entries)
		if at < uint(len(entries)) {
			changed[at] = entry{name, text, tar.TypeReg}
		} else {
			changed = append(changed, entry{name, text, tar.TypeReg})
		}
		if len(name) == 0 || len(name) > 90 || strings.ContainsRune(name, 0) || len(text) > maxFileBytes {
			t.Skip()
		}
		isSame := at < uint(len(entries)) && strings.TrimPrefix(entries[at].name, "/") == strings.TrimPrefix(name, "/")
		if isSame && (entries[at].text == text || !strings.HasSuffix(name, ".rego")) {
			t.Skip() // JSON may be written in other words
		}
		pack, err := LoadBundle(repack(t, changed), public, nil)
		var refused *BundleError
		if pack != nil || !errors.As(err, &refused) {
			t.Fatalf("want a *BundleError and no pack, got %v", err)
		}
	})
}

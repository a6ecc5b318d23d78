package ektrust

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/pem"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tpmdps/internal/cabinet"
	"tpmdps/internal/ektrust/chain"
	"tpmdps/internal/ektrust/rootfile"
)

// update writes roots.tsv anew from the files that EK_ROOTS_SAMPLES names the folder of.
var update = flag.Bool("update", false, "write roots.tsv from the files in EK_ROOTS_SAMPLES")

// Files of certificates that the table is made from, and which state of them.
const (
	cabFile           = "TrustedTpm.cab"
	cabDate           = "2024-11-21"
	rootsFile         = "MIRROR.tpm-ca-certificates.pem"
	intermediatesFile = "MIRROR.tpm-intermediate-ca-certificates.pem"
)

// vendorNames are what a vendor is called by the files' folders and comments.
var vendorNames = map[string]string{"QC": "Qualcomm", "QUALCOMM": "Qualcomm", "STM": "STMicroelectronics", "STMicro": "STMicroelectronics", "NationZ": "Nationz", "NSING": "Nationz",
	"AMD": "AMD", "INTC": "Intel", "IFX": "Infineon", "MSFT": "Microsoft", "NTC": "Nuvoton", "NSG": "Nationz", "NTZ": "Nationz"}

// sample is a certificate of the samples, and what the sample says of it.
type sample struct {
	*chain.Certificate
	vendor, source, date string
	root                 bool
}

// readSamples reads the three files, certificates for attestation keys left out.
func readSamples(t *testing.T, folder string) (list []sample, attestation int) {
	t.Helper()
	add := func(der []byte, vendor, source, date string, root bool) {
		c, err := chain.Parse(der)
		if err != nil || !c.CA {
			return
		}
		if c.ForAttestationOnly() {
			attestation++
			return
		}
		if name, ok := vendorNames[vendor]; ok {
			vendor = name
		}
		list = append(list, sample{c, vendor, source, date, root || c.SelfIssued()})
	}
	files, err := cabinet.Read(read(t, folder, cabFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		vendor, place, _ := strings.Cut(f.Name, "/")
		der := f.Data
		if block, _ := pem.Decode(f.Data); block != nil {
			der = block.Bytes
		}
		// Pluton's root is in AMD's folder, and the one of Qualcomm's chips is
		// Microsoft's, too.
		if strings.Contains(f.Name, "/RootCA/Microsoft ") {
			vendor = "Microsoft"
		}
		add(der, vendor, cabFile, cabDate, strings.HasPrefix(place, "RootCA/") && !strings.Contains(f.Name, "-ICA"))
	}
	for _, name := range []string{rootsFile, intermediatesFile} {
		rest := read(t, folder, name)
		date := string(regexp.MustCompile(`## Date: (\S+)`).FindSubmatch(rest)[1])
		owner := regexp.MustCompile(`# Owner: (\S+)`)
		for {
			var block *pem.Block
			before := rest
			if block, rest = pem.Decode(rest); block == nil {
				break
			}
			head, _, _ := bytes.Cut(before, []byte("-----BEGIN"))
			add(block.Bytes, string(owner.FindSubmatch(head)[1]), "tpm-ca-certificates", date, name == rootsFile)
		}
	}
	// AMD published its two roots twice, with the same names and keys.
	for _, name := range []string{"amd-ftpm-ecc.crt", "amd-ftpm-rsa.crt"} {
		add(read(t, "../../testdata/roots", name), "AMD", "ruby-tpm-key-attestation", "2023-01-28", true)
	}
	return list, attestation
}

func read(t testing.TB, folder, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// tableOf writes the table: roots, and CAs of the time of SHA-1.
func tableOf(list []sample) string {
	const lastYearOfSHA1 = 2016
	type row struct {
		kind string
		sample
	}
	rows := map[[32]byte]row{}
	for _, s := range list {
		kind := "root"
		if !s.root {
			if kind = "sha1"; !s.SHA1() && (s.Key.RSA == nil || s.NotBefore.Year() > lastYearOfSHA1) {
				continue
			}
		}
		if old, there := rows[s.Fingerprint]; !there || old.kind == "sha1" && kind == "root" {
			rows[s.Fingerprint] = row{kind, s}
		}
	}
	var lines []string
	for fp, r := range rows {
		lines = append(lines, strings.Join([]string{hex.EncodeToString(fp[:]), r.kind, r.vendor, r.Subject.String(), r.source, r.date}, "\t")+"\n")
	}
	slices.SortFunc(lines, func(a, b string) int {
		x, y := strings.Split(a, "\t"), strings.Split(b, "\t")
		return cmp.Or(cmp.Compare(x[1], y[1]), cmp.Compare(x[2], y[2]), cmp.Compare(x[3], y[3]), cmp.Compare(x[0], y[0]))
	})
	return "# Made by TestTable (go test ./internal/ektrust -run TestTable -update). SHA-256 of the DER, kind, vendor, subject, source, its date.\n" + strings.Join(lines, "")
}

// The table is what its sources say. Without them its own form is looked at.
func TestTable(t *testing.T) {
	if folder := os.Getenv("EK_ROOTS_SAMPLES"); folder != "" {
		list, attestation := readSamples(t, folder)
		want := tableOf(list)
		t.Logf("%d certificates for endorsement keys, %d for attestation keys", len(list), attestation)
		if *update {
			if err := os.WriteFile("roots.tsv", []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		} else if want != rootsTable {
			t.Error("roots.tsv is not what the samples say: go test ./internal/ektrust -run TestTable -update")
		}
	}
	if *update {
		return
	}
	anchors, seen := 0, map[[32]byte]bool{}
	for _, r := range Roots() {
		if seen[r.Fingerprint] || r.Name == "" || r.Source == "" || vendorIDs[r.Vendor] == nil {
			t.Errorf("a row that is there twice, or lacks something: %+v", r)
		}
		if _, err := time.Parse(time.DateOnly, r.Date); err != nil {
			t.Errorf("%s: %v", r.Name, err)
		}
		seen[r.Fingerprint] = true
		if r.Anchor {
			anchors++
		}
	}
	if anchors < 40 || len(seen) < anchors+36 {
		t.Errorf("%d roots and %d others, want 40 and 36 at least", anchors, len(seen)-anchors)
	}
	if RootsDate().Year() < 2026 {
		t.Errorf("RootsDate() = %v", RootsDate())
	}
}

// Every CA of the samples leads to a pinned root, at the time at which it was
// certified.
func TestSamplesChain(t *testing.T) {
	folder := os.Getenv("EK_ROOTS_SAMPLES")
	if folder == "" {
		t.Log("EK_ROOTS_SAMPLES names no folder with TrustedTpm.cab and the two files of tpm-ca-certificates; the table's own certificates are tested with what make test has")
		return
	}
	for _, files := range [][]string{{cabFile}, {rootsFile, intermediatesFile}, {cabFile, rootsFile, intermediatesFile}} {
		var given []*chain.Certificate
		attestation, ignored := 0, 0
		for _, name := range files {
			b, err := rootfile.Load(filepath.Join(folder, name))
			if err != nil {
				t.Fatal(err)
			}
			given = append(given, b.Certificates...)
			attestation += b.Attestation
			ignored += len(b.Ignored)
		}
		s := NewStore(given, nil)
		found, broken := chainAll(s, given)
		t.Logf("%v: %d certificates of CAs (%d different), %d for attestation keys left out, %d files ignored; paths: %v", files, len(given), s.Len(), attestation, ignored, found)
		for _, line := range broken {
			t.Log("  no path: " + line)
		}
		want := 0 // what is in the files is complete in itself
		if len(files) == 1 {
			want = 36 // AMD's fTPM CAs, whose root the cabinet lacks
		}
		if counts := [3]int{len(given), s.Len(), attestation}; !slices.Contains([][3]int{{366, 366, 1822}, {169, 169, 0}, {535, 409, 1822}}, counts) {
			t.Errorf("%v: certificates, different ones, those for attestation keys: %v", files, counts)
		}
		if len(broken) != want {
			t.Errorf("%v: %d CAs without a path, want %d", files, len(broken), want)
		}
	}
}

// chainAll looks for the path of each certificate and counts them by kind.
func chainAll(s *Store, list []*chain.Certificate) (found map[string]int, broken []string) {
	found = map[string]int{}
	for _, c := range list {
		path, err := s.search(&Verdict{}, nil).Find(c)
		if err != nil {
			broken = append(broken, fmt.Sprintf("%s: %v: %s", c.Subject, err, c.Issuer))
			continue
		}
		found[fmt.Sprintf("%d links", len(path)-1)]++
		for i, c := range path[:len(path)-1] {
			if c.SHA1() {
				found["hops with SHA-1"]++
			}
			if !bytes.Equal(c.AuthorityKey, path[i+1].SubjectKey) && len(c.AuthorityKey) > 0 && len(path[i+1].SubjectKey) > 0 {
				found["other key identifiers"]++
			}
			if c.NotBefore.Before(path[i+1].NotBefore) {
				found["older than the issuer"]++
			}
		}
	}
	return found, broken
}

// Sbom prints what the programs of a release are made of, as a CycloneDX 1.5 document: the modules that each built
// file itself says it holds (debug/buildinfo), with licences, and the SHA-256 of the file. The same files give the
// same document.
package main

import (
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"spor/build/release"
)

func main() {
	version := flag.String("version", "", "version of the release")
	seconds := flag.Int64("time", 0, "time of the release, in seconds since 1970")
	flag.Parse()
	if err := run(context.Background(), flag.Arg(0), *version, time.Unix(*seconds, 0).UTC()); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dir, version string, at time.Time) error {
	files, err := filepath.Glob(filepath.Join(dir, "spor*"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("no programs in %q", dir)
	}
	root, err := release.Root()
	if err != nil {
		return err
	}
	modules, err := release.Linked(ctx, root)
	if err != nil {
		return err
	}
	doc, err := describe(files, modules, version, at)
	if err != nil {
		return err
	}
	enc := json.NewEncoder(os.Stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(doc)
}

// The shapes below are those of CycloneDX 1.5 (cyclonedx.org/docs/1.5/json), as far as they are used.
type document struct {
	Format       string       `json:"bomFormat"`
	Spec         string       `json:"specVersion"`
	Serial       string       `json:"serialNumber"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Timestamp time.Time `json:"timestamp"`
	Component component `json:"component"`
}

type component struct {
	Type     string    `json:"type"`
	Ref      string    `json:"bom-ref"`
	Name     string    `json:"name"`
	Version  string    `json:"version"`
	PURL     string    `json:"purl,omitempty"`
	Hashes   []hash    `json:"hashes,omitempty"`
	Licences []licence `json:"licenses,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type licence struct {
	Expression string `json:"expression"`
}

type dependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn,omitempty"`
}

func describe(files []string, modules []release.Module, version string, at time.Time) (*document, error) {
	own := []licence{{Expression: "Apache-2.0"}}
	doc := &document{Format: "CycloneDX", Spec: "1.5", Version: 1}
	doc.Metadata = metadata{Timestamp: at, Component: component{Type: "application", Ref: "spor", Name: "spor", Version: version, Licences: own}}
	whole := dependency{Ref: "spor"}
	all := sha256.New()
	refs := map[string]bool{}
	var programs []component
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(content)
		all.Write(sum[:])
		info, err := buildinfo.ReadFile(file)
		if err != nil {
			return nil, err
		}
		name := filepath.Base(file)
		programs = append(programs, component{
			Type: "application", Ref: name, Name: name, Version: version, Licences: own,
			Hashes: []hash{{Algorithm: "SHA-256", Content: hex.EncodeToString(sum[:])}},
		})
		whole.DependsOn = append(whole.DependsOn, name)
		needs := dependency{Ref: name, DependsOn: []string{purl(release.Standard, info.GoVersion)}}
		for _, dep := range info.Deps {
			if dep.Replace != nil { // by what is ours: see go.mod
				continue
			}
			needs.DependsOn = append(needs.DependsOn, purl(dep.Path, dep.Version))
		}
		for _, ref := range needs.DependsOn {
			refs[ref] = true
		}
		doc.Dependencies = append(doc.Dependencies, needs)
	}
	doc.Dependencies = append([]dependency{whole}, doc.Dependencies...)
	doc.Components = programs
	for _, m := range modules {
		l, err := release.ReadLicence(m.Dir)
		if err != nil {
			return nil, err
		}
		ref := purl(m.Path, m.Version)
		if !refs[ref] {
			continue
		}
		delete(refs, ref)
		doc.Components = append(doc.Components, component{
			Type: "library", Ref: ref, Name: m.Path, Version: m.Version, PURL: ref, Licences: []licence{{Expression: l.SPDX}},
		})
	}
	for ref := range refs {
		return nil, fmt.Errorf("%s is in a program but not in what the sources import", ref)
	}
	doc.Serial = "urn:uuid:" + uuid(all.Sum(nil))
	return doc, nil
}

// purl names a Go module as package-url does; the standard library is pkg:golang/std.
func purl(path, version string) string {
	return "pkg:golang/" + path + "@" + strings.TrimPrefix(version, "go")
}

// uuid shapes a digest as a version 8 UUID (RFC 9562): what the document is about decides its name.
func uuid(digest []byte) string {
	b := [16]byte(digest[:16])
	b[6] = b[6]&0x0f | 0x80
	b[8] = b[8]&0x3f | 0x80
	h := hex.EncodeToString(b[:])
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

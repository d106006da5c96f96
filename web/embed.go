// Package web serves Bongsu's console and its JavaScript client. Both are built
// ahead (npm run build) and embedded, so that building the hub takes Go alone.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed all:dist
var dist embed.FS

// policy lets the page run what this handler serves and talk to hubs, and nothing
// else. Which hubs cannot be said here: a page goes on at other nodes when its own
// has gone, and some of them start after it was loaded.
const policy = "default-src 'self'; connect-src 'self' ws: wss: http: https:; img-src 'self'; " +
	"object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// contentTypes does not depend on the machine's own table, as package mime does.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".svg":  "image/svg+xml",
	".ts":   "text/plain; charset=utf-8",
}

// smallest is the size in bytes from which compressing a file is worth it.
const smallest = 512

// Handler serves the console at "/" and the JavaScript client at
// "/client/index.js", to GET and HEAD. Paths that are not files are 404: it takes
// over no other part's addresses. Files whose names hold their hash may be kept
// for ever, all others are asked for again each time and answered with 304 while
// they are the same. Everything is in memory, compressed once when Handler is
// called; the handler may be used by many goroutines.
func Handler() http.Handler {
	assets, err := load(dist, "dist")
	if err != nil {
		// An embedded file can always be read. Should that ever fail, the hub
		// works on and only its console does not.
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		})
	}
	return handler(assets)
}

// asset is one file as it is sent. Immutable.
type asset struct {
	contentType string
	cache       string
	etag        string
	plain       []byte
	gzipped     []byte // nil where that is no shorter
}

// load reads all files below root, by the path they are served at.
func load(files fs.FS, root string) (map[string]*asset, error) {
	assets := map[string]*asset{}
	err := fs.WalkDir(files, root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		served := strings.TrimPrefix(name, root)
		assets[served], err = newAsset(served, content)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	if index, ok := assets["/index.html"]; ok {
		assets["/"] = index
		delete(assets, "/index.html")
	}
	return assets, nil
}

func newAsset(name string, content []byte) (*asset, error) {
	sum := sha256.Sum256(content)
	a := &asset{
		contentType: contentTypes[path.Ext(name)],
		cache:       "no-cache",
		etag:        hex.EncodeToString(sum[:12]),
		plain:       content,
	}
	if a.contentType == "" {
		a.contentType = "application/octet-stream"
	}
	if strings.HasPrefix(name, "/assets/") {
		a.cache = "public, max-age=31536000, immutable"
	}
	if len(content) < smallest {
		return a, nil
	}
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	if packed.Len() < len(content) {
		a.gzipped = packed.Bytes()
	}
	return a, nil
}

func handler(assets map[string]*asset) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		secure(header)
		a, ok := assets[r.URL.Path]
		switch {
		case !ok:
			http.NotFound(w, r)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			header.Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		default:
			a.serve(w, r)
		}
	})
}

func secure(header http.Header) {
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "DENY")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
}

func (a *asset) serve(w http.ResponseWriter, r *http.Request) {
	content, etag := a.plain, `"`+a.etag+`"`
	header := w.Header()
	if a.gzipped != nil {
		header.Set("Vary", "Accept-Encoding")
		if takesGzip(r.Header.Get("Accept-Encoding")) {
			content, etag = a.gzipped, `"`+a.etag+`-gzip"`
			header.Set("Content-Encoding", "gzip")
		}
	}
	header.Set("Cache-Control", a.cache)
	header.Set("Etag", etag)
	if matches(r.Header.Get("If-None-Match"), etag) {
		header.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header.Set("Content-Type", a.contentType)
	header.Set("Content-Length", strconv.Itoa(len(content)))
	if r.Method == http.MethodGet {
		_, _ = w.Write(content) // the client may be gone
	}
}

// takesGzip reports whether an Accept-Encoding header allows gzip.
func takesGzip(accept string) bool {
	for part := range strings.SplitSeq(accept, ",") {
		name, params, _ := strings.Cut(part, ";")
		if strings.TrimSpace(name) != "gzip" {
			continue
		}
		quality, found := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q=")
		return !found || strings.Trim(quality, "0.") != ""
	}
	return false
}

// matches reports whether an If-None-Match header names the etag.
func matches(header, etag string) bool {
	for part := range strings.SplitSeq(header, ",") {
		part = strings.TrimPrefix(strings.TrimSpace(part), "W/")
		if part == "*" || part == etag {
			return true
		}
	}
	return false
}

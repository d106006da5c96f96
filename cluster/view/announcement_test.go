package view_test

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"bongsu/cluster/view"
)

// largest fills every field.
func largest() view.Announcement {
	var all []int32
	for shard := range int32(view.MaxShards) {
		all = append(all, shard)
	}
	return view.Announcement{
		ID: strings.Repeat("i", 22), Name: strings.Repeat("n", 63), Addr: strings.Repeat("a", 69), URL: "https://" + strings.Repeat("u", 62),
		Since: math.MaxInt64, Version: math.MaxUint32, Generation: math.MaxInt32, Shards: view.SetOf(all...),
	}
}

func TestTheLargestAnnouncementFitsMemberlistsMetadata(t *testing.T) {
	a := largest()
	b, err := a.Encode()
	if err != nil || len(b) > view.MaxEncoded {
		t.Fatalf("Encode = %d bytes, %v", len(b), err)
	}
	back, err := view.Decode(b)
	if err != nil || !back.Equal(a) {
		t.Errorf("Decode = %+v, %v", back, err)
	}
	a.URL += "u"
	if _, err := a.Encode(); err == nil || !strings.Contains(err.Error(), "at most 224") {
		t.Errorf("Encode = %v of texts that are too long", err)
	}
}

func TestAnnouncementsThatAreNoneAreRefused(t *testing.T) {
	good, err := member("a", 1, 3).Encode()
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"nothing":                   nil,
		"another format":            append([]byte{9}, good[1:]...),
		"cut off":                   good[:len(good)-3],
		"too long":                  append(bytes.Clone(good), make([]byte, view.MaxEncoded)...),
		"shards ending in nothing":  append(bytes.Clone(good), 0),
		"a text longer than it all": {1, 200, 'a'},
		"no end of a number":        append([]byte{1}, bytes.Repeat([]byte{0xff}, 30)...),
		"only a format":             {1},
	} {
		if a, err := view.Decode(b); err == nil {
			t.Errorf("%s: Decode = %+v", name, a)
		}
	}
	for name, spoil := range map[string]func(*view.Announcement){
		"no id":                 func(a *view.Announcement) { a.ID = "" },
		"no name":               func(a *view.Announcement) { a.Name = "" },
		"no address":            func(a *view.Announcement) { a.Addr = "" },
		"a line in its name":    func(a *view.Announcement) { a.Name = "a\nb" },
		"bytes that are none":   func(a *view.Announcement) { a.URL = "\xff" },
		"a negative generation": func(a *view.Announcement) { a.Generation = -1 },
		"too many shards":       func(a *view.Announcement) { a.Shards = bytes.Repeat([]byte{1}, 257) },
	} {
		a := member("a", 1, 3)
		spoil(&a)
		if _, err := a.Encode(); err == nil {
			t.Errorf("%s: encoded", name)
		}
	}
}

func TestAURLIsAnOriginOfTheWebOrNone(t *testing.T) {
	for url, good := range map[string]bool{
		"":                           true,
		"http://a":                   true,
		"https://node-1.example.com": true,
		"http://10.0.0.1:8080":       true,
		"https://[fe80::1]:8443":     true,
		"https://a/":                 false,
		"https://a/x":                false,
		"https://a?x=1":              false,
		"https://a?":                 false,
		"https://a#x":                false,
		"https://user@a":             false,
		"https://user:pass@a":        false,
		"https://":                   false,
		"https://:80":                false,
		"https://a:":                 false,
		"https://a:99999":            false,
		"https://a;script-src":       false,
		"https://a,b":                false,
		"https://*.a":                false,
		"https://a\"":                false,
		"https://<a>":                false,
		"https://[::1":               false,
		"https://[a]":                false,
		"HTTPS://a":                  false,
		"ws://a":                     false,
		"javascript:alert(1)":        false,
		"a":                          false,
		"//a":                        false,
	} {
		a := member("a", 1, 3)
		a.URL = url
		if _, err := a.Encode(); (err == nil) != good {
			t.Errorf("%q: %v", url, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, a := range []view.Announcement{member("a", 1, 3), member("b", 0), largest()} {
		b, err := a.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte{1, 255, 255, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := view.Decode(b)
		if err != nil {
			return
		}
		again, err := a.Encode()
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x became %x, %v", b, again, err)
		}
		view.New(64, a, member("b", 3, 1, 2)).Owner(1)
	})
}

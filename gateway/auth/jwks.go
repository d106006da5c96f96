package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"

	"bongsu/internal/hub"
)

const (
	// refreshEvery is how often the keys are fetched when nobody asks: how long a
	// key that its issuer withdrew may still be accepted.
	refreshEvery = 5 * time.Minute
	// refreshGap is the least time between two fetches, whatever kids tokens
	// name: a flood of made-up kids costs the issuer one request a gap.
	refreshGap = 5 * time.Second
	// fetchTimeout bounds one fetch.
	fetchTimeout = 5 * time.Second
	// maxKeySet is the longest JWKS that is read, in bytes.
	maxKeySet = 1 << 20
)

// keySet keeps the keys of a JWKS at hand. What was fetched once stays in use
// until a later fetch replaces it, so an issuer that is away disturbs only
// tokens of keys not seen yet.
type keySet struct {
	url     string
	log     *slog.Logger
	now     func() time.Time
	changed func() // called after other keys have come into use

	current atomic.Pointer[keyfunc.Keyfunc] // nil before the first fetch

	mu      sync.Mutex // held during a fetch; guards what follows
	fetched time.Time  // when the last fetch ended
	failed  error      // why it failed
	raw     string     // what the last good one brought
}

func newKeySet(url string, log *slog.Logger, now func() time.Time, changed func()) *keySet {
	return &keySet{url: url, log: log, now: now, changed: changed}
}

// run fetches the keys at once and then every refreshEvery until ctx ends.
func (s *keySet) run(ctx context.Context) {
	tick := time.NewTicker(refreshEvery)
	defer tick.Stop()
	for {
		_ = s.refresh(ctx) // logged there
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// key returns the key, or all keys for a token that names none, to verify t.
func (s *keySet) key(ctx context.Context, t *jwt.Token) (any, error) {
	key, err := s.find(ctx, t)
	if !errors.Is(err, jwkset.ErrKeyNotFound) {
		return key, err
	}
	if failed := s.refresh(ctx); failed != nil {
		return nil, hub.Unavailablef("the token's key cannot be fetched now: try again")
	}
	key, err = s.find(ctx, t)
	if errors.Is(err, jwkset.ErrKeyNotFound) {
		return nil, hub.Unauthenticatedf("the token names an unknown key")
	}
	return key, err
}

// find looks among the keys at hand. The error is jwkset.ErrKeyNotFound where
// other keys could decide.
func (s *keySet) find(ctx context.Context, t *jwt.Token) (any, error) {
	current := s.current.Load()
	if current == nil {
		return nil, jwkset.ErrKeyNotFound
	}
	key, err := (*current).KeyfuncCtx(ctx)(t)
	switch {
	case errors.Is(err, jwkset.ErrKeyNotFound):
		return nil, jwkset.ErrKeyNotFound
	case err != nil:
		return nil, hub.Unauthenticatedf("the token's key is not for its algorithm")
	}
	return key, nil
}

// refresh fetches the keys unless that was tried within refreshGap, and
// returns what became of the last try. Callers that come during a fetch wait
// for it and share its outcome, at most fetchTimeout.
func (s *keySet) refresh(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.fetched.IsZero() && s.now().Sub(s.fetched) < refreshGap {
		return s.failed
	}
	// One caller's end must not fail the fetch that others wait for.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
	defer cancel()
	raw, err := s.fetch(ctx)
	if err == nil && string(raw) != s.raw {
		err = s.use(ctx, raw)
	}
	if err != nil {
		s.log.Warn("the JWKS could not be refreshed; keys fetched earlier stay in use", "error", err)
	}
	s.fetched, s.failed = s.now(), err
	return err
}

func (s *keySet) fetch(ctx context.Context) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the JWKS answered %s", response.Status)
	}
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxKeySet+1))
	if err != nil {
		return nil, err
	}
	if len(raw) > maxKeySet {
		return nil, fmt.Errorf("the JWKS is longer than %d bytes", maxKeySet)
	}
	return raw, nil
}

// use puts the keys of raw in the place of those at hand.
func (s *keySet) use(ctx context.Context, raw []byte) error {
	var set jwkset.JWKSMarshal
	if err := json.Unmarshal(raw, &set); err != nil {
		return fmt.Errorf("decode the JWKS: %w", err)
	}
	storage := jwkset.NewMemoryStorage()
	usable := 0
	for _, marshal := range set.Keys {
		if marshal.USE == jwkset.UseEnc || marshal.KTY == jwkset.KtyOct {
			continue // not for signatures, or a secret, which nobody publishes
		}
		key, err := jwkset.NewJWKFromMarshal(marshal, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
		if err != nil {
			s.log.Warn("a key of the JWKS cannot be used", "kid", marshal.KID, "error", err)
			continue
		}
		if err := storage.KeyWrite(ctx, key); err != nil {
			return err
		}
		usable++
	}
	if usable == 0 {
		return errors.New("the JWKS has no key that can be used")
	}
	keys, err := keyfunc.New(keyfunc.Options{Ctx: context.Background(), Storage: storage})
	if err != nil {
		return err
	}
	s.current.Store(&keys)
	s.raw = string(raw)
	s.changed()
	s.log.Info("the keys of the JWKS are in use", "keys", usable)
	return nil
}

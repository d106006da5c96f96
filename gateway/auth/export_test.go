package auth

// Forget empties the cache of verified tokens.
func (v *Verifier) Forget() { v.verified.clear() }

// RefreshGap is the least time between two fetches of a JWKS.
const RefreshGap = refreshGap

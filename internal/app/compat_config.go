package app

import (
	"slices"
	"strings"
	"time"

	"bongsu/internal/hub"
)

// The older kinds of client and producer that a node can serve unchanged.
const (
	compatPoC      = "poc"
	compatSTOMP    = "stomp"
	compatRedis    = "redis"
	compatOrderSSE = "order-sse"
)

// CompatConfig says which older clients and producers this node serves. The zero
// value serves none.
type CompatConfig struct {
	Compat            []string `name:"compat" env:"BONGSU_COMPAT" help:"Older clients and producers to serve unchanged: poc, stomp, redis, order-sse; comma-separated."`
	CompatOpen        bool     `name:"compat-open" env:"BONGSU_COMPAT_OPEN" help:"Let the proof of concept's endpoints answer without a token: anybody may read and publish."`
	RedisURL          string   `name:"redis-url" env:"BONGSU_REDIS_URL" help:"Redis whose channels older services publish to, redis://user:pass@host:6379/0."`
	RedisOrderChannel string   `name:"redis-order-channel" env:"BONGSU_REDIS_ORDER_CHANNEL" default:"order" help:"The channel, and the name of the server-sent events, of orders."`
	TimeZone          string   `name:"time-zone" env:"BONGSU_TIME_ZONE" default:"Asia/Seoul" help:"Time zone of the older clients' and producers' local times."`
}

// serves reports whether an older kind is switched on.
func (c *CompatConfig) serves(kind string) bool { return slices.Contains(c.Compat, kind) }

// zone returns the older clients' time zone.
func (c *CompatConfig) zone() (*time.Location, error) {
	zone, err := time.LoadLocation(c.TimeZone)
	if err != nil || c.TimeZone == "" || c.TimeZone == "Local" {
		return nil, hub.Invalidf("BONGSU_TIME_ZONE is %q; want a name such as Asia/Seoul", c.TimeZone)
	}
	return zone, nil
}

// check returns an error that says what to change, wrapping hub.ErrInvalid.
func (c *CompatConfig) check() error {
	kinds := []string{compatPoC, compatSTOMP, compatRedis, compatOrderSSE}
	for _, kind := range c.Compat {
		if !slices.Contains(kinds, kind) {
			return hub.Invalidf("BONGSU_COMPAT: %q is none of %s", kind, strings.Join(kinds, ", "))
		}
	}
	switch {
	case c.serves(compatRedis) && c.RedisURL == "":
		return hub.Invalidf("BONGSU_COMPAT has redis: set BONGSU_REDIS_URL to something like redis://127.0.0.1:6379")
	case c.RedisURL != "" && !c.serves(compatRedis):
		return hub.Invalidf("BONGSU_REDIS_URL is set, and BONGSU_COMPAT does not have redis")
	case c.CompatOpen && !c.serves(compatPoC):
		return hub.Invalidf("BONGSU_COMPAT_OPEN is set, and BONGSU_COMPAT does not have poc, which it is for")
	case c.serves(compatOrderSSE) && (c.RedisOrderChannel == "" || strings.ContainsAny(c.RedisOrderChannel, "\r\n:")):
		return hub.Invalidf("BONGSU_REDIS_ORDER_CHANNEL is %q; as the name of events it has no line breaks or colons", c.RedisOrderChannel)
	}
	_, err := c.zone()
	return err
}

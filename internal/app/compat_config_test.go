package app

import (
	"errors"
	"strings"
	"testing"

	"bongsu/internal/hub"
)

func TestOlderClientsAreServedOnlyAsFarAsSettingsSay(t *testing.T) {
	good := CompatConfig{
		Compat: []string{"poc", "stomp", "redis", "order-sse"}, CompatOpen: true,
		RedisURL: "redis://:secret@127.0.0.1:6379", RedisOrderChannel: "order", TimeZone: "Asia/Seoul",
	}
	if err := good.check(); err != nil {
		t.Fatal(err)
	}
	if none := (&CompatConfig{TimeZone: "UTC"}); none.check() != nil || none.serves(compatPoC) {
		t.Error("nothing is served unless it is asked for")
	}
	for name, one := range map[string]struct {
		spoil func(*CompatConfig)
		says  string
	}{
		"an unknown kind":       {func(c *CompatConfig) { c.Compat = append([]string{"soap"}, c.Compat...) }, "soap"},
		"no Redis":              {func(c *CompatConfig) { c.RedisURL = "" }, "BONGSU_REDIS_URL"},
		"Redis for nothing":     {func(c *CompatConfig) { c.Compat = []string{"poc"} }, "BONGSU_REDIS_URL"},
		"open for nothing":      {func(c *CompatConfig) { c.Compat = []string{"redis"} }, "BONGSU_COMPAT_OPEN"},
		"no such time zone":     {func(c *CompatConfig) { c.TimeZone = "Asia/Nowhere" }, "BONGSU_TIME_ZONE"},
		"an order of two lines": {func(c *CompatConfig) { c.RedisOrderChannel = "a\nb" }, "BONGSU_REDIS_ORDER_CHANNEL"},
	} {
		bad := good
		one.spoil(&bad)
		err := bad.check()
		if !errors.Is(err, hub.ErrInvalid) || !strings.Contains(err.Error(), one.says) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error shows the password", name)
		}
	}
}

package app

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"bongsu/gateway/ingest"
	"bongsu/gateway/orders"
	"bongsu/gateway/poc"
	"bongsu/gateway/redis"
	"bongsu/gateway/sockjs"
	"bongsu/gateway/sse"
	"bongsu/gateway/stomp"
	"bongsu/gateway/stomp/places"
)

// startRedis begins to take what older services publish to Redis.
func (n *node) startRedis(context.Context) error {
	if !n.cfg.serves(compatRedis) {
		return nil
	}
	zone, err := n.cfg.zone()
	if err != nil {
		return err
	}
	redis.BridgeLogs(n.log)
	letters := ingest.NewDeadLetters(n.parts.kafka)
	source, err := redis.New(redis.Options{
		URL: n.cfg.RedisURL, OrderChannel: n.cfg.RedisOrderChannel, Zone: zone,
		Topic: n.cfg.KafkaIngressTopics[0], Journal: n.parts.producer, DeadLetters: letters,
		Shared: n.cfg.ClusterBind != "", Log: n.log, Metrics: n.registry,
	})
	if err != nil {
		return err
	}
	n.onStop("redis dead letters", func(context.Context) error { letters.Close(); return nil })
	n.background("redis", source.Run)
	return nil
}

// compat adds what older clients ask for to the handlers of the present ones.
type compat struct {
	mux           *http.ServeMux
	socket        http.Handler // of /ws
	notifications http.Handler // of GET /notifications
}

// addCompat adds the older clients that the settings name.
func (n *node) addCompat(ctx context.Context, c *compat) error {
	n.addPoC(c)
	if err := n.addSTOMP(ctx, c); err != nil {
		return err
	}
	if !n.cfg.serves(compatOrderSSE) {
		return nil
	}
	alarm, err := orders.Handler(n.parts.gateway, n.sseOptions(), n.cfg.RedisOrderChannel)
	if err == nil {
		c.mux.Handle("/notifications/orders", alarm)
	}
	return err
}

func (n *node) sseOptions() sse.Options {
	return sse.Options{Origins: n.cfg.AllowedOrigins, Peers: n.parts.cluster.PageURLs, Log: n.log}
}

// startPoC makes what the proof of concept's endpoints publish with.
func (n *node) startPoC() {
	if !n.cfg.serves(compatPoC) {
		return
	}
	n.parts.ingress = ingest.NewPublisher(n.parts.kafka, n.cfg.KafkaIngressTopics[0])
	n.onStop("ingress publisher", func(context.Context) error { n.parts.ingress.Close(); return nil })
}

// addPoC adds the proof of concept's endpoints; its requests name an id.
func (n *node) addPoC(c *compat) {
	if !n.cfg.serves(compatPoC) {
		return
	}
	if n.cfg.CompatOpen {
		n.log.Warn("BONGSU_COMPAT_OPEN: ANYBODY WHO REACHES THIS PORT CAN READ EVERYBODY'S ENTRIES AND PUBLISH, WITHOUT A TOKEN")
	}
	options := poc.Options{
		Publisher: n.parts.ingress, Open: n.cfg.CompatOpen,
		Origins: n.cfg.AllowedOrigins, Peers: n.parts.cluster.PageURLs, Log: n.log,
	}
	named := func(r *http.Request) bool { return r.URL.Query().Has("id") }
	c.socket = either(named, poc.Socket(n.parts.gateway, options), c.socket)
	c.notifications = either(named, poc.Events(n.parts.gateway, options), c.notifications)
	c.mux.Handle("/produce", poc.Produce(n.parts.gateway, options))
}

// addSTOMP adds STOMP over WebSocket, where a client offers it, and over SockJS.
func (n *node) addSTOMP(ctx context.Context, c *compat) error {
	if !n.cfg.serves(compatSTOMP) {
		return nil
	}
	zone, err := n.cfg.zone()
	if err != nil {
		return err
	}
	err = n.retry(ctx, "Kafka", func(ctx context.Context) error { return places.Ensure(ctx, n.parts.kafka) })
	if err != nil {
		return err
	}
	kept := places.New(n.parts.kafka, n.log)
	n.background("stomp places", kept.Run)
	server := stomp.NewServer(n.parts.gateway, stomp.Options{
		Zone: zone, Places: kept, Origins: n.cfg.AllowedOrigins, Peers: n.parts.cluster.PageURLs, Log: n.log,
	})
	c.socket = either(offersSTOMP, server, c.socket)
	c.mux.Handle("/ws/", sockjs.Handler(n.parts.gateway, server, sockjs.Options{
		Origins: n.cfg.AllowedOrigins, Peers: n.parts.cluster.PageURLs, Log: n.log,
	}))
	return nil
}

// offersSTOMP reports whether a WebSocket client offers a version of STOMP.
func offersSTOMP(r *http.Request) bool {
	for name := range strings.SplitSeq(strings.Join(r.Header["Sec-Websocket-Protocol"], ","), ",") {
		if slices.Contains(stomp.Subprotocols(), strings.TrimSpace(name)) {
			return true
		}
	}
	return false
}

// either serves a request by one handler if it is for it, else by the other.
func either(isFor func(*http.Request) bool, one, other http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isFor(r) {
			one.ServeHTTP(w, r)
			return
		}
		other.ServeHTTP(w, r)
	})
}

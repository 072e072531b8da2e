package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"log"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/galla-pay/galla/controller/internal/admin"
	"github.com/galla-pay/galla/controller/internal/deviceapi"
	"github.com/galla-pay/galla/controller/internal/eventapi"
	"github.com/galla-pay/galla/controller/internal/limit"
	"github.com/galla-pay/galla/controller/internal/ops"
	"github.com/galla-pay/galla/controller/internal/payapi"
)

// newRouter serves every HTTP door, with the deployment prefix and without.
func (c *controller) newRouter() (http.Handler, error) {
	r, err := c.newEngine()
	if err != nil {
		return nil, err
	}
	return payapi.StripPrefix(r), nil
}

// newEngine puts every HTTP door on one engine. Redirects that "mend" a path
// are off: they would change the path that was signed.
func (c *controller) newEngine() (*gin.Engine, error) {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.RedirectTrailingSlash, r.RedirectFixedPath, r.HandleMethodNotAllowed = false, false, true
	r.ContextWithFallback = true
	if err := r.SetTrustedProxies(nil); err != nil {
		panic(err) // nil is always good
	}
	r.Use(payapi.RequestID, gin.CustomRecoveryWithWriter(nil, func(g *gin.Context, cause any) {
		c.log.Error("a handler panicked", "route", g.FullPath(), "requestId", g.GetString("requestId"), "cause", cause)
		if admin.Owns(g.Request.URL.Path) {
			admin.Recovered(g)
			return
		}
		payapi.Recovered(g)
	}))
	r.Use(func(g *gin.Context) {
		start := time.Now()
		g.Next()
		c.metrics.HTTPRequest(g.FullPath(), g.Writer.Status(), g.GetString(payapi.CodeKey), time.Since(start))
	})
	// Every door is behind the limit of addresses, before anything is read or
	// hashed, but two: the UPI network is one address, and so may be whoever asks
	// for our health.
	addresses := limit.Addresses(c.limits.addresses)
	limited := r.Group("", addresses)
	r.NoRoute(addresses, answerOf(admin.NoRoute, payapi.NotFound))
	r.NoMethod(addresses, answerOf(admin.NoMethod, payapi.MethodNotAllowed))

	c.pay = payapi.New(payapi.Config{
		Journal: c.journal, Reader: c.db, Directory: c.people.get, LinkKey: c.keys.link, OrgID: c.OrgID, Settings: c.settings(),
		Sandbox: c.Sandbox, Log: c.log, Allow: c.limits.merchants.Allow, Trace: c.payTrace(),
	})
	c.events = eventapi.New(eventapi.Config{
		Feed: c.db, Directory: c.people.get, Verify: c.pay.Verify, Compose: c.callback.Compose,
		Allow: c.limits.merchants.Allow, Log: c.log,
	})
	c.pay.Register(c.traced(limited))
	c.events.Register(limited)
	office, err := admin.New(admin.Config{
		Service: admin.NewService(c.db), Callbacks: c.db, Enrolment: c.registrar, SigningKeys: onlineKeys{c.keys.ring},
		Payments: payments{rows: c.db, journal: c.journal}, Log: c.log,
	})
	if err != nil {
		return nil, err
	}
	office.Register(limited)
	c.upi.Register(r)
	devices := deviceapi.New(deviceapi.Config{
		Journal: c.journal, Provision: c.broker.Provision, Brokers: c.broker.URLs(),
		RootKey: c.keys.ring.Root().Private.Public().(ed25519.PublicKey), KeySet: c.keys.ring.KeySet,
		AllowFrom: c.SandboxEnrolFrom, Codes: c.registrar, Log: c.log,
	})
	devices.RegisterCodes(limited)
	if c.Sandbox {
		devices.Register(limited)
	}
	if c.brokerDoor != nil {
		c.brokerDoor.Register(r) // all of a broker's questions come from one address
	}
	// The public keys that sign callbacks, for merchants (phonepe-api: Callback).
	limited.GET("/v1/keys", func(g *gin.Context) {
		g.Header("Cache-Control", "public, max-age=30")
		g.Data(http.StatusOK, "application/jwk-set+json", c.keys.ring.JWKS())
	})
	r.GET("/healthz", gin.WrapH(ops.Healthz()))
	r.GET("/readyz", gin.WrapH(c.ready))
	r.GET("/metrics", gin.WrapH(c.metrics.Handler()))
	c.describe(r, limited)
	return r, nil
}

// answerOf answers what has no route in the words of the door that owns the path.
func answerOf(administration, others gin.HandlerFunc) gin.HandlerFunc {
	return func(g *gin.Context) {
		if admin.Owns(g.Request.URL.Path) {
			administration(g)
			return
		}
		others(g)
	}
}

// newReadiness says what must work before the controller can be sent work.
func (c *controller) newReadiness() *ops.Readiness {
	return ops.NewReadiness(c.log,
		ops.Check{Name: "database", Run: c.db.Ping},
		ops.Check{Name: "broker", Run: func(context.Context) error { return c.broker.Ready() }},
	)
}

// listenHTTP opens --listen: bounded, and with TLS where there is a certificate.
func (c *controller) listenHTTP() (net.Listener, error) {
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return nil, err
	}
	l = c.limits.conns.Listen(l)
	if c.certificate != nil {
		l = tls.NewListener(l, c.httpTLS(c.certificate))
	}
	return l, nil
}

// newServer bounds everything that a slow or hostile client could hold on to: a
// TLS handshake and a header 5 s each, a whole request 15 s, an answer 60 s,
// a connection without a request 2 min. HTTP/2 is off.
func (c *controller) newServer(h http.Handler) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler: h, Protocols: protocols,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 60 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
		ConnState: c.limits.conns.State, ErrorLog: log.New(serverLog{c.log}, "", 0),
	}
}

// serverLog is what net/http says. Strangers can make it say most of that at
// will, so it is for those who look for it.
type serverLog struct{ log *slog.Logger }

func (s serverLog) Write(line []byte) (int, error) {
	level := slog.LevelDebug
	if bytes.HasPrefix(line, []byte("http: Accept error")) || bytes.HasPrefix(line, []byte("http: panic serving")) {
		level = slog.LevelError
	}
	s.log.Log(context.Background(), level, "http server", "says", string(bytes.TrimSpace(line)))
	return len(line), nil
}

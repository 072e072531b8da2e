module github.com/galla-pay/galla/protocol

go 1.26

require (
	github.com/go-jose/go-jose/v4 v4.1.8
	pgregory.net/rapid v1.3.0
)

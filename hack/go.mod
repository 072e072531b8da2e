module github.com/galla-pay/galla/hack

go 1.26

require github.com/galla-pay/galla/protocol v0.0.0

require github.com/go-jose/go-jose/v4 v4.1.8 // indirect

replace github.com/galla-pay/galla/protocol => ../protocol

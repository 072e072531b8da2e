module github.com/galla-pay/galla/hack

go 1.26
